"""A run's result for others: a merged model, an adapter, or the base's own format; checked by loading it again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import MftError, UsageError
from mft_core.models.checkpoints.safetensors_header import read_header
from mft_core.models.checkpoints.weight_files import weight_files
from mft_core.models.end_tokens import read_end_tokens, write_end_tokens
from mft_core.models.loading import load_base, load_tokenizer
from mft_core.models.quantization import is_quantized
from mft_core.support.suggestions import did_you_mean
from mft_core.tuning.fingerprint import ADAPTER_CONFIG, RECORD_FILE, hub_name, read_json_object
from mft_core.tuning.finished import Finished, base_folder, find_finished, finished_tokenizer, load_finished
from mft_core.tuning.merging import UNMERGEABLE, check_merged, merge, recorded_calls
from mft_core.tuning.saving import written_whole

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from mft_core.models.adapter import ModelAdapter
    from mft_core.registry.catalog import Catalog

CHECKED_TOKENS = 32
TOLERANCE = 1e-5
MERGED_TOLERANCE = {"float64": 1e-8, "float32": 1e-3, "bfloat16": 0.1, "float16": 0.05}
"""How much of the largest logit merging may change, by dtype, where no layer is judged by itself."""
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
    base: Path | None = None,
    catalog: Catalog | None = None,
) -> Export:
    """Write the run's result in the wished format; nothing appears at `output` unless it is right.

    Args:
        run: a run folder, or the folder of an adapter or model.
        output: a folder that does not exist yet or is empty.
        adapters: all model families there are, with their names.
        dtype: of a merged model's weights; None: that of the run.
        format: "merged", a native model that plain transformers loads; "adapter", for PEFT; "original", the keys,
            files and dtypes of the base.
        base: where the base lies, if no longer where it was during training.
        catalog: has the tuner of a result that is neither an adapter of PEFT nor a whole model.

    Raises:
        UsageError: as `check_request`; or a base that is not needed.
        MftError: the run has no finished model, it cannot be written, or what was written computes something else.
    """
    check_request(output, format, dtype is not None)
    finished = find_finished(run, adapters, base=base, catalog=catalog)
    if format != ORIGINAL:
        finished.refuse_needless_base()
    output = output.absolute()
    with written_whole(output) as temporary:
        made = WRITERS[format](finished, temporary, dtype)
        if not made.reload_difference <= TOLERANCE:
            raise MftError(
                f"The exported model computes other logits when loaded again ({made.reload_difference:.2g} apart).",
                "Nothing was exported. Please report the base model's config.json.",
            )
    return replace(made, folder=output, quantization=finished.record.get("quantization", {}).get("quant_type"))


def check_request(output: Path, format: str, gives_dtype: bool) -> None:
    """Refuse what is wrong whatever the run holds.

    Raises:
        UsageError: something at `output`, no such format, or a dtype with a format that has its own.
    """
    if format not in WRITERS:
        raise UsageError(f"There is no export format {format!r}.", did_you_mean(format, WRITERS))
    if gives_dtype and format != MERGED:
        raise UsageError(f"--dtype is for merged models; the format {format!r} has its own dtypes.")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} exists and is not empty.", "Choose another --output.")


def _write_merged(finished: Finished, output: Path, dtype: torch.dtype | None) -> Export:
    merged, logits, difference = _merged(finished, dtype)
    merged.save_pretrained(output)
    finished_tokenizer(finished).save_pretrained(output)
    write_end_tokens(output, read_end_tokens(finished.place))
    return Export(
        folder=output,
        format=MERGED,
        parameters=merged.num_parameters(),
        dtype=_name(merged.dtype),
        merge_difference=difference,
        reload_difference=_difference(_logits(_reload(finished, output, merged)), logits),
    )


def _write_original(finished: Finished, output: Path, dtype: torch.dtype | None) -> Export:
    from mft_core.tuning.original_layout import write_original

    base = (
        finished.base if finished.stands_beside_base else base_folder(finished.place, finished.record, finished.given)
    )
    merged, logits, difference = _merged(finished, _widest_dtype(base))
    written = write_original(merged, base, output, finished.family)
    return Export(
        folder=output,
        format=ORIGINAL,
        parameters=merged.num_parameters(),
        dtype=_name(merged.dtype),
        merge_difference=difference,
        reload_difference=_difference(_logits(load_base(finished.family, output, merged.dtype)), logits),
        unchanged=written.unchanged,
        changed=written.changed,
    )


def _write_adapter(finished: Finished, output: Path, dtype: torch.dtype | None) -> Export:
    if not finished.is_adapter:
        what = "what its tuner alone loads, no adapter" if finished.tuner else "a whole model without an adapter"
        raise UsageError(f"{finished.place} is {what}.", f"Use --format {MERGED} or {ORIGINAL}.")
    tuned = load_finished(finished)
    before = _logits(tuned)
    shutil.copytree(finished.place, output, dirs_exist_ok=True)
    if finished.given:
        _name_base(output, finished.given)
    copy = replace(finished, place=output)
    plain = replace(copy, record={**finished.record, "quantization": None})
    own = [parameter for name, parameter in tuned.named_parameters() if f".{tuned.active_adapter}" in name]
    return Export(
        folder=output,
        format=ADAPTER,
        parameters=sum(parameter.numel() for parameter in own),
        dtype=_name(own[0].dtype),
        merge_difference=0.0,
        reload_difference=_difference(_logits(load_finished(copy)), before),
        dense_difference=_difference(_logits(load_finished(plain)), before) if is_quantized(tuned) else None,
    )


def _name_base(adapter: Path, base: Path) -> None:
    """Have an adapter's files say where its base lies."""
    name, revision = hub_name(base.resolve())
    places: dict[str, dict[str, str | None]] = {
        ADAPTER_CONFIG: {"base_model_name_or_path": name, "revision": revision},
        RECORD_FILE: {"base": str(base)},
    }
    for file, changes in places.items():
        if content := read_json_object(adapter / file):
            (adapter / file).write_text(json.dumps({**content, **changes}, indent=1), encoding="utf-8")


WRITERS: dict[str, Callable[[Finished, Path, torch.dtype | None], Export]] = {
    MERGED: _write_merged,
    ADAPTER: _write_adapter,
    ORIGINAL: _write_original,
}


def _merged(finished: Finished, dtype: torch.dtype | None) -> tuple[PreTrainedModel, torch.Tensor, float]:
    """The model without adapters, its weights dense; its logits, and how far they are from those beside adapters.

    Raises:
        MftError: further than rounding explains.
    """
    quantized = bool(finished.record.get("quantization"))
    tuned = load_finished(finished, None if quantized else dtype)
    with recorded_calls(tuned) as calls:
        before = _logits(tuned)
    if quantized:
        tuned = load_finished(finished, dtype, dense=True)
    merged = merge(tuned) if finished.tuner is None else finished.tuner.merge(tuned)
    check_merged(merged, calls)
    logits = _logits(merged)
    difference = _difference(logits, before)
    if finished.tuner is not None and not difference <= MERGED_TOLERANCE[_name(logits.dtype)]:
        raise MftError(
            f"Merging would change what the model computes: its logits would be {difference:.2g} apart.", UNMERGEABLE
        )
    return merged, logits, difference


def _widest_dtype(folder: Path) -> torch.dtype | None:
    """A dtype that holds every weight of a checkpoint exactly; None: its config.json says so."""
    import torch

    found = set()
    for path in weight_files(folder).paths:
        if path.suffix != ".safetensors":
            return None
        found |= {STORED[entry["dtype"]] for entry in read_header(path).values() if entry.get("dtype") in STORED}
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
