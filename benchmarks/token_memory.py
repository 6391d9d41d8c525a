"""What a large data set takes: resident memory and time to open it and to plan an epoch.

    python benchmarks/token_memory.py --samples 1000000 --tokens 60

The store is written first, by another process. What is measured is read from /proc/self/status: resident memory after
the imports, then after opening the store, planning an epoch and reading every sample of it, in training order. File
pages that the kernel may drop at any time (the mapped tokens) are shown apart.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.sample_table import SampleTable
from mft_core.data.token_store import EntryWriter, TokenStore, open_entry
from mft_packing.best_fit import BestFit

CHUNK = 10_000
CAPACITY = 1024


def main() -> None:
    """Write the store in a process of its own, then measure in this one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--tokens", type=int, default=60, help="mean length of a sample")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write_store(arguments.write, arguments.samples, arguments.tokens)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "entry"
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--write", str(path)], check=True)
        size = sum(file.stat().st_size for file in path.iterdir())
        print(f"{arguments.samples:,} samples on disk: {size / 2**30:.2f} GiB")
        measure(path)


def write_store(path: Path, samples: int, mean: int) -> None:
    """Samples of 4 to twice the mean tokens; the second half of each is supervised."""
    generator = np.random.default_rng(0)
    with EntryWriter(path, np.dtype(np.uint16)) as writer:
        for first in range(0, samples, CHUNK):
            count = min(CHUNK, samples - first)
            lengths = generator.integers(4, 2 * mean - 3, count)
            supervised_counts = lengths // 2
            ends = np.cumsum(lengths)
            behind = np.repeat(ends, lengths) - np.arange(ends[-1])
            columns = {
                "lengths": lengths,
                "supervised_counts": supervised_counts,
                "digests": generator.integers(0, 1 << 63, count, np.uint64),
                "folded_digests": generator.integers(0, 1 << 63, count, np.uint64),
                "files": np.zeros(count, np.int64),
                "lines": np.arange(first, first + count) + 1,
            }
            ids = generator.integers(0, 50_000, ends[-1])
            writer.add(ids, behind <= np.repeat(supervised_counts, lengths), columns, [])
        writer.finish({"read": samples})


def measure(path: Path) -> None:
    """Print a table of what each stage adds."""
    before = resident()
    print(f"after the imports: {sum(before.values()):.3f} GiB resident\n")
    print("| | seconds | own memory, GiB | mapped files, GiB |\n| --- | --- | --- | --- |")
    started = time.perf_counter()

    def report(stage: str) -> None:
        nonlocal started
        now = resident()
        own, mapped = (now[key] - before[key] for key in ("RssAnon", "RssFile"))
        print(f"| {stage} | {time.perf_counter() - started:.2f} | {own:.3f} | {mapped:.3f} |")
        started = time.perf_counter()

    entry = open_entry(path)
    assert entry is not None
    table = SampleTable([TokenStore(entry, np.arange(len(entry)), (Path("data.jsonl"),))])
    report("opened, checksums tested")
    plan = BatchPlan(table, BestFit(), CAPACITY, 32, 0)
    epoch = plan.epoch(0)
    report("an epoch planned")
    tokens = sum(len(table.tokens(int(sample))[0]) for sample in epoch.rows.members)
    assert tokens == table.lengths.sum()
    report("every sample read")


def resident() -> dict[str, float]:
    """GiB of this process's own memory and of mapped file pages."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return {key: int(status[key].split()[0]) / 2**20 for key in ("RssAnon", "RssFile")}


if __name__ == "__main__":
    main()
