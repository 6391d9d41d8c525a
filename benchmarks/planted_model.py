"""A network of 30 thousand weights that maps a mark and a key to an answer, in the place of a language model."""

from __future__ import annotations

from collections.abc import Callable

import torch
from planted_mixtures import ANSWERS, DIGITS, VOCABULARY
from torch import nn
from torch.nn.functional import cross_entropy

from mft_core.records import IGNORED_LABEL, Batch, TokenLosses

WIDTH = 96


class TableModel(nn.Module):
    """Embeddings of mark and digits, added, two layers, logits of the answers; a row of a batch is one sample."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.embeddings = nn.ModuleList([nn.Embedding(VOCABULARY, WIDTH) for _ in range(3)])
        self.layers = nn.Sequential(
            nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, ANSWERS)
        )

    def forward(self, batch: Batch, objective: Callable[[TokenLosses], torch.Tensor] | None = None) -> TokenLosses:
        """Cross-entropy of each row's answer."""
        rows = (batch.labels != IGNORED_LABEL).any(dim=1).nonzero().squeeze(1)
        ids, sample = batch.input_ids[rows], batch.sample_index[rows, 0]
        hidden = sum(embed(ids[:, place]) for place, embed in enumerate(self.embeddings))
        answers = batch.labels[rows, 2] - DIGITS
        return TokenLosses(
            cross_entropy=cross_entropy(self.layers(hidden), answers, reduction="none"),
            task=batch.sample_task[sample],
            sample=sample,
            sample_tokens=batch.sample_tokens[sample],
        )
