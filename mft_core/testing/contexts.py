"""A model and validation samples to measure it on, batched in one way or another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from accelerate import Accelerator
from torch import nn

from mft_core.batching.packing import OneEach, Packer
from mft_core.batching.sample_table import SampleTable
from mft_core.data.tokenization import Tokenization
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.losses import EvaluationContext
from mft_core.generation.assistant import Assistant
from mft_core.records import PackedRows, Record, Sample, Turn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class AllTogether(Packer):
    """All samples in one row, for a capacity that is large enough."""

    def pack(self, lengths: np.ndarray, capacity: int) -> PackedRows:
        """One row."""
        return PackedRows(np.arange(len(lengths)), np.array([0, len(lengths)]))


def evaluation_context(
    model: nn.Module, table: SampleTable, names: tuple[str, ...], packer: Packer | None = None, micro: int = 2
) -> EvaluationContext:
    """`table` as validation data, on the CPU; by default one sample per row."""
    return EvaluationContext(
        model=model,
        names=names,
        validation=table,
        packer=packer or OneEach(),
        capacity=int(table.lengths.sum()),
        micro_batch_size=micro,
        accelerator=Accelerator(cpu=True),
    )


class PlainTokenization(Tokenization):
    """Turns one after another, each with a line end behind it; the answer ends with the tokenizer's end token."""

    def bind(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Any tokenizer will do."""
        self._tokenizer = tokenizer

    def encode(self, record: Record) -> Sample:
        """All but the first turns are prompt."""
        *before, answer = record.turns
        prompt = self.prompt(before)
        ids = [*prompt, *self._ids(answer.content), self._tokenizer.eos_token_id]
        return Sample(np.array(ids, np.int64), np.arange(len(ids)) >= len(prompt))

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Lines of text."""
        return self._ids("".join(f"{turn.content}\n" for turn in turns))

    @property
    def fingerprint(self) -> str:
        """It has no options."""
        return "plain"

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]


def evaluation_request(
    folder: Path, model: Any, context: EvaluationContext, tokenizer: PreTrainedTokenizerBase, **others: Any
) -> EvaluationRequest:
    """A request about `model`, a TokenLossModel, with `context` for its losses.

    Args:
        folder: for what the evaluator writes.
        tokenizer: ids below the model's vocabulary.
        others: further fields of the request.
    """
    assistant = Assistant(model.model, tokenizer, PlainTokenization())
    return EvaluationRequest(folder, model="random", answerer=assistant, validation=lambda: context, **others)
