"""Finished models found and loaded again: `final/` of a run, PEFT adapters, merged models, bases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mft_core.errors import MftError, UsageError
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import load_base, load_tokenizer
from mft_core.models.quantization import Quantization, take_dequantized
from mft_core.models.recognition import recognize_adapter
from mft_core.recipe.schema import TuneSection
from mft_core.support.run_folders import result_folder
from mft_core.tuning.adapters import load_adapter
from mft_core.tuning.fingerprint import ADAPTER_CONFIG, OWN_FORM, RECORD_FILE, is_fingerprint_of, read_json_object
from mft_core.tuning.preparing import build_tuner
from mft_core.tuning.tuner import Tuner, TunerRequest

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from mft_core.models.adapter import ModelAdapter
    from mft_core.registry.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished model on disk, found but not loaded.

    Attributes:
        place: folder of the adapter, of what else was put beside a base, or of the whole model.
        base: folder of the model that it belongs to; that of the whole model otherwise.
        record: what `save_final` noted; empty for a folder of another origin.
        family: that loads the base.
        given: where the caller says the base lies; of a whole model, only its original format needs to know.
        tuner: that loads the result; None: it is an adapter of PEFT, or a whole model, of whatever origin.
    """

    place: Path
    base: Path
    record: Mapping[str, Any]
    family: ModelAdapter
    given: Path | None = None
    tuner: Tuner | None = None

    @property
    def stands_beside_base(self) -> bool:
        """Whether it is an adapter, or what else was put beside a base; not a whole model."""
        return self.place != self.base

    @property
    def is_adapter(self) -> bool:
        """Whether PEFT loads it."""
        return self.stands_beside_base and self.tuner is None

    def refuse_needless_base(self) -> None:
        """Raises UsageError where a base was given for a whole model."""
        if self.given is not None and not self.stands_beside_base:
            raise UsageError(f"{self.place} holds a whole model, which needs no base.", "Leave out --base.")


def find_finished(
    folder: Path,
    adapters: Iterable[tuple[str, ModelAdapter]],
    *,
    base: Path | None = None,
    wanted: str = "",
    catalog: Catalog | None = None,
) -> Finished:
    """What `load_run` would load, with the same arguments and errors."""
    place = result_folder(folder)
    record = read_json_object(place / RECORD_FILE)
    model_folder, is_own = place, record.get("form") == OWN_FORM
    if is_own or (place / ADAPTER_CONFIG).is_file():
        model_folder = base_folder(place, record, base)
    elif not (place / "config.json").is_file():
        raise MftError(f"{folder} holds no finished model.", "A run has one, in final/, when it has ended.")
    pairs = list(adapters)
    family = dict(pairs)[recognize_adapter(pairs, read_config(model_folder), wanted)]
    return Finished(
        place, model_folder, record, family, base, _recorded_tuner(place, record, catalog) if is_own else None
    )


def _recorded_tuner(place: Path, record: Mapping[str, Any], catalog: Catalog | None) -> Tuner:
    tune = TuneSection.model_validate(record["tune"])
    if catalog is None:
        raise MftError(f"What lies in {place} is loaded by the tuner {tune.method!r} alone.", "Open it with mft.")
    return build_tuner(tune, catalog)


def load_run(
    folder: Path,
    adapters: Iterable[tuple[str, ModelAdapter]],
    *,
    dtype: torch.dtype | None = None,
    base: Path | None = None,
    wanted: str = "",
    catalog: Catalog | None = None,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A trained model (wrapped by PEFT if it has adapters), or an untuned base, in eval mode, with its tokenizer.

    Args:
        folder: a run folder, its `final/`, any PEFT adapter's folder, or a model folder.
        adapters: all model families there are, with their names.
        dtype: of the weights; None: the one the run had, else the checkpoint's own.
        base: where the base lies, if no longer where it was during training.
        wanted: the family the user chose; "": recognised.
        catalog: has the tuner of a result that is neither an adapter of PEFT nor a whole model.

    Raises:
        UsageError: a base for a whole model.
        MftError: there is no finished model, its base is gone, or the base is another one than in training; or its
            tuner is not here.
    """
    finished = find_finished(folder, adapters, base=base, wanted=wanted, catalog=catalog)
    finished.refuse_needless_base()
    return load_finished(finished, dtype), finished_tokenizer(finished)


def load_finished(finished: Finished, dtype: torch.dtype | None = None, dense: bool = False) -> PreTrainedModel:
    """The model, as `load_run` gives it.

    Args:
        dense: of a base that was quantised in training, take the weights it had then as dense ones, to be merged.
    """
    model = _load_as_trained(finished, dtype, dense)
    if not finished.stands_beside_base:
        return model
    if finished.tuner is not None:
        request = TunerRequest(family=finished.family.lora_targets)
        return cast("PreTrainedModel", finished.tuner.load(model, finished.place, request).eval())
    from mft_core.nn.lora_linear import use_own_lora_linear

    tuned = load_adapter(model, finished.place)
    use_own_lora_linear(tuned)
    return tuned


def finished_tokenizer(finished: Finished) -> PreTrainedTokenizerBase:
    """Its tokenizer, the one it was trained with."""
    own = (finished.place / "tokenizer_config.json").is_file()
    return load_tokenizer(finished.family, finished.place if own else finished.base)


def _load_as_trained(finished: Finished, dtype: torch.dtype | None, dense: bool) -> PreTrainedModel:
    """The base, or the whole model: quantised, or rounded through the quantisation, as it was in training."""
    family, folder, record = finished.family, finished.base, finished.record
    recorded = _recorded_dtype(record, folder)
    if not record.get("quantization"):
        return load_base(family, folder, dtype or recorded)
    quantization = Quantization(**record["quantization"])
    if not dense:
        return load_base(family, folder, dtype or recorded, quantization=quantization)
    model = load_base(family, folder, dtype or recorded)
    take_dequantized(model, load_base(family, folder, recorded, quantization=quantization))
    return model


def base_folder(place: Path, record: Mapping[str, Any], base: Path | None = None) -> Path:
    """The base of the result in `place`, checked to be the one it was trained on.

    Args:
        base: where it lies, if no longer where it was during training.

    Raises:
        MftError: it is gone, or has other weights.
    """
    recorded = record.get("base") or read_json_object(place / ADAPTER_CONFIG).get("base_model_name_or_path") or ""
    folder = base or Path(recorded)
    if not folder.is_dir():
        raise MftError(
            f"The base model of {place} is not where it was: {folder}.",
            "Say where it lies with --base, which takes what `mft run --base` takes, or put it back.",
        )
    if (known := record.get("fingerprint")) is not None and not is_fingerprint_of(known, folder):
        raise MftError(
            f"What lies in {place} was trained on other weights than those in {folder}.",
            f"It belongs to the base that lay in {recorded}; on any other one it computes nonsense. --base says where "
            "that one lies now.",
        )
    return folder


def _recorded_dtype(record: Mapping[str, Any], folder: Path) -> torch.dtype:
    import torch

    config = read_config(folder)
    name = record.get("dtype") or config.get("dtype") or config.get("torch_dtype") or "float32"
    return getattr(torch, str(name))
