"""A model without dropout for a while, with gradients or without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """No gradients, no dropout; afterwards the model is as it was."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


@contextmanager
def gradients_without_dropout(model: nn.Module) -> Iterator[None]:
    """Gradients as far as parameters ask for them, and no dropout; afterwards the model is as it was.

    Layers that recompute their activations in training do so here too: only they themselves are in training mode, what
    is inside of them is not.
    """
    training = model.training
    model.eval()
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer) and module.gradient_checkpointing:
            module.training = True
    try:
        with torch.enable_grad():
            yield
    finally:
        model.train(training)
