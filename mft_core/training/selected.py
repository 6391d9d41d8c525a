"""The selected model read back, where its checkpoint was damaged since too."""

from __future__ import annotations

from mft_core.errors import MftError
from mft_core.training.checkpoint import Checkpoint, CheckpointFolder
from mft_core.training.selection import Selection


def load_selected(
    checkpoints: CheckpointFolder, selection: Selection, step: int
) -> tuple[Checkpoint | None, list[str]]:
    """The best evaluated model that can be read, and what is to be said of better ones.

    Args:
        step: of the model in memory, which needs no checkpoint.

    Returns:
        None for the model in memory: it is the best of what is left, or nothing is left.
    """
    warnings: list[str] = []
    there = set(checkpoints.steps())
    for candidate in selection.ranked:
        if candidate == step:
            return None, warnings
        if candidate != selection.best and candidate not in there:
            continue  # rotated away
        try:
            return checkpoints.load(candidate), warnings
        except MftError as error:
            warnings.append(f"the model of step {candidate} cannot be the result, the next best is: {error.message}")
    return None, warnings
