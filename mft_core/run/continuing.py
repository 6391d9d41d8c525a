"""Training an adapter further (`model.adapter_path`): another run's result, on its own base, with another schedule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError, UsageError
from mft_core.models.quantization import Quantization
from mft_core.recipe.schema import Recipe
from mft_core.support.run_folders import result_folder
from mft_core.tuning.fingerprint import (
    ADAPTER_CONFIG,
    OWN_FORM,
    RECORD_FILE,
    is_fingerprint_of,
    is_full,
    model_fingerprint,
    read_json_object,
)
from mft_core.tuning.tuner import Tuner

if TYPE_CHECKING:
    from torch import nn


CONTINUED = "continued"
"""Key of the facts of what a run continues."""


def continued_place(recipe: Recipe) -> Path | None:
    """The folder of the adapter that is trained further; None: a new one is made."""
    return result_folder(Path(recipe.model.adapter_path)) if recipe.model.adapter_path else None


def check_continued(recipe: Recipe, tuner: Tuner) -> None:
    """Refuse what shows before anything is loaded.

    Raises:
        UsageError: there is no adapter, or one of another tuner, or beside other kinds of weights.
        MftError: its record is damaged.
    """
    place = continued_place(recipe)
    if place is None:
        return
    record, method = read_json_object(place / RECORD_FILE), recipe.tune.method
    is_own = record.get("form") == OWN_FORM
    if not is_own and not (place / ADAPTER_CONFIG).is_file():
        whole = (place / "config.json").is_file()
        hint = (
            f"A whole model is a base: --base {place}" if whole else "A run has its result in final/ when it has ended."
        )
        raise UsageError(f"model.adapter_path: {place} holds no adapter.", hint)
    before = record.get("tune", {}).get("method", method)
    if tuner.form != ("own" if is_own else "adapter") or (is_own and before != method):
        raise UsageError(
            f'model.adapter_path: tune.method = "{method}" cannot go on with what {place} holds.',
            f'It was made by tune.method = "{before}".' if before != method else "It is an adapter of PEFT.",
        )
    quantized = record.get("quantization")
    if record and (Quantization(**quantized) if quantized else None) != tuner.quantization():
        beside = quantized["quant_type"] if quantized else "dense"
        raise UsageError(
            f"model.adapter_path: the adapter in {place} was trained beside {beside} weights, and would not be now.",
            f'Give the options that it had: tune.method = "{before}".',
        )


def take_up(model: nn.Module, recipe: Recipe, tuner: Tuner, base: Mapping[str, Any]) -> None:
    """Put the adapter that is trained further into the prepared model, if there is one.

    Args:
        base: the run's, with its folder and its fingerprint.

    Raises:
        UsageError: as `check_continued`; or it was made with other options.
        MftError: it belongs to another base, does not fit, or cannot be read.
    """
    if place := continued_place(recipe):
        check_continued(recipe, tuner)
        _refuse_another_base(place, Path(base["folder"]), str(base["fingerprint"]))
        tuner.take_up(model, place)


def continued_facts(recipe: Recipe) -> dict[str, Any]:
    """What a run's record says of what it continues; nothing for one that begins anew."""
    place = continued_place(recipe)
    if place is None or not place.is_dir():  # a resumed run has its weights in its checkpoints
        return {}
    return {CONTINUED: {"from": str(place), "fingerprint": model_fingerprint(place)}}


def _refuse_another_base(place: Path, folder: Path, fingerprint: str) -> None:
    record = read_json_object(place / RECORD_FILE)
    known = record.get("fingerprint")
    if known is None or known == fingerprint:
        return
    if is_full(known) or not is_fingerprint_of(known, folder):
        raise MftError(
            f"The adapter in {place} was trained on other weights than those in {folder}.",
            f"Give the base that it was trained on, which lay in {record['base']}: --base.",
        )
