"""Runs `mft` commands one after the other, on every rank: to start a process takes longer than to train.

    command_worker.py RANKS COMMAND... [then COMMAND...]

On one rank, as `mft` does; on several, all of them are given every command.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from helpers.forked_ranks import run_on_ranks
from helpers.running import mft


def run_all(words: Sequence[str]) -> None:
    """Run what stands between the words "then"; end this process where a command fails."""
    rest = list(words)
    while rest:
        end = rest.index("then") if "then" in rest else len(rest)
        if code := mft(*rest[:end]):
            sys.exit(code)
        del rest[: end + 1]


if __name__ == "__main__":
    import mft_core.run.training  # noqa: F401

    ranks, given = int(sys.argv[1]), sys.argv[2:]
    if ranks == 1:
        run_all(given)
    else:
        run_on_ranks(ranks, lambda: run_all(given))
