"""How long tokenising takes beside the tokenizer alone, over many small files beside one, and in a trial run.

    python benchmarks/tokenising.py --tokenizer FOLDER [--data FOLDER] [--rounds 3] [--trial 1000000]

The reference is one call of `encode_batch_fast` with all rendered conversations, on the same cores; files, JSON,
checks, template, digests and what is written to disk come on top of it. Everything is measured once a round, one after
the other, and shown as the median and the range of the rounds' ratios, so that other work on the machine does less
harm. Without a data folder, records are made of this machine's standard library.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from mft_core.data.readers import Readers, installed_readers
from mft_core.data.source import DataRequest
from mft_core.data.tasks import TaskSet
from mft_core.data.tokenising import prepare_tasks
from mft_core.recipe.schema import DataSection
from mft_core.records import TaskFiles
from mft_sources.folder import Folder
from mft_sources.stdlib import StandardLibrary
from mft_tokenization.tokenizations import Auto

SMALL_FILES = 100
WANTED = 20
Contender = Callable[[], float]
"""Does its work anew; returns the seconds that it took."""


def main() -> None:
    """Measure, side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True, help="a folder with a fast tokenizer, such as a base model's")
    parser.add_argument("--data", type=Path, help="a data folder; default: the standard library's tasks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trial", type=int, default=0, help="also a trial run on so many short records")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(given, Path(folder), AutoTokenizer.from_pretrained(given.tokenizer))


def measure(given: argparse.Namespace, folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    """Print every ratio."""
    readers = installed_readers()
    source = Folder() if given.data else StandardLibrary()
    tasks = source.tasks(DataRequest(given.data, folder / "records", readers))
    files = [TaskFiles(task.name, task.train) for task in tasks]
    lines = [line for task in files for path in task.train for line in path.read_bytes().splitlines(keepends=True)]
    one, many = split_up(lines, folder / "one", 1), split_up(lines, folder / "many", SMALL_FILES)
    texts = list(rendered(files, readers, tokenizer))
    print(f"{len(lines):,} records in {len(files)} tasks, {sum(map(len, lines)) / 1e6:.0f} MB of JSONL", flush=True)
    contenders: dict[str, Contender] = {
        "encode_batch_fast": lambda: seconds(lambda: tokenizer.backend_tokenizer.encode_batch_fast(texts)),
        "these tasks": lambda: prepared(files, tokenizer),
        "one file": lambda: prepared(one, tokenizer),
        f"one task of {SMALL_FILES} files": lambda: prepared(many, tokenizer),
        f"{SMALL_FILES} tasks": lambda: prepared(alone(many), tokenizer),
        f"these tasks, max_samples = {WANTED}": lambda: prepared(files, tokenizer, WANTED),
    }
    if given.trial:
        trial = [TaskFiles("short", (short_records(folder / "short.jsonl", given.trial),))]
        contenders[f"{given.trial:,} short records, max_samples = {WANTED}"] = lambda: prepared(
            trial, tokenizer, WANTED
        )
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(given.rounds):
        for name, work in contenders.items():
            taken[name].append(work())
            print(f"round {number + 1}: {name} {taken[name][-1]:.1f} s", flush=True)
    print("| | seconds (range) | x encode_batch_fast (range) |\n| --- | --- | --- |")
    for name, times in taken.items():
        ratios = [time / reference for time, reference in zip(times, taken["encode_batch_fast"], strict=True)]
        print(f"| {name} | {spread(times, '.1f')} | {spread(ratios, '.2f')} |")


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def prepared(files: Sequence[TaskFiles], tokenizer: PreTrainedTokenizerBase, most: int = 0) -> float:
    """Seconds to tokenise the files with an empty cache."""
    settings = DataSection(max_length=4096, max_samples=most, max_valid_samples=most)

    def work() -> TaskSet:
        tokenization = Auto()
        tokenization.bind(tokenizer)
        return prepare_tasks(files, tokenization, tokenizer, settings, Path(cache))

    with tempfile.TemporaryDirectory() as cache:
        return seconds(work)


def rendered(files: Sequence[TaskFiles], readers: Readers, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    """The conversations as text; records of other forms as their JSON."""
    Auto().bind(tokenizer)
    for task in files:
        for record in chain.from_iterable(readers.reader_of(path).records(path) for path in task.train):
            value = json.loads(record.text)
            if not {"prompt", "response"} <= value.keys():
                yield record.text.decode()
                continue
            turns = [("user", value["prompt"]), ("assistant", value["response"])]
            messages = [{"role": role, "content": content} for role, content in turns]
            yield str(tokenizer.apply_chat_template(messages, tokenize=False))


def split_up(lines: Sequence[bytes], folder: Path, count: int) -> list[TaskFiles]:
    """A task of so many files, of all lines in another order."""
    folder.mkdir()
    shuffled = random.Random(0).sample(lines, len(lines))
    paths = tuple(folder / f"{number:03}.jsonl" for number in range(count))
    for number, path in enumerate(paths):
        path.write_bytes(b"".join(shuffled[number::count]))
    return [TaskFiles("task", paths)]


def alone(tasks: Sequence[TaskFiles]) -> list[TaskFiles]:
    """Each file a task of its own."""
    return [TaskFiles(f"t{path.stem}", (path,)) for task in tasks for path in task.train]


def short_records(path: Path, count: int) -> Path:
    """A file of short records, all of them different."""
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            record = {"prompt": f"What is {number} times two?", "response": f"def answer():\n    return {2 * number}"}
            stream.write(json.dumps(record) + "\n")
    return path


def spread(values: Sequence[float], form: str) -> str:
    """Median and range."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


if __name__ == "__main__":
    main()
