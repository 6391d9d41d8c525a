"""A run or a base, opened to be evaluated: what answers, what identifies it, and a run's validation data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.data.stored_records import validation_records
from mft_core.generation.assistant import Assistant
from mft_core.generation.opening import given_base, open_folder, target_folder
from mft_core.support import run_files
from mft_core.tuning.fingerprint import model_fingerprint

if TYPE_CHECKING:
    from mft_core.evaluation.losses import EvaluationContext
    from mft_core.recipe.schema import Recipe
    from mft_core.records import Record
    from mft_core.registry.catalog import Catalog
    from mft_core.run.plan import Plan


@dataclass
class Target:
    """What is evaluated; everything is loaded when it is first asked for.

    Attributes:
        reference: a run folder, or what `--base` takes.
        catalog: for model families, bases and tokenizations.
        family: the model family the user chose; "": recognised.
        base: reference of an adapter's base, if that is no longer where it was in training; "": it is.
    """

    reference: str
    catalog: Catalog
    family: str = ""
    base: str = ""

    @cached_property
    def folder(self) -> Path:
        """The run's folder, or the base's, fetched."""
        return target_folder(self.reference, self.catalog, self.family)

    @cached_property
    def recipe(self) -> Recipe | None:
        """The run's; None for a base."""
        from mft_core.recipe.loading import load_recipe

        path = Path(self.reference).expanduser() / run_files.RECIPE
        return load_recipe(path) if path.is_file() else None

    @cached_property
    def assistant(self) -> Assistant:
        """The model, ready to answer."""
        base = given_base(self.base, self.catalog, self.family)
        return open_folder(self.folder, self.catalog, self.family, base)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 that identifies the weights."""
        return model_fingerprint(self.folder)

    @cached_property
    def _plan(self) -> Plan:
        from mft_core.recipe.schema import Recipe
        from mft_core.run.plan import make_plan

        recipe = (self.recipe or Recipe()).model_copy(update={"eval": []})
        return make_plan(recipe.having("model", base=self.base) if self.base else recipe, self.catalog)

    def validation(self) -> EvaluationContext:
        """The run's validation samples under the model."""
        from accelerate import Accelerator

        from mft_core.run.row_form import fit_rows, measuring

        model = self.assistant.model
        return measuring(fit_rows(self._plan, model, model.dtype), Accelerator(cpu=model.device.type == "cpu"))

    def records(self) -> Mapping[str, Sequence[Record]]:
        """The run's validation records by task."""
        return validation_records(self._plan.task_set)
