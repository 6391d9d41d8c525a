"""Noise on the embeddings in training (NEFTune, arXiv 2310.05914)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from mft_core.errors import MftError
from mft_core.records import Batch


class EmbeddingNoise:
    """Adds eps * alpha / sqrt(L d) to each token's embedding, eps uniform in [-1, 1], within `on`.

    L is the number of tokens of the token's own document, d the width: packed, a document gets noise as if alone. eps
    comes of the process's random numbers, as dropout does.

    Args:
        embeddings: of the model; gets a hook.
        alpha: of the paper, where 5 to 15 were tried.

    Raises:
        MftError: the model has no embeddings that could be found.
    """

    def __init__(self, embeddings: nn.Module | None, alpha: float) -> None:
        if embeddings is None:
            raise MftError("This model does not say which of its modules are the embeddings.", "Set tune.noise = 0.")
        self._alpha = alpha
        self._lengths: torch.Tensor | None = None
        embeddings.register_forward_hook(self._add)

    @contextmanager
    def on(self, batch: Batch) -> Iterator[None]:
        """Within the block the embeddings of this batch get noise."""
        self._lengths = document_lengths(batch)
        try:
            yield
        finally:
            self._lengths = None

    def _add(self, module: nn.Module, arguments: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        if self._lengths is None:
            return output
        if output.shape[:2] != self._lengths.shape:
            raise MftError("This model's rows are not the batch's: its embeddings get no noise.", "Set tune.noise = 0.")
        scale = self._alpha / (self._lengths.to(output.device) * output.shape[-1]).sqrt()
        return output + torch.empty_like(output).uniform_(-1, 1) * scale[..., None].to(output)


def document_lengths(batch: Batch) -> torch.Tensor:
    """float64 [B, S]: tokens of the document that each position is in; 1 in no document."""
    lengths = torch.ones(batch.input_ids.shape, dtype=torch.float64)
    for row, start, end in batch.documents:
        lengths[row, start:end] = end - start
    return lengths
