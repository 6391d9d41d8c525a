"""Task files to task sets: every record tokenised once, in parallel, and kept under a key of all that matters.

The cache key covers the contents of the files, the tokenizer, the tokenization and what is done with long samples.
Which records train and which validate is decided afterwards, from content hashes, so that another seed or
another `valid_fraction` tokenises nothing anew.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mft_core.data.encoding import PARTS, SPLIT, TRUNCATED, Line
from mft_core.data.encoding_pool import EncodingPool
from mft_core.data.jsonl import FileContent, inspect_file, read_lines
from mft_core.data.length_guard import OVERLONG, LengthPolicy
from mft_core.data.refusals import EXAMPLES, examples, unusable
from mft_core.data.splitting import choose, split_off
from mft_core.data.tasks import Task, TaskReport, TaskSet, write_quarantine
from mft_core.data.token_store import EntryWriter, TokenEntry, TokenStore, open_entry
from mft_core.data.tokenization import Tokenization
from mft_core.errors import MftError, together
from mft_core.recipe.schema import DataSection
from mft_core.records import TaskFiles
from mft_core.support import run_files

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CACHE_VERSION = 6
LONGER = "longer"
UNREAD = "unread_keys"
CHUNK_BYTES = 1 << 17
MOST_KEYS = 50

Progress = Callable[[str, int, int], None]
"""Called with a task's name, the bytes of it that are tokenised and the bytes there are."""


@dataclass(frozen=True, slots=True)
class _Side:
    """The training or the validation files of one task, and the entry they become."""

    task: str
    paths: tuple[Path, ...]
    contents: tuple[FileContent, ...]
    folder: Path

    @property
    def size(self) -> int:
        return sum(content.size for content in self.contents)


def prepare_tasks(
    files: Sequence[TaskFiles],
    tokenization: Tokenization,
    tokenizer: PreTrainedTokenizerBase,
    settings: DataSection,
    cache: Path,
    on_progress: Progress | None = None,
    processes: int | None = None,
) -> TaskSet:
    """Read, check, tokenise and split every task; what was tokenised before is taken from `cache`.

    The result is the same for any number of processes.

    Args:
        files: the tasks, in the order of their task ids, from `check_names`.
        tokenization: already bound to `tokenizer`.
        tokenizer: a fast tokenizer.
        settings: [data] of the recipe; its source, packer and order of samples do not matter here.
        cache: folder for the token stores.
        on_progress: told how far it is, only where something is tokenised.
        processes: worker processes; None: as many as there are cores where that pays, else none.

    Raises:
        MftError: a file that cannot be read, a task without a usable record, too many bad records (after every
            refused record was written to `cache`/quarantine.jsonl), or a worker that was killed.
    """
    if not files:
        raise MftError("There is no task to train on.", "Give tasks with --data, --task or [[data.tasks]].")
    common = _common_key(tokenization, tokenizer, settings)
    sides, errors = _readable(files, common, cache)
    policy = LengthPolicy(settings.max_length, settings.overlong)
    by_folder = {side.folder: side for pair in sides.values() for side in pair if side is not None}
    entries = {folder: entry for folder in by_folder if (entry := open_entry(folder)) is not None}
    missing = [side for folder, side in by_folder.items() if folder not in entries]
    with EncodingPool(tokenization, tokenizer, policy, sum(side.size for side in missing), processes) as pool:
        for side in missing:
            entries[side.folder] = _build(side, pool, _ids_dtype(tokenizer), on_progress)
    readable = [task for task in files if task.name in sides]
    tasks = TaskSet(
        tuple(_task(index, task, sides[task.name], entries, settings) for index, task in enumerate(readable))
    )
    errors += _errors(tasks, settings, cache)
    if errors:
        raise together(errors)
    return tasks


def tokenizer_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 of all that decides how the tokenizer encodes text: vocabulary, rules, special tokens."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    for passing in ("truncation", "padding"):
        state.pop(passing, None)
    return _digest([state, {key: str(value) for key, value in tokenizer.special_tokens_map.items()}])


def template_fingerprint(tokenization: Tokenization, tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 of all that decides how a record is laid out: the tokenization and the tokenizer's chat template."""
    kind = type(tokenization)
    return _digest([f"{kind.__module__}:{kind.__qualname__}", tokenization.fingerprint, tokenizer.chat_template])


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _common_key(tokenization: Tokenization, tokenizer: PreTrainedTokenizerBase, settings: DataSection) -> list[str]:
    return [
        str(CACHE_VERSION),
        tokenizer_fingerprint(tokenizer),
        template_fingerprint(tokenization, tokenizer),
        str(settings.max_length),
        settings.overlong,
    ]


def _readable(
    files: Sequence[TaskFiles], common: list[str], cache: Path
) -> tuple[dict[str, tuple[_Side, _Side | None]], list[MftError]]:
    """The sides of every task whose files can be read, by its name, and what is wrong with the other tasks."""
    sides: dict[str, tuple[_Side, _Side | None]] = {}
    errors: list[MftError] = []
    for task in files:
        try:
            sides[task.name] = _sides(task, common, cache)
        except MftError as error:
            errors.append(MftError(f"Task {task.name!r}: {error.message}", error.hint))
    return sides, errors


def _sides(task: TaskFiles, common: list[str], cache: Path) -> tuple[_Side, _Side | None]:
    if not task.train:
        raise MftError("there is no training file.", "Every task needs at least one.")
    return _side(task.name, task.train, common, cache), _side(
        task.name, task.valid, common, cache
    ) if task.valid else None


def _side(name: str, paths: tuple[Path, ...], common: list[str], cache: Path) -> _Side:
    contents = tuple(inspect_file(path) for path in paths)
    key = json.dumps([*common, [content.digest for content in contents]])
    return _Side(name, paths, contents, cache / hashlib.sha256(key.encode()).hexdigest()[:32])


def _ids_dtype(tokenizer: PreTrainedTokenizerBase) -> np.dtype:
    largest = max(tokenizer.get_vocab().values(), default=0)
    return np.dtype(np.uint16 if largest < 1 << 16 else np.uint32)


def _build(side: _Side, pool: EncodingPool, dtype: np.dtype, on_progress: Progress | None) -> TokenEntry:
    """Tokenise the files of one side into an entry; what fails leaves nothing behind."""
    try:
        with EntryWriter(side.folder, dtype) as writer:
            counts, longer, unread, done = Counter[str](), Counter[int](), Counter[str](), 0
            for encoded in pool.encode(_chunks(_lines(side.paths)), [str(path) for path in side.paths]):
                writer.add(encoded.ids, encoded.supervised, encoded.columns, encoded.refused)
                counts.update(encoded.counts)
                longer.update(encoded.longer)
                unread.update(encoded.unread)
                done += encoded.size
                if on_progress is not None:
                    on_progress(side.task, done, side.size)
            lengths = {str(tokens): longer[tokens] for tokens in sorted(longer)}
            writer.finish({**counts, LONGER: lengths, UNREAD: unread})
    except OSError as error:
        hint = "Check the space and the rights there; MFT_CACHE names another folder."
        raise MftError(f"The token cache {side.folder.parent} cannot be written: {error}", hint) from error
    entry = open_entry(side.folder)
    if entry is None:
        raise MftError(f"The token cache {side.folder} was damaged at once.", "Check the disk, or set MFT_CACHE.")
    return entry


def _lines(paths: Sequence[Path]) -> Iterator[Line]:
    for file, path in enumerate(paths):
        for number, raw in read_lines(path):
            yield Line(file, number, raw)


def _chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    chunk: list[Line] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line.raw)
        if size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _task(
    index: int,
    files: TaskFiles,
    sides: tuple[_Side, _Side | None],
    entries: Mapping[Path, TokenEntry],
    settings: DataSection,
) -> Task:
    train_side, valid_side = sides
    train_entry = entries[train_side.folder]
    if valid_side is not None:
        valid_entry = entries[valid_side.folder]
        train, valid = np.arange(len(train_entry)), np.arange(len(valid_entry))
    else:
        valid_entry = train_entry
        validates = split_off(train_entry.digests, settings.valid_fraction, settings.split_seed)
        train, valid = np.flatnonzero(~validates), np.flatnonzero(validates)
    usable = len(train) + len(valid)
    train = train[choose(train_entry.digests[train], settings.max_samples, settings.split_seed)]
    valid = valid[choose(valid_entry.digests[valid], settings.max_valid_samples, settings.split_seed)]
    train_store = TokenStore(train_entry, train, train_side.paths)
    valid_store = TokenStore(valid_entry, valid, (valid_side or train_side).paths)
    report = _report(train_store, valid_store, usable)
    return Task(files.name, index, files.weight, train_store, valid_store, report)


def _report(train: TokenStore, valid: TokenStore, usable: int) -> TaskReport:
    stores = [train] if valid.paths == train.paths else [train, valid]
    counts, longer, unread = Counter[str](), Counter[str](), Counter[str]()
    for store in stores:
        counts.update({reason: count for reason, count in store.entry.counts.items() if reason not in (LONGER, UNREAD)})
        longer.update(store.entry.counts[LONGER])
        unread.update(store.entry.counts[UNREAD])
    special = {"read", OVERLONG, TRUNCATED, SPLIT, PARTS}
    train_digests = train.entry.digests[train.index]
    return TaskReport(
        read=counts["read"],
        train=len(train),
        valid=len(valid),
        bad={reason: count for reason, count in sorted(counts.items()) if reason not in special},
        overlong=counts[OVERLONG],
        truncated=counts[TRUNCATED],
        split=counts[SPLIT],
        parts=counts[PARTS],
        left_out=usable - len(train) - len(valid),
        duplicates=train.records - len(np.unique(train_digests)),
        overlap=int(np.isin(valid.entry.digests[valid.index], train_digests).sum()),
        tokens=int(train.lengths.sum()),
        supervised=int(train.supervised_counts.sum()),
        examples=tuple(example for store in stores for example in examples(store))[:EXAMPLES],
        longer=dict(longer),
        unread_keys=dict(unread.most_common(MOST_KEYS)),
    )


def _errors(tasks: TaskSet, settings: DataSection, cache: Path) -> list[MftError]:
    """What is wrong with the tasks that have too many bad records, or none that can be used."""
    errors = [error for task in tasks if (error := unusable(task, settings, cache)) is not None]
    if errors:
        write_quarantine(tasks, cache / run_files.QUARANTINE)
    return errors
