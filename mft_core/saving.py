"""Finished models on disk: `final/` of a run, merged models, and loading either again.

What is written loads in plain transformers and PEFT. `mft.json` beside it says which base an adapter belongs to.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from mft_core.durable import whole_folder
from mft_core.errors import MftError
from mft_core.modeling import load_base, load_tokenizer, read_config, recognize_adapter
from mft_core.quantization import Quantization, quantization_of, take_dequantized
from mft_core.tuning import checkpointing_by_its_old_name, initial_adapter
from mft_core.weights import weight_files

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from mft_core.interfaces import ModelAdapter

FINAL = "final"
RECORD_FILE = "mft.json"
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
SAMPLED_BLOCKS, BLOCK = 16, 1 << 16
# These change with the library that wrote the file, not with the weights.
INCIDENTAL_KEYS = ("transformers_version", "_name_or_path", "_model_name_or_path", "dtype", "torch_dtype")


def base_fingerprint(folder: Path) -> str:
    """Identifies a base's weights: SHA-256 over its configuration and each file's size, header and sampled blocks.

    Cheap for any size: about 1 MB is read of every weight file. The folder's place and name do not count.

    Raises:
        MftError: there is no config.json, or there are no weights.
    """
    config = {key: value for key, value in read_config(folder).items() if key not in INCIDENTAL_KEYS}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for path in weight_files(folder).paths:
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as stream:
            if path.suffix == ".safetensors":
                header = stream.read(8)
                digest.update(header + stream.read(int.from_bytes(header, "little")))
            for block in range(SAMPLED_BLOCKS):
                stream.seek(max(0, size - BLOCK) * block // (SAMPLED_BLOCKS - 1))
                digest.update(stream.read(BLOCK))
    return digest.hexdigest()


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A new folder to fill, which takes `target`'s name and place only when the block ends without an exception.

    Raises:
        MftError: it cannot be written.
    """
    try:
        with whole_folder(target) as folder:
            yield folder
    except (OSError, SafetensorError) as error:
        raise MftError(f"{target} could not be written: {error}", "Free some space or choose another place.") from error


def save_final(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    tensors: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Write the result of a run: LoRA adapters and what they belong to, or the whole model; with the tokenizer.

    Args:
        model: from `prepare_for_tuning`, not wrapped any further.
        tokenizer: with its chat template.
        folder: made anew, whole or not at all.
        tensors: the trained tensors by name, whole, where the model's own are sharded; None: the model's own.

    Raises:
        MftError: it cannot be written.
    """
    from peft import PeftModel

    from mft_core.raw_weights import folded_tensors

    with written_whole(folder) as temporary:
        record: dict[str, Any] = {"dtype": str(next(model.parameters()).dtype).removeprefix("torch.")}
        if isinstance(model, PeftModel):
            record |= _save_adapter(model, temporary, tensors)
        else:
            model.save_pretrained(temporary, state_dict=folded_tensors(model, tensors))  # type: ignore[operator]
            record |= _base_record(Path(model.name_or_path))  # type: ignore[arg-type]
        tokenizer.save_pretrained(temporary)
        (temporary / RECORD_FILE).write_text(json.dumps(record, indent=1), encoding="utf-8")


def _save_adapter(model: Any, folder: Path, tensors: Mapping[str, torch.Tensor] | None) -> dict[str, Any]:
    base = Path(model.get_base_model().name_or_path)
    quantization = quantization_of(model.get_base_model())
    config = model.peft_config["default"]
    config.base_model_name_or_path, config.revision = _hub_name(base)
    # Embeddings are never changed; PEFT's "auto" would ask the Hub about them.
    model.save_pretrained(folder, save_embedding_layers=False, state_dict=tensors)
    if initial := initial_adapter(model):
        _as_plain_lora(folder, initial)
    return _base_record(base) | ({"quantization": asdict(quantization)} if quantization else {})


def _base_record(base: Path) -> dict[str, str]:
    return {"base": str(base), "fingerprint": base_fingerprint(base)}


def _as_plain_lora(folder: Path, initial: Mapping[str, torch.Tensor]) -> None:
    """Rewrite an adapter for the base as it lies on disk, from which `initial` was subtracted before training.

    W - s B0 A0 + s B A is W + s [B, -B0] [A; A0]: plain LoRA of twice the rank, with the scale s unchanged.
    """
    import torch
    from safetensors.torch import load_file, save_file

    trained = load_file(folder / ADAPTER_WEIGHTS)
    doubled = {
        name: torch.cat([tensor, initial[name]], 0) if ".lora_A." in name else torch.cat([tensor, -initial[name]], 1)
        for name, tensor in trained.items()
    }
    save_file(doubled, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    config["r"] *= 2
    config["lora_alpha"] *= math.sqrt(2) if config["use_rslora"] else 2
    config["init_lora_weights"] = True
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")


def _hub_name(folder: Path) -> tuple[str, str | None]:
    """The Hub's name and commit for a folder in its cache, which hold on any machine; the path itself otherwise."""
    snapshots, repository = folder.parent, folder.parent.parent.name
    if snapshots.name == "snapshots" and repository.startswith("models--"):
        return repository.removeprefix("models--").replace("--", "/"), folder.name
    return str(folder), None


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished model on disk, found but not loaded.

    Attributes:
        place: folder of the adapter, or of the whole model.
        base: folder of the model that the adapter belongs to; that of the whole model otherwise.
        record: what `save_final` noted; empty for a folder of another origin.
        family: that loads the base.
    """

    place: Path
    base: Path
    record: Mapping[str, Any]
    family: ModelAdapter

    @property
    def is_adapter(self) -> bool:
        """Whether it is an adapter, not a whole model."""
        return self.place != self.base


def find_finished(
    folder: Path, adapters: Iterable[tuple[str, ModelAdapter]], *, base: Path | None = None, wanted: str = ""
) -> Finished:
    """What `load_run` would load, with the same arguments and errors."""
    place = folder / FINAL if (folder / FINAL).is_dir() else folder
    record = _read_json(place / RECORD_FILE)
    model_folder = place
    if (place / ADAPTER_CONFIG).is_file():
        model_folder = base_folder(place, record, base)
    elif not (place / "config.json").is_file():
        raise MftError(f"{folder} holds no finished model.", "A run has one, in final/, when it has ended.")
    pairs = list(adapters)
    family = dict(pairs)[recognize_adapter(pairs, read_config(model_folder), wanted)]
    return Finished(place, model_folder, record, family)


def load_run(
    folder: Path,
    adapters: Iterable[tuple[str, ModelAdapter]],
    *,
    dtype: torch.dtype | None = None,
    base: Path | None = None,
    wanted: str = "",
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A trained model (wrapped by PEFT if it has adapters), or an untuned base, in eval mode, with its tokenizer.

    Args:
        folder: a run folder, its `final/`, any PEFT adapter's folder, or a model folder.
        adapters: all model families there are, with their names.
        dtype: of the weights; None: the one the run had, else the checkpoint's own.
        base: where the base lies, if no longer where it was during training.
        wanted: the family the user chose; "": recognised.

    Raises:
        MftError: there is no finished model, its base is gone, or the base is another one than in training.
    """
    finished = find_finished(folder, adapters, base=base, wanted=wanted)
    return load_finished(finished, dtype), finished_tokenizer(finished)


def load_finished(finished: Finished, dtype: torch.dtype | None = None, dense: bool = False) -> PreTrainedModel:
    """The model, as `load_run` gives it.

    Args:
        dense: of a base that was quantised in training, take the weights it had then as dense ones, to be merged.
    """
    model = _load_as_trained(finished, dtype, dense)
    if not finished.is_adapter:
        return model
    from peft import PeftModel

    from mft_core.lora_linear import use_own_lora_linear

    with checkpointing_by_its_old_name():
        tuned = PeftModel.from_pretrained(model, str(finished.place), torch_device="cpu").eval()
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
    recorded = record.get("base") or _read_json(place / ADAPTER_CONFIG).get("base_model_name_or_path") or ""
    folder = base or Path(recorded)
    if not folder.is_dir():
        raise MftError(
            f"The base model of {place} is not where it was: {folder}.",
            "Fetch it again (a run with the same --base does), or say where it lies.",
        )
    if record.get("fingerprint") not in (None, base_fingerprint(folder)):
        raise MftError(
            f"The adapter in {place} was trained on other weights than those in {folder}.",
            f"It belongs to the base that lay in {recorded}; on any other one it computes nonsense.",
        )
    return folder


def _recorded_dtype(record: Mapping[str, Any], folder: Path) -> torch.dtype:
    import torch

    config = read_config(folder)
    name = record.get("dtype") or config.get("dtype") or config.get("torch_dtype") or "float32"
    return getattr(torch, str(name))


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no such file."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise MftError(f"{path} is no valid JSON object: {error}") from error
