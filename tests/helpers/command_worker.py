"""Runs `mft` commands one after the other, on every rank: to start a process takes longer than to train.

command_worker.py RANKS COMMAND... [then COMMAND...]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from helpers.forked_ranks import run_on_ranks
from mft_cli.app import main


def run_all(words: Sequence[str]) -> None:
    """Run what stands between the words "then", each as the script `mft` does; a command that fails is the last."""
    rest = list(words)
    while rest:
        end = rest.index("then") if "then" in rest else len(rest)
        sys.argv[1:] = rest[:end]
        try:
            main()
        except SystemExit as stop:
            if stop.code:
                raise
        from accelerate.state import AcceleratorState

        AcceleratorState._reset_state(True)
        del rest[: end + 1]


if __name__ == "__main__":
    ranks, given = int(sys.argv[1]), sys.argv[2:]
    if ranks == 1:
        run_all(given)
    else:
        import mft_core.run.training  # noqa: F401

        run_on_ranks(ranks, lambda: run_all(given))
