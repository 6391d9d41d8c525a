"""A process of a run that is gone, as the others see it: said in the run's own terms."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mft_core.errors import MftError, first_line
from mft_core.recipe.schema import Recipe
from mft_core.support.ranks import rank_and_ranks

WORDS = (
    *("connection reset by peer", "connection closed by", "broken pipe", "connectfullmesh", "connection refused"),
    *("timed out waiting", "ncclremoteerror", "nccl remote", "recvvalue failed", "socket timeout", "watchdog caught"),
)
"""In what gloo, NCCL and their store say when another process does not answer."""


@contextmanager
def advice_on_lost_ranks(
    recipe: Recipe,
    where: Callable[[], str],
    saved: Callable[[], str] = str,
    hanging: Callable[[], MftError | None] = lambda: None,
) -> Iterator[None]:
    """Within the block, a collective that another process has left is an error with advice.

    Args:
        where: what was being done, such as "in step 3".
        saved: the last good checkpoint, in words; "": there is none.
        hanging: the error that names who hangs, which others may have noticed and ended for a moment earlier.

    Raises:
        MftError: one has.
    """
    try:
        yield
    except RuntimeError as error:
        rank, ranks = rank_and_ranks()
        if ranks == 1 or not any(words in str(error).lower() for words in WORDS):
            raise
        if named := hanging():
            raise named from error
        raise MftError(
            f"rank {rank} of {ranks} lost another process of this run {where()}: {first_line(error)}",
            "The launcher's messages, on every machine, name the process that ended first, and why.\n"
            + how_to_go_on(recipe, saved()),
        ) from error


def how_to_go_on(recipe: Recipe, saved: str) -> str:
    """Advice to whoever finds the run ended.

    Args:
        saved: the last good checkpoint, in words; "": there is none.
    """
    folder = shlex.quote(str(Path(recipe.output.dir)))
    if not saved:
        return f"No checkpoint was written yet. To begin again: --auto-resume --output {folder}"
    return f"{saved[0].upper()}{saved[1:]}; it is whole. To go on from there: --resume --output {folder}"
