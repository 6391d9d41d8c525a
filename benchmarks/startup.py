"""How long `mft` takes to start, against an import of the libraries its command line is made of.

Every command is run as a process of its own, in turn, round by round; the times are the operating system's.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

BARE = "import typer, rich, pluggy"
MFT = ("-m", "mft_cli")
CONTENDERS = {
    BARE: ("-c", BARE),
    "mft list": (*MFT, "list"),
    "mft list --json": (*MFT, "list", "--json"),
    "mft --help": (*MFT, "--help"),
    "mft run --help": (*MFT, "run", "--help"),
    "mft run --loss famoo": (*MFT, "run", "--loss", "famoo"),
}
"""What each is called, and the arguments to Python. The last is refused: there is no such loss."""


class Seconds(NamedTuple):
    """What one process took: processor time, which a busy machine changes little, and time on the clock."""

    cpu: float
    wall: float


def measure(arguments: tuple[str, ...], folder: str) -> Seconds:
    """Run Python with `arguments` once, in an empty folder."""
    before, started = _children_seconds(), time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, check=False)
    return Seconds(_children_seconds() - before, time.perf_counter() - started)


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def print_table(found: dict[str, list[Seconds]]) -> None:
    """Medians, and ratios to the bare import taken round by round."""
    print("| | CPU seconds (range) | times the bare import (range) | by the clock |\n| --- | --- | --- | --- |")
    for name, runs in found.items():
        seconds = [run.cpu for run in runs]
        ratios = [run.cpu / bare.cpu for run, bare in zip(runs, found[BARE], strict=True)]
        clock = statistics.median(run.wall / bare.wall for run, bare in zip(runs, found[BARE], strict=True))
        spread = f"{statistics.median(seconds):.3f} ({min(seconds):.3f} to {max(seconds):.3f})"
        times = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| `{name}` | {spread} | {times} | {clock:.2f} |")


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    found: dict[str, list[Seconds]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for name, arguments in CONTENDERS.items():
                seconds = measure(arguments, folder)
                if number:  # the first round writes what is compiled and warms the disk's cache
                    found[name].append(seconds)
    print_table(found)


if __name__ == "__main__":
    main()
