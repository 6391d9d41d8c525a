"""Task files to task sets: every record tokenised once, in parallel, and kept under a key of all that matters.

The cache key covers the contents of the files, the tokenizer, the tokenization and what is done with long samples.
Which records train and which validate is decided afterwards, from content hashes, so that another seed or
another `valid_fraction` tokenises nothing anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mft_core.data.encoding import LEFT_OUT, PARTS, SPLIT, TRUNCATED, Line
from mft_core.data.encoding_pool import EncodingPool
from mft_core.data.exclusion import Exclusions, is_excluded, read_exclusions
from mft_core.data.length_guard import OVERLONG, LengthPolicy
from mft_core.data.readers import Readers, installed_readers
from mft_core.data.refusals import EXAMPLES, examples, unusable
from mft_core.data.sides import Side, common_key, lines, readable_sides
from mft_core.data.splitting import choose, split_off
from mft_core.data.tasks import Task, TaskReport, TaskSet, write_quarantine
from mft_core.data.token_store import EntryWriter, TokenEntry, TokenStore, open_entry
from mft_core.data.tokenization import BoundTokenization, Tokenization
from mft_core.errors import MftError, together
from mft_core.recipe.naming import record_form
from mft_core.recipe.schema import DataSection
from mft_core.records import TaskFiles
from mft_core.support import run_files

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LONGER = "longer"
UNREAD = "unread_keys"
CHUNK_BYTES = 1 << 17
MOST_KEYS = 50

Progress = Callable[[str, int, int], None]
"""Called with a task's name, the bytes of it that are tokenised and the bytes there are."""


def prepare_tasks(
    files: Sequence[TaskFiles],
    tokenization: Tokenization,
    tokenizer: PreTrainedTokenizerBase,
    settings: DataSection,
    cache: Path,
    on_progress: Progress | None = None,
    processes: int | None = None,
    readers: Readers | None = None,
    own: Mapping[str, BoundTokenization] | None = None,
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
        readers: all that there are; None: those of the installed plugins.
        own: tokenizations of tasks that have one of their own, by name.

    Raises:
        MftError: a file that cannot be read, a task without a usable record, too many bad records (after every
            refused record was written to `cache`/quarantine.jsonl), or a worker that was killed.
    """
    if not files:
        raise MftError("There is no task to train on.", "Give tasks with --data, --task or [[data.tasks]].")
    every, own = BoundTokenization(tokenization, tokenizer), own or {}
    sides, errors = readable_sides(
        files, readers or installed_readers(), common_key(*every), cache,
        LengthPolicy(settings.max_length, settings.overlong), record_form(settings),
        {task: common_key(*bound) for task, bound in own.items()},
    )  # fmt: skip
    by_folder = {side.folder: side for pair in sides.values() for side in pair if side is not None}
    entries = {folder: entry for folder in by_folder if (entry := open_entry(folder)) is not None}
    missing = [side for folder, side in by_folder.items() if folder not in entries]
    for bound in dict.fromkeys([every, *own.values()]):
        mine = [side for side in missing if own.get(side.task, every) == bound]
        with EncodingPool(*bound, sum(side.size for side in mine), processes) as pool:
            for side in mine:
                entries[side.folder] = _build(side, pool, _ids_dtype(tokenizer), on_progress)
    exclusions = read_exclusions(settings.exclude)

    def made(watched: bool) -> tuple[Task, ...]:
        some = [task for task in files if task.name in sides and task.sampling.watched == watched]
        return tuple(
            _task(index, task, sides[task.name], entries, settings, exclusions) for index, task in enumerate(some)
        )

    tasks = TaskSet(made(watched=False), made(watched=True))
    errors += _errors(tasks, settings, cache)
    if errors:
        raise together(errors)
    return tasks


def _ids_dtype(tokenizer: PreTrainedTokenizerBase) -> np.dtype:
    largest = max(tokenizer.get_vocab().values(), default=0)
    return np.dtype(np.uint16 if largest < 1 << 16 else np.uint32)


def _build(side: Side, pool: EncodingPool, dtype: np.dtype, on_progress: Progress | None) -> TokenEntry:
    """Tokenise the files of one side into an entry; what fails leaves nothing behind."""
    try:
        with EntryWriter(side.folder, dtype) as writer:
            counts, longer, unread, done = Counter[str](), Counter[int](), Counter[str](), 0
            for encoded in pool.encode(_chunks(lines(side)), side.origins, side.policy, side.form):
                writer.add(encoded.ids, encoded.supervised, encoded.columns, encoded.refused, encoded.weights)
                counts.update(encoded.counts)
                longer.update(encoded.longer)
                unread.update(encoded.unread)
                done = min(done + encoded.size, side.size)  # a record of a table is longer than its row
                if on_progress is not None:
                    on_progress(side.task, done, side.size)
            lengths = {str(tokens): longer[tokens] for tokens in sorted(longer)}
            writer.finish({**counts, LONGER: lengths, UNREAD: unread}, side.place_forms)
    except OSError as error:
        hint = "Check the space and the rights there; MFT_CACHE names another folder."
        raise MftError(f"The token cache {side.folder.parent} cannot be written: {error}", hint) from error
    entry = open_entry(side.folder)
    if entry is None:
        raise MftError(f"The token cache {side.folder} was damaged at once.", "Check the disk, or set MFT_CACHE.")
    return entry


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
    sides: tuple[Side, Side | None],
    entries: Mapping[Path, TokenEntry],
    settings: DataSection,
    exclusions: Exclusions,
) -> Task:
    train_side, valid_side = sides
    own = files.sampling
    most = settings.max_samples if own.max_samples is None else own.max_samples
    fraction = settings.valid_fraction if own.valid_fraction is None else own.valid_fraction
    train_entry = entries[train_side.folder]
    if valid_side is not None:
        valid_entry = entries[valid_side.folder]
        train, valid = np.arange(len(train_entry)), np.arange(len(valid_entry))
    else:
        valid_entry = train_entry
        every = np.ones(len(train_entry), bool)
        validates = every if own.watched else split_off(train_entry.digests, fraction, settings.split_seed)
        train, valid = np.flatnonzero(~validates), np.flatnonzero(validates)
    whole = len(train) + len(valid)
    train = train[~is_excluded(train_entry, train_side.paths, exclusions)[train]]
    valid = valid[~is_excluded(valid_entry, (valid_side or train_side).paths, exclusions)[valid]]
    usable = len(train) + len(valid)
    train = train[choose(train_entry.digests[train], most, settings.split_seed)]
    valid = valid[choose(valid_entry.digests[valid], settings.max_valid_samples, settings.split_seed)]
    train_store = TokenStore(train_entry, train, train_side.paths, files.reader, train_side.form)
    valid_store = TokenStore(valid_entry, valid, (valid_side or train_side).paths, files.reader, train_side.form)
    report = _report(train_store, valid_store, usable, excluded=whole - usable)
    return Task(files.name, index, files.weight, train_store, valid_store, report, files.sampling)


def _report(train: TokenStore, valid: TokenStore, usable: int, excluded: int) -> TaskReport:
    stores = [train] if valid.paths == train.paths else [train, valid]
    counts, longer, unread = Counter[str](), Counter[str](), Counter[str]()
    for store in stores:
        counts.update({reason: count for reason, count in store.entry.counts.items() if reason not in (LONGER, UNREAD)})
        longer.update(store.entry.counts[LONGER])
        unread.update(store.entry.counts[UNREAD])
    special = {"read", OVERLONG, TRUNCATED, SPLIT, PARTS, *LEFT_OUT}
    train_digests = train.entry.digests[train.index]
    repeated = np.isin(valid.entry.digests[valid.index], train_digests)
    alike = np.isin(valid.entry.folded_digests[valid.index], train.entry.folded_digests[train.index])
    weighted = train.sizes() if train.weight_sums is not None else (None, None)
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
        excluded=excluded,
        duplicates=train.records - len(np.unique(train_digests)),
        overlap=int(alike.sum()),
        tokens=int(train.lengths.sum()),
        supervised=int(train.supervised_counts.sum()),
        examples=tuple(example for store in stores for example in examples(store))[:EXAMPLES],
        longer=dict(longer),
        unread_keys=dict(unread.most_common(MOST_KEYS)),
        overlap_folded=int((alike & ~repeated).sum()),
        weighted_samples=weighted[0],
        weighted_tokens=weighted[1],
        reasoning={kind: counts[kind] for kind in LEFT_OUT if counts[kind]},
    )


def _errors(tasks: TaskSet, settings: DataSection, cache: Path) -> list[MftError]:
    """What is wrong with the tasks that have too many bad records, or none that can be used."""
    errors = [error for task in tasks.every if (error := unusable(task, settings, cache)) is not None]
    if errors:
        write_quarantine(tasks, cache / run_files.QUARANTINE)
    return errors
