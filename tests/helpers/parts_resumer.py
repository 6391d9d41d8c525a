"""Runs that are resumed from checkpoints in parts, on as many ranks or others, and from whole ones between them."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from helpers.forked_ranks import run_on_ranks
from helpers.rank_worker import save, train, train_excluding

CASE = "coba"


def go_on(run: Path, steps: int, resume: bool = True, copies: int = 1, in_parts: bool = True) -> None:
    """So many steps, sharded, the weights beside them."""
    save(train(run, CASE, True, steps, resume, copies, in_parts), run / "weights.safetensors")


def on_two(root: Path) -> None:
    """In one launch: uninterrupted; resumed with checkpoints of either kind in turn; what goes back; four steps."""
    go_on(root / "uninterrupted", 6, resume=False)
    for number, in_parts in enumerate((True, False, True)):
        go_on(root / "alternating", 2 * (number + 1), resume=number > 0, in_parts=in_parts)
    train_excluding(root / "excluding", sharded=True, in_parts=True)
    go_on(root / "four", 4, resume=False)


def train_all(root: Path) -> None:
    """Then what was written by two goes on on two others, and on four with two copies of the model."""
    run_on_ranks(2, partial(on_two, root))
    for ranks, copies in ((2, 1), (4, 2)):
        run = shutil.copytree(root / "four", root / f"on {ranks}")
        run_on_ranks(ranks, partial(go_on, run, 6, copies=copies), machines=copies)
