"""A run or a base, opened to be evaluated: what answers, what identifies it, and a run's validation data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.durable import file_digest
from mft_core.evaluating.validation import validation_records
from mft_core.generation import Assistant, open_folder, target_folder
from mft_core.run_folder import RECIPE_FILE
from mft_core.saving import ADAPTER_CONFIG, FINAL, RECORD_FILE, base_fingerprint

if TYPE_CHECKING:
    from mft_core.catalog import Catalog
    from mft_core.evaluation import EvaluationContext
    from mft_core.plan import Plan
    from mft_core.recipe import Recipe
    from mft_core.records import Record

PLACES = ("base_model_name_or_path", "revision")
"""Where an adapter's base lies, which its fingerprint identifies wherever that is."""


@dataclass
class Target:
    """What is evaluated; everything is loaded when it is first asked for.

    Attributes:
        reference: a run folder, or what `--base` takes.
        catalog: for model families, bases and tokenizations.
        family: the model family the user chose; "": recognised.
    """

    reference: str
    catalog: Catalog
    family: str = ""

    @cached_property
    def folder(self) -> Path:
        """The run's folder, or the base's, fetched."""
        return target_folder(self.reference, self.catalog, self.family)

    @cached_property
    def recipe(self) -> Recipe | None:
        """The run's; None for a base."""
        from mft_core.recipe_loading import load_recipe

        path = Path(self.reference).expanduser() / RECIPE_FILE
        return load_recipe(path) if path.is_file() else None

    @cached_property
    def assistant(self) -> Assistant:
        """The model, ready to answer."""
        return open_folder(self.folder, self.catalog, self.family)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 that identifies the weights."""
        return model_fingerprint(self.folder)

    @cached_property
    def _plan(self) -> Plan:
        from mft_core.plan import make_plan
        from mft_core.recipe import Recipe

        return make_plan((self.recipe or Recipe()).model_copy(update={"eval": []}), self.catalog)

    def validation(self) -> EvaluationContext:
        """The run's validation samples under the model."""
        from accelerate import Accelerator

        from mft_core.lm_loss import TokenLossModel
        from mft_core.row_form import fit_rows, validation_context

        model = self.assistant.model
        fitted = fit_rows(self._plan, model, model.dtype)
        accelerator = Accelerator(cpu=model.device.type == "cpu")
        return validation_context(fitted.plan, TokenLossModel(model, fitted.inputs), accelerator)

    def records(self) -> Mapping[str, Sequence[Record]]:
        """The run's validation records by task."""
        return validation_records(self._plan.task_set)


def model_fingerprint(folder: Path) -> str:
    """SHA-256 over what decides a model's answers: its base's fingerprint, and its adapters' files if it has some.

    Args:
        folder: a run folder, its `final/`, or a model folder.

    Raises:
        MftError: there is no model.
    """
    place = folder / FINAL if (folder / FINAL).is_dir() else folder
    if not (place / ADAPTER_CONFIG).is_file():
        return base_fingerprint(place)
    record = _read(place / RECORD_FILE) if (place / RECORD_FILE).is_file() else {}
    settings = {key: value for key, value in _read(place / ADAPTER_CONFIG).items() if key not in PLACES}
    digests = [file_digest(path) for path in sorted(place.glob("adapter_model*.safetensors"))]
    parts = [record.get("fingerprint"), settings, digests]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))
