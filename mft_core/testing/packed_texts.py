"""Texts of several lengths packed into two rows, and what a model makes of them."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy

from mft_core.nn.packed_attention import packed_inputs
from mft_core.testing.random_models import logits_alone, random_ids, take_gradients

# Two rows of 24: documents of lengths 11, 7 and 9, 11, the second row's tail of 4 a document of padding, and 6 of
# the first row in no document at all.
WIDTH = 24
DOCUMENTS = ((0, 0, 11), (0, 11, 18), (1, 0, 9), (1, 9, 20), (1, 20, 24))
TEXTS = DOCUMENTS[:4]


def packed_logits(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """[2, WIDTH, vocabulary] of `DOCUMENTS`, packed into the rows of `ids`."""
    positions = torch.zeros(2, WIDTH, dtype=torch.long)
    for row, start, end in DOCUMENTS:
        positions[row, start:end] = torch.arange(end - start)
    return model(input_ids=ids, position_ids=positions, **packed_inputs(DOCUMENTS)).logits


def next_token_loss(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Scalar: the summed cross-entropy of one text, [S, vocabulary] and int64 [S]."""
    return cross_entropy(logits[:-1], ids[1:], reduction="sum")


def loss_and_gradients(model: Any, packed: bool = True) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Of `TEXTS` in packed rows, or one by one, in training mode."""
    ids, model = random_ids(2, WIDTH), model.train()
    rows = packed_logits(model, ids) if packed else None
    losses = []
    for row, start, end in TEXTS:
        text = ids[row, start:end]
        losses.append(next_token_loss(logits_alone(model, text) if rows is None else rows[row, start:end], text))
    loss = torch.stack(losses).mean()
    loss.backward()
    return loss.detach(), take_gradients(model)


def move_weights(model: Any) -> None:
    """Away from where tuning starts: LoRA's B matrices are zero there, and hide what is behind them."""
    torch.manual_seed(1)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
