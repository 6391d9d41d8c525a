"""Small task files, tokenised."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

from mft_core.data.readings import Progress
from mft_core.data.tasks import TaskSet
from mft_core.data.token_store import TokenStore
from mft_core.data.tokenising import prepare_tasks
from mft_core.interfaces import Tokenization
from mft_core.recipe.schema import DataSection
from mft_core.records import Record, Sample, TaskFiles
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import MftCoder


class Counting(MftCoder):
    """MFTCoder's roles; counts how often it encodes in this process."""

    calls = 0

    def encode(self, record: Record) -> Sample:
        type(self).calls += 1
        return super().encode(record)


def pair(number: int, length: int = 3) -> dict:
    return {"prompt": f"question {number}", "response": " ".join(str(number + offset) for offset in range(length))}


def task_file(path: Path, records: Sequence[object]) -> Path:
    """Records as lines; a string is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def prepare(
    files: list[TaskFiles],
    cache: Path,
    kind: type[Tokenization] = MftCoder,
    processes: int = 1,
    on_progress: Progress | None = None,
    **settings: object,
) -> TaskSet:
    tokenizer, tokenization = small_tokenizer(), kind()
    tokenization.bind(tokenizer)
    return prepare_tasks(files, tokenization, tokenizer, DataSection(**settings), cache, on_progress, processes)


def one_task(tmp_path: Path, records: Sequence[object], valid: Sequence[object] = (), **settings: object) -> TaskSet:
    train = task_file(tmp_path / "t" / "train.jsonl", records)
    held_out = (task_file(tmp_path / "t" / "valid.jsonl", valid),) if valid else ()
    return prepare([TaskFiles("t", (train,), held_out)], tmp_path / "cache", **settings)


def texts(store: TokenStore) -> list[str]:
    tokenizer = small_tokenizer()
    return [tokenizer.decode(store.sample(number).ids) for number in range(len(store))]


def answers(store: TokenStore) -> list[str]:
    tokenizer = small_tokenizer()
    samples = [store.sample(number) for number in range(len(store))]
    return [tokenizer.decode(sample.ids[sample.supervised]) for sample in samples]
