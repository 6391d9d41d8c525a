"""A trained model written back as its base was published: the same files, keys and dtypes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError
from mft_core.models.checkpoints.config import read_config
from mft_core.models.checkpoints.weight_files import INDEX, PICKLED, SAFETENSORS, read_weights, weight_files

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from mft_core.models.adapter import ModelAdapter
    from mft_core.models.checkpoints.formats import CheckpointFormat

WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack")
ROTARY_TABLES = r"rotary_emb\.inv_freq$"
"""Stored by old versions of transformers beside the weights of native models; newer ones ignore them."""

ANOTHER_BASE = "Give the base that the model was trained from."
UNTIED = "The adapter changed the head and the embeddings, which the base holds as one matrix, in two ways."


@dataclass(frozen=True, slots=True)
class OriginalWritten:
    """What `write_original` wrote.

    Attributes:
        unchanged: tensors equal to the base's, bit by bit.
        changed: tensors that training moved.
    """

    unchanged: int
    changed: int


def write_original(model: PreTrainedModel, base: Path, output: Path, adapter: ModelAdapter) -> OriginalWritten:
    """Write `model` as its base was published: the same files, keys and dtypes, beside the base's other files.

    Whoever uses the base uses the result alike. Weights are rounded to the base's stored dtypes; what training left
    untouched comes out bit by bit. Old pickles (*.bin) become safetensors of the same shards. Beside the model, its
    fused matrices and one shard of the base are in memory.

    Args:
        model: dense (not quantised, no adapters), of the architecture that `adapter` loads from `base`.
        base: the published checkpoint, in an original format or a native one.
        output: an existing folder.
        adapter: the family's.

    Raises:
        MftError: the model's weights are not those of the base.
    """
    import torch
    from safetensors.torch import save_file

    config = read_config(base)
    if adapter.native_config(config, base).tie_word_embeddings and not model.config.tie_word_embeddings:
        raise MftError(UNTIED, "Use --format merged, which has a place for both.")
    original = adapter.format_of(config)
    converted = _converted_back(model, original, config)
    ignored = original.ignored if original else (*(model._keys_to_ignore_on_load_unexpected or ()), ROTARY_TABLES)
    equal: list[bool] = []
    written: set[str] = set()
    for path in weight_files(base).paths:
        shard = read_weights(path)
        for key, stored in shard.items():
            if key in converted:
                shard[key] = _as_stored(original, key, converted[key], stored)
                equal.append(torch.equal(shard[key], stored))
            elif not any(re.search(pattern, key) for pattern in ignored):
                raise MftError(f"The model has nothing to write as {key}, which {path} holds.", ANOTHER_BASE)
        written.update(shard)
        save_file(shard, output / _safetensors_name(path.name), metadata=_metadata(path))
    _check_complete(converted, written)
    _copy_other_files(base, output)
    return OriginalWritten(unchanged=sum(equal), changed=len(equal) - sum(equal))


def _converted_back(
    model: PreTrainedModel, original: CheckpointFormat | None, config: Mapping[str, Any]
) -> dict[str, torch.Tensor]:
    """The model's weights by the keys of the base. Only fused tensors are copies."""
    from transformers.core_model_loading import revert_weight_conversion

    kept = model._weight_conversions if hasattr(model, "_weight_conversions") else None
    if original is not None:
        model._weight_conversions = original.weights(config)
    try:
        return revert_weight_conversion(model, model.state_dict())
    finally:
        model._weight_conversions = kept


def _as_stored(
    original: CheckpointFormat | None, key: str, converted: torch.Tensor, stored: torch.Tensor
) -> torch.Tensor:
    if converted.shape != stored.shape:
        shapes = f"{tuple(converted.shape)} in the model, {tuple(stored.shape)} in the base"
        raise MftError(f"{key} has another shape: {shapes}.", ANOTHER_BASE)
    restored = original.restored(key, converted, stored) if original else converted
    return restored.detach().to("cpu", stored.dtype, copy=True).contiguous()


def _check_complete(converted: Mapping[str, torch.Tensor], written: set[str]) -> None:
    """Every weight has its place in the base, in its own name or in that of one it is tied to."""
    places = {converted[key].data_ptr() for key in written if key in converted}
    lost = sorted(key for key, tensor in converted.items() if key not in written and tensor.data_ptr() not in places)
    if lost:
        raise MftError(f"The base has no place for {len(lost)} weights of the model, such as {lost[0]}.", ANOTHER_BASE)


def _safetensors_name(name: str) -> str:
    """The name that safetensors have in place of the pickle `name`; other names stay."""
    if not name.endswith(Path(PICKLED).suffix):
        return name
    return Path(name.replace(Path(PICKLED).stem, Path(SAFETENSORS).stem, 1)).stem + Path(SAFETENSORS).suffix


def _metadata(path: Path) -> dict[str, str]:
    """Of a safetensors file; what transformers writes and expects for a pickle."""
    from safetensors import safe_open

    if path.suffix != Path(SAFETENSORS).suffix:
        return {"format": "pt"}
    with safe_open(path, framework="pt") as stream:
        return stream.metadata() or {}


def _copy_other_files(base: Path, output: Path) -> None:
    """Configuration, tokenizer, code that others run, licences; and the index, with the names of the new files."""
    files = weight_files(base)
    for path in sorted(base.iterdir()):
        if path.is_file() and path.suffix not in WEIGHT_SUFFIXES and not path.name.endswith(INDEX):
            shutil.copyfile(path, output / path.name)
    index = base / f"{PICKLED if files.pickled else SAFETENSORS}{INDEX}"
    if index.is_file():
        content = json.loads(index.read_text(encoding="utf-8"))
        content["weight_map"] = {key: _safetensors_name(name) for key, name in content["weight_map"].items()}
        (output / f"{SAFETENSORS}{INDEX}").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
