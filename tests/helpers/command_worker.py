"""Runs `mft` commands one after the other: command_worker.py COMMAND... [then COMMAND...]"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from mft_cli.app import main


def run_all(commands: Sequence[Sequence[str]]) -> None:
    """Run each as the script `mft` does; one that fails is the last."""
    for command in commands:
        sys.argv[1:] = command
        try:
            main()
        except SystemExit as stop:
            if stop.code:
                raise
        from accelerate.state import AcceleratorState

        AcceleratorState._reset_state(True)


def commands_of(words: Sequence[str]) -> Iterator[list[str]]:
    """What stands between the words "then"."""
    rest = list(words)
    while rest:
        end = rest.index("then") if "then" in rest else len(rest)
        yield rest[:end]
        del rest[: end + 1]


if __name__ == "__main__":
    run_all(list(commands_of(sys.argv[1:])))
