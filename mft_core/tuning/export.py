"""A run's result for others: a merged model, an adapter, or the base's own format; checked by loading it again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import MftError, UsageError
from mft_core.models.checkpoints.weight_files import weight_files
from mft_core.models.end_tokens import read_end_tokens, write_end_tokens
from mft_core.models.loading import load_base, load_tokenizer
from mft_core.models.quantization import is_quantized
from mft_core.support.suggestions import did_you_mean
from mft_core.tuning.finished import Finished, base_folder, find_finished, finished_tokenizer, load_finished
from mft_core.tuning.lora import merge
from mft_core.tuning.saving import written_whole

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from mft_core.models.adapter import ModelAdapter

CHECKED_TOKENS = 32
TOLERANCE = 1e-5
MERGED, ADAPTER, ORIGINAL = "merged", "adapter", "original"
STORED = {"F64": "float64", "F32": "float32", "BF16": "bfloat16", "F16": "float16"}
"""safetensors' names of the dtypes that weights are stored in."""


@dataclass(frozen=True, slots=True)
class Export:
    """What was written, and how true it is. Differences are of logits, relative to the largest one.

    Attributes:
        folder: the model or adapter.
        format: "merged", "adapter" or "original".
        parameters: of it.
        dtype: of its weights in memory.
        merge_difference: the largest change by merging, and by rounding to the base's stored dtypes; 0 for an adapter.
        reload_difference: between the model in memory and the one loaded again from disk.
        quantization: "nf4" or "fp4" if the run trained beside such weights; merged weights are these, dequantised.
        dense_difference: of a QLoRA adapter on the base as it is on disk, to the adapter on the quantised base.
        unchanged, changed: tensors of the original format that are the base's bit by bit, and that are not.
    """

    folder: Path
    format: str
    parameters: int
    dtype: str
    merge_difference: float
    reload_difference: float
    quantization: str | None = None
    dense_difference: float | None = None
    unchanged: int | None = None
    changed: int | None = None


def export_run(
    run: Path,
    output: Path,
    adapters: Iterable[tuple[str, ModelAdapter]],
    dtype: torch.dtype | None = None,
    format: str = MERGED,
) -> Export:
    """Write the run's result in the wished format; nothing appears at `output` unless it is right.

    Args:
        run: a run folder, or the folder of an adapter or model.
        output: a folder that does not exist yet or is empty.
        adapters: all model families there are, with their names.
        dtype: of a merged model's weights; None: that of the run.
        format: "merged", a native model that plain transformers loads; "adapter", for PEFT; "original", the keys,
            files and dtypes of the base.

    Raises:
        UsageError: there is something at `output`, no such format, or `dtype` with a format that has its own.
        MftError: the run has no finished model, it cannot be written, or what was written computes something else.
    """
    if format not in WRITERS:
        raise UsageError(f"There is no export format {format!r}.", did_you_mean(format, WRITERS))
    if dtype is not None and format != MERGED:
        raise UsageError(f"--dtype is for merged models; the format {format!r} has its own dtypes.")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} exists and is not empty.", "Choose another --output.")
    finished = find_finished(run, adapters)
    output = output.absolute()
    with written_whole(output) as temporary:
        made = WRITERS[format](finished, temporary, dtype)
        if not made.reload_difference <= TOLERANCE:
            raise MftError(
                f"The exported model computes other logits when loaded again ({made.reload_difference:.2g} apart).",
                "Nothing was exported. Please report the base model's config.json.",
            )
    return replace(made, folder=output, quantization=finished.record.get("quantization", {}).get("quant_type"))


def _write_merged(finished: Finished, output: Path, dtype: torch.dtype | None) -> Export:
    merged, before = _merged(finished, dtype)
    after = _logits(merged)
    merged.save_pretrained(output)
    finished_tokenizer(finished).save_pretrained(output)
    write_end_tokens(output, read_end_tokens(finished.place))
    return Export(
        folder=output,
        format=MERGED,
        parameters=merged.num_parameters(),
        dtype=_name(merged.dtype),
        merge_difference=_difference(after, before),
        reload_difference=_difference(_logits(_reload(finished, output, merged)), after),
    )


def _write_original(finished: Finished, output: Path, dtype: torch.dtype | None) -> Export:
    from mft_core.tuning.original_layout import write_original

    base = finished.base if finished.is_adapter else base_folder(finished.place, finished.record)
    merged, before = _merged(finished, _widest_dtype(base))
    written = write_original(merged, base, output, finished.family)
    after = _logits(merged)
    return Export(
        folder=output,
        format=ORIGINAL,
        parameters=merged.num_parameters(),
        dtype=_name(merged.dtype),
        merge_difference=_difference(after, before),
        reload_difference=_difference(_logits(load_base(finished.family, output, merged.dtype)), after),
        unchanged=written.unchanged,
        changed=written.changed,
    )


def _write_adapter(finished: Finished, output: Path, dtype: torch.dtype | None) -> Export:
    if not finished.is_adapter:
        raise UsageError(
            f"{finished.place} is a whole model without an adapter.", f"Use --format {MERGED} or {ORIGINAL}."
        )
    tuned = load_finished(finished)
    before = _logits(tuned)
    shutil.copytree(finished.place, output, dirs_exist_ok=True)
    copy = replace(finished, place=output)
    plain = replace(copy, record={**finished.record, "quantization": None})
    return Export(
        folder=output,
        format=ADAPTER,
        parameters=sum(p.numel() for name, p in tuned.named_parameters() if ".lora_" in name),
        dtype=_name(next(p.dtype for name, p in tuned.named_parameters() if ".lora_" in name)),
        merge_difference=0.0,
        reload_difference=_difference(_logits(load_finished(copy)), before),
        dense_difference=_difference(_logits(load_finished(plain)), before) if is_quantized(tuned) else None,
    )


WRITERS: dict[str, Callable[[Finished, Path, torch.dtype | None], Export]] = {
    MERGED: _write_merged,
    ADAPTER: _write_adapter,
    ORIGINAL: _write_original,
}


def _merged(finished: Finished, dtype: torch.dtype | None) -> tuple[PreTrainedModel, torch.Tensor]:
    """The model without adapters, its weights dense, and the logits of the one with them."""
    quantized = bool(finished.record.get("quantization"))
    tuned = load_finished(finished, None if quantized else dtype)
    before = _logits(tuned)
    if quantized:
        tuned = load_finished(finished, dtype, dense=True)
    return merge(tuned), before


def _widest_dtype(folder: Path) -> torch.dtype | None:
    """A dtype that holds every weight of a checkpoint exactly; None: its config.json says so."""
    import torch

    found = set()
    for path in weight_files(folder).paths:
        if path.suffix != ".safetensors":
            return None
        with path.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        found |= {STORED[entry["dtype"]] for key, entry in header.items() if entry.get("dtype") in STORED}
    if {"bfloat16", "float16"} <= found:
        found.add("float32")
    return getattr(torch, next(name for name in STORED.values() if name in found))


def _reload(finished: Finished, folder: Path, merged: PreTrainedModel) -> PreTrainedModel:
    """As a user of plain transformers would, where transformers has the class."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not type(merged).__module__.startswith("transformers."):
        load_tokenizer(finished.family, folder)
        return load_base(finished.family, folder, merged.dtype)
    AutoTokenizer.from_pretrained(folder)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=merged.dtype).eval()


def _logits(model: PreTrainedModel) -> torch.Tensor:
    """[1, CHECKED_TOKENS, vocabulary] of fixed token ids spread over the vocabulary."""
    import torch

    ids = torch.linspace(0, model.config.vocab_size - 1, CHECKED_TOKENS).long()[None]
    with torch.inference_mode():
        return model(input_ids=ids.to(model.device), use_cache=False).logits


def _difference(logits: torch.Tensor, reference: torch.Tensor) -> float:
    """Largest difference relative to the largest reference logit; NaN if anything is not finite."""
    return float((logits - reference).abs().max() / reference.abs().max())


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
