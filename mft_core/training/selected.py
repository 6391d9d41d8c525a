"""The selected model read back, where its checkpoint was damaged since too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from mft_core.errors import MftError
from mft_core.training.checkpoint import Checkpoint, CheckpointFolder
from mft_core.training.state_tensors import load_trainable


def load_selected(
    checkpoints: CheckpointFolder, ranked: Sequence[int], step: int
) -> tuple[Checkpoint | None, list[str]]:
    """The best evaluated model that can be read, and what is to be said of better ones.

    Args:
        ranked: steps of evaluated models, the best first.
        step: of the model in memory, which needs no checkpoint.

    Returns:
        None for the model in memory: it is the best of what is left, or nothing is left.
    """
    warnings: list[str] = []
    there = set(checkpoints.steps())
    for candidate in ranked:
        if candidate == step:
            return None, warnings
        if candidate != ranked[0] and candidate not in there:
            continue  # rotated away
        try:
            return checkpoints.load(candidate), warnings
        except MftError as error:
            warnings.append(f"the model of step {candidate} cannot be the result, the next best is: {error.message}")
    return None, warnings


def restore_selected(
    model: nn.Module, checkpoints: CheckpointFolder, ranked: Sequence[int], step: int, emit: Callable[..., None]
) -> int:
    """Put the weights of the best evaluated model that can be read into `model`; of the others it is said why.

    Args:
        ranked: steps of evaluated models, the best first; []: that in memory is the result.
        step: of the model in memory.
        emit: writes an event: its name and its fields.

    Returns:
        the step whose weights these are.
    """
    checkpoint, warnings = load_selected(checkpoints, ranked, step)
    for message in warnings:
        emit("warning", message=message)
    if checkpoint:
        load_trainable(model, checkpoint.tensors["model"])
    return checkpoint.step if checkpoint else step
