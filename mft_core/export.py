"""A run's result as one standalone model: adapters merged in, checked by loading it again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import MftError, UsageError
from mft_core.saving import load_run, written_whole
from mft_core.tuning import merge

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from mft_core.interfaces import ModelAdapter

CHECKED_TOKENS = 32
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Export:
    """What was written, and how true it is.

    Attributes:
        folder: the standalone model.
        parameters: of it.
        dtype: of its weights.
        merge_difference: largest change of a logit by merging, relative to the largest logit (rounding).
        reload_difference: the same between the model in memory and the one loaded again from disk.
    """

    folder: Path
    parameters: int
    dtype: str
    merge_difference: float
    reload_difference: float


def export_run(
    run: Path, output: Path, adapters: Iterable[tuple[str, ModelAdapter]], dtype: torch.dtype | None = None
) -> Export:
    """Write the run's model, merged, as plain transformers loads it; nothing appears at `output` unless it is right.

    Args:
        run: a run folder, or the folder of an adapter or model.
        output: a folder that does not exist yet or is empty.
        adapters: all model families there are, with their names.
        dtype: of the weights; None: that of the run.

    Raises:
        UsageError: there is something at `output`.
        MftError: the run has no finished model, it cannot be written, or what was written computes something else.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} exists and is not empty.", "Choose another --output.")
    tuned, tokenizer = load_run(run, adapters, dtype=dtype)
    before = _logits(tuned)
    merged = merge(tuned)
    after = _logits(merged)
    output = output.absolute()
    with written_whole(output) as temporary:
        merged.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        reload_difference = _difference(_logits(_reload(temporary, merged.dtype)), after)
        if not reload_difference <= TOLERANCE:
            raise MftError(
                f"The exported model computes other logits when loaded again (difference {reload_difference:.2g}).",
                "Nothing was exported. Please report the base model's config.json.",
            )
    return Export(
        folder=output,
        parameters=merged.num_parameters(),
        dtype=str(merged.dtype).removeprefix("torch."),
        merge_difference=_difference(after, before),
        reload_difference=reload_difference,
    )


def _reload(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    """As a user of plain transformers would."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    AutoTokenizer.from_pretrained(folder)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()


def _logits(model: PreTrainedModel) -> torch.Tensor:
    """[1, CHECKED_TOKENS, vocabulary] of fixed token ids spread over the vocabulary."""
    import torch

    ids = torch.linspace(0, model.config.vocab_size - 1, CHECKED_TOKENS).long()[None]
    with torch.inference_mode():
        return model(input_ids=ids.to(model.device), use_cache=False).logits


def _difference(logits: torch.Tensor, reference: torch.Tensor) -> float:
    """Largest difference relative to the largest reference logit; NaN if anything is not finite."""
    return float((logits - reference).abs().max() / reference.abs().max())
