"""Packing a million lengths into rows: mft against TRL's best-fit decreasing and LLaMA-Factory's greedy knapsack.

    pip install trl datasets && pip install --no-deps llamafactory    # it wants older versions of what TRL needs
    python benchmarks/packing.py --lengths 1000000 --rounds 5

Everybody packs the same lengths, all at once (by themselves both others pack a thousand or so at a time, and need more
rows), each in a process of its own, in turn, `--rounds` times. That nobody needs fewer rows than mft is asserted.
TRL's time includes moving the tokens, one byte each here, which its function cannot do without. Contenders that are
not installed are left out, and that is said.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

Result = tuple[float, int]
"""Seconds, rows."""


def main() -> None:
    """Print the table as Markdown, or be one contender's process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, default=1_000_000)
    parser.add_argument("--mean", type=float, default=180.0, help="mean length of a sample")
    parser.add_argument("--capacity", type=int, default=1024, help="tokens a row may hold")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contender", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        lengths = random_lengths(arguments.lengths, arguments.mean, arguments.capacity)
        print(json.dumps(CONTENDERS[arguments.contender](lengths, arguments.capacity)))
        return
    results = interleaved(arguments.rounds)
    print_table(results)


def random_lengths(count: int, mean: float, capacity: int) -> np.ndarray:
    """int64 [count]: log-normal, as texts are, none over the capacity."""
    spread = 0.7
    drawn = np.random.default_rng(0).lognormal(np.log(mean) - spread**2 / 2, spread, count)
    return np.clip(drawn, 2, capacity).astype(np.int64)


def pack_with_mft(lengths: np.ndarray, capacity: int) -> Result:
    """Our packer."""
    from mft_packing.best_fit import BestFit

    started = time.perf_counter()
    rows = BestFit().pack(lengths, capacity)
    return time.perf_counter() - started, len(rows)


def pack_with_trl(lengths: np.ndarray, capacity: int) -> Result:
    """`trl.pack_dataset`, strategy "bfd", the whole data set as one batch."""
    import datasets
    import pyarrow
    from trl import pack_dataset

    datasets.disable_progress_bars()
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = pyarrow.LargeListArray.from_arrays(offsets, np.zeros(offsets[-1], np.int8))
    dataset = datasets.Dataset(pyarrow.table({"input_ids": tokens}))
    started = time.perf_counter()
    packed = pack_dataset(dataset, capacity, "bfd", {"batch_size": None, "keep_in_memory": True})
    return time.perf_counter() - started, len(packed)


def pack_with_llamafactory(lengths: np.ndarray, capacity: int) -> Result:
    """LLaMA-Factory's `greedy_knapsack`."""
    greedy_knapsack = installed_file("llamafactory", "data/processor/processor_utils.py").greedy_knapsack
    numbers = lengths.tolist()
    started = time.perf_counter()
    rows = greedy_knapsack(numbers, capacity)
    return time.perf_counter() - started, len(rows)


def installed_file(package: str, path: str) -> ModuleType:
    """One file of an installed package, without what the rest of it imports."""
    package_spec = importlib.util.find_spec(package)
    if package_spec is None or package_spec.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    spec = importlib.util.spec_from_file_location(Path(path).stem, Path(package_spec.origin).parent / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


CONTENDERS: dict[str, Callable[[np.ndarray, int], Result]] = {
    "mft": pack_with_mft,
    "trl": pack_with_trl,
    "llamafactory": pack_with_llamafactory,
}


def interleaved(rounds: int) -> dict[str, list[Result]]:
    """What every installed contender needed in every round."""
    needs = {"mft": "mft_packing", "trl": "trl", "llamafactory": "llamafactory"}
    absent = [name for name, module in needs.items() if importlib.util.find_spec(module) is None]
    for name in absent:
        print(f"{name} is not installed and left out")
    results: dict[str, list[Result]] = {name: [] for name in CONTENDERS if name not in absent}
    for _ in range(rounds):
        for name, found in results.items():
            command = [sys.executable, __file__, *sys.argv[1:], "--contender", name]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found.append(tuple(json.loads(answer.splitlines()[-1])))
    return results


def print_table(results: dict[str, list[Result]]) -> None:
    """Medians, the range of the rounds, and times of mft's, taken round by round."""
    ours = results["mft"]
    print("| packer | seconds (range) | x mft | rows |\n| --- | --- | --- | --- |")
    for name, found in results.items():
        seconds = [one[0] for one in found]
        ratio = statistics.median(one / own[0] for one, own in zip(seconds, ours, strict=True))
        spread = f"{statistics.median(seconds):.3f} ({min(seconds):.3f} to {max(seconds):.3f})"
        print(f"| {name} | {spread} | {ratio:.1f} | {found[0][1]:,} |")
        assert found[0][1] >= ours[0][1], f"{name} needs fewer rows than mft"


if __name__ == "__main__":
    main()
