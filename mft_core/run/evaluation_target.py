"""A run or a base, opened to be evaluated: what answers, what identifies it, and a run's validation data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.data.stored_records import validation_records
from mft_core.generation.assistant import Assistant, own_assistants
from mft_core.generation.opening import given_base, open_folder, target_folder
from mft_core.models.recognition import family_named, model_adapters, of_recorded_family
from mft_core.run.folder import lost_base
from mft_core.support import run_files
from mft_core.tuning.fingerprint import model_fingerprint
from mft_core.tuning.finished import Finished, find_finished, finished_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

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
        data: a folder of tasks to measure in place of the run's own; None: the run's own.
    """

    reference: str
    catalog: Catalog
    family: str = ""
    base: str = ""
    data: Path | None = None

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
    def answerer(self) -> Assistant:
        """The model, ready to answer."""
        base = given_base(self.base, self.catalog, self.family)
        return open_folder(self.folder, self.catalog, self.family, base)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 that identifies the weights."""
        return model_fingerprint(self.folder)

    @property
    def has_tasks(self) -> bool:
        """Whether there is validation data: a run's own, or what was given."""
        return self.recipe is not None or self.data is not None

    @property
    def tasks(self) -> Target | None:
        """Itself, where it has tasks."""
        return self if self.has_tasks else None

    @property
    def notices(self) -> Sequence[str]:
        """What to know of the data that was given."""
        return self._plan.warnings if self.data is not None else ()

    @cached_property
    def _plan(self) -> Plan:
        from mft_core.recipe.choices import Choice
        from mft_core.run.plan import make_plan

        recipe, tokenizer = (self.recipe, None) if self.recipe else self._as_a_base()
        recipe = recipe.model_copy(update={"eval": []})
        if self.base:
            recipe = recipe.having("model", base=self.base)
        elif lost_base(recipe) and not self._finished.stands_beside_base:
            # Of a whole model's base nothing is needed that the model does not have, too.
            recipe = recipe.having("model", base=str(self._finished.base.absolute()))
        if self.data is not None:
            folder = str(self.data.expanduser().absolute())
            recipe = recipe.having("data", path=folder, source=Choice(name="auto"), tasks=[], include=[], prepared="")
        return make_plan(recipe, self.catalog, tokenizer=tokenizer)

    def _as_a_base(self) -> tuple[Recipe, PreTrainedTokenizerBase]:
        """How a recipe names the model that is in `folder`, or the base of the adapter there; and its tokenizer."""
        from mft_core.recipe.schema import Recipe

        found = self._finished
        recipe = Recipe().having("model", base=str(found.base.absolute()), adapter=self.family)
        return recipe, finished_tokenizer(found)

    @cached_property
    def _finished(self) -> Finished:
        base, family = (given_base(self.base, self.catalog, self.family), family_named(self.family, self.catalog))
        with of_recorded_family(self.catalog):
            adapters = model_adapters(self.catalog)
            return find_finished(self.folder, adapters, base=base, wanted=family, catalog=self.catalog)

    def validation(self) -> EvaluationContext:
        """The tasks' validation samples under the model."""
        from accelerate import Accelerator

        from mft_core.run.row_form import fit_rows, measuring, on_every_task

        model = self.answerer.model
        fitted = fit_rows(self._plan, model, model.dtype)
        return on_every_task(measuring(fitted, Accelerator(cpu=model.device.type == "cpu")), self._plan.task_set)

    def own_assistants(self) -> Mapping[str, Assistant]:
        """By task, what answers in a tokenization that is its own."""
        return own_assistants(self._plan.parts.bound, self.answerer.model) if self.recipe else {}

    def records(self) -> Mapping[str, Sequence[Record]]:
        """The tasks' validation records."""
        return validation_records(self._plan.task_set.every, self._plan.parts.readers)
