"""Task files to task sets: every record tokenised once, in parallel, and kept under a key of all that matters.

The cache key covers the contents of the files, the tokenizer, the tokenization and what is done with long samples.
Which records train and which validate is decided afterwards, from content hashes, so that another seed or
another `valid_fraction` tokenises nothing anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mft_core.data.encoding import LEFT_OUT, NO_FAULTS, PARTS, READ, SPLIT, TRUNCATED
from mft_core.data.encoding_pool import EncodingPool
from mft_core.data.entry_building import UNREAD, EntryBuilder, open_entries
from mft_core.data.exclusion import Exclusions, is_excluded, read_exclusions
from mft_core.data.few_samples import (
    SampleChoice,
    SampleLimits,
    asks_digests,
    digests_of,
    limits_of,
    may_be_few,
    validates,
)
from mft_core.data.length_guard import OVERLONG, LengthPolicy
from mft_core.data.longer_records import LongerRecords
from mft_core.data.readers import Readers, installed_readers
from mft_core.data.readings import Progress, bytes_to_read
from mft_core.data.refusals import EXAMPLES, examples, too_many_without_task, unusable
from mft_core.data.sides import Side, common_key, readable_sides, sides_without_task
from mft_core.data.splitting import choose
from mft_core.data.tasks import Task, TaskReport, TaskSet, write_quarantine
from mft_core.data.token_store import TokenEntry, TokenStore
from mft_core.data.tokenization import BoundTokenization, Tokenization
from mft_core.errors import MftError, together
from mft_core.recipe.naming import record_form
from mft_core.recipe.schema import DataSection
from mft_core.records import TaskFiles
from mft_core.support import run_files
from mft_core.support.shared_files import SharedFiles

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MOST_KEYS = 50
Sides = tuple[Side, Side | None]
Asked = tuple[TaskFiles, Sides, SampleLimits]
"""A task, its sides, and how many of its samples are asked for."""


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
        processes: that tokenise, this one among them; None: as many as there are cores where that pays.
        readers: all that there are; None: those of the installed plugins.
        own: tokenizations of tasks that have one of their own, by name.

    Raises:
        MftError: a file that cannot be read, a task without a usable record, too many bad records (after every
            refused record was written to `cache`/quarantine.jsonl), or a worker that was killed.
    """
    if not files:
        raise MftError("There is no task to train on.", "Give tasks with --data, --task or [[data.tasks]].")
    every, own, readers = BoundTokenization(tokenization, tokenizer), own or {}, readers or installed_readers()
    policy, common = LengthPolicy(settings.max_length, settings.overlong), common_key(*every)
    own_keys = {task: common_key(*bound) for task, bound in own.items()}
    sides, errors = readable_sides(files, readers, common, cache, policy, record_form(settings), own_keys)
    exclusions = read_exclusions(settings.exclude)
    asked = [(task, sides[task.name], limits_of(task, settings)) for task in files if task.name in sides]
    count, nameless = len(asked), sides_without_task(files, readers, common, cache, policy)
    asked += [(task, pair, limits_of(task, settings)._replace(train=0, valid=0)) for task, pair in nameless]
    entries, size = _kept_entries(asked)
    with EncodingPool(size, processes) as pool:
        bound_of = partial(_bound, every=every, own=own)
        builder = EntryBuilder(pool, bound_of, _ids_dtype(tokenizer), on_progress, entries)
        asked = _built(asked, builder, exclusions)

    def made(some: Sequence[Asked]) -> tuple[Task, ...]:
        return tuple(_task(index, *each, builder, exclusions) for index, each in enumerate(some))

    named = asked[:count]
    trained, watched = ([each for each in named if each[0].sampling.watched == which] for which in (False, True))
    tasks = TaskSet(made(trained), made(watched), made(asked[count:]))
    errors += _errors(tasks, [task.shared for task, _ in nameless if task.shared], settings, cache)
    if errors:
        raise together(errors)
    return tasks


def _kept_entries(asked: Sequence[Asked]) -> tuple[dict[Path, TokenEntry], int]:
    """What is in the cache, by its folder, and how many bytes there are of that which is not."""
    whole = {side.folder: side for _, pair, _ in asked for side in pair if side is not None}
    digests = {side.folder: digests_of(side) for _, pair, limits in asked for side in asks_digests(pair, limits)}
    entries = open_entries([*whole.values(), *digests.values()])
    return entries, bytes_to_read(
        side for folder, side in whole.items() if not {folder, digests.get(folder, side).folder} <= entries.keys()
    )


def _ids_dtype(tokenizer: PreTrainedTokenizerBase) -> np.dtype:
    largest = max(tokenizer.get_vocab().values(), default=0)
    return np.dtype(np.uint16 if largest < 1 << 16 else np.uint32)


def _bound(side: Side, every: BoundTokenization, own: Mapping[str, BoundTokenization]) -> BoundTokenization:
    return own.get(side.task, every)


def _built(asked: Sequence[Asked], builder: EntryBuilder, exclusions: Exclusions) -> list[Asked]:
    """The same, where a side of which few samples are wanted is the part of it that has these; all are built then."""
    choices = _choices(asked, builder, exclusions)
    while True:
        chosen = [(task, _chosen(task.name, pair, choices), limits) for task, pair, limits in asked]
        builder.build(side for _, pair, _ in chosen for side in pair if side is not None)
        parts = [
            (choices[task.name, is_valid], side)
            for task, pair, _ in chosen
            for side, is_valid in zip(pair, (False, True), strict=True)
            if side is not None and side.part is not None
        ]
        short = [choice for choice, side in parts if choice.is_short(builder[side])]
        if not short:
            return chosen
        for choice in short:
            choice.widen()


def _choices(
    asked: Sequence[Asked], builder: EntryBuilder, exclusions: Exclusions
) -> dict[tuple[str, bool], SampleChoice]:
    """What is to be chosen of sides that are not in the cache, by the task and whether the side validates.

    Digests that decide on the samples are there then also of sides that are in it: so what a run uses of its data does
    not depend on other runs.
    """
    perhaps = [
        (task.name, side, pair, limits)
        for task, pair, limits in asked
        for side in may_be_few(pair, limits)
        if side not in builder
    ]
    deciding = [side for _, pair, limits in asked for side in asks_digests(pair, limits)]
    builder.build(map(digests_of, [*deciding, *(side for _, side, _, _ in perhaps)]))
    return {
        (name, side is pair[1]): SampleChoice(
            side, builder[digests_of(side)], limits, pair[1] is None, side is pair[1], exclusions
        )
        for name, side, pair, limits in perhaps
    }


def _chosen(name: str, pair: Sides, choices: Mapping[tuple[str, bool], SampleChoice]) -> Sides:
    train, valid = pair
    of_train, of_valid = choices.get((name, False)), choices.get((name, True))
    return of_train.side() if of_train else train, of_valid.side() if of_valid else valid


def _task(
    index: int, files: TaskFiles, sides: Sides, limits: SampleLimits, builder: EntryBuilder, exclusions: Exclusions
) -> Task:
    train_side, valid_side = sides
    train_entry = builder[train_side]
    if valid_side is not None:
        valid_entry = builder[valid_side]
        train, valid = np.arange(len(train_entry)), np.arange(len(valid_entry))
    else:
        valid_entry = train_entry
        deciding = builder[digests_of(train_side)] if asks_digests(sides, limits) else train_entry
        held_out = validates(train_entry.digests, deciding.digests, limits)
        train, valid = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    whole = len(train) + len(valid)
    train = train[~is_excluded(train_entry, train_side.paths, exclusions)[train]]
    valid = valid[~is_excluded(valid_entry, (valid_side or train_side).paths, exclusions)[valid]]
    usable = len(train) + len(valid)
    train = train[choose(train_entry.digests[train], limits.train, limits.seed)]
    valid = valid[choose(valid_entry.digests[valid], limits.valid, limits.seed)]
    train_store = TokenStore(train_entry, train, train_side.paths, files.reader, train_side.form)
    valid_store = TokenStore(valid_entry, valid, (valid_side or train_side).paths, files.reader, train_side.form)
    parts = [side.part for side in sides if side is not None and side.part is not None]
    excluded = whole - usable + sum(part.excluded for part in parts)
    report = _report(train_store, valid_store, usable, excluded, sum(part.unseen for part in parts))
    return Task(files.name, index, files.weight, train_store, valid_store, report, files.sampling, files.of_entry)


def _report(train: TokenStore, valid: TokenStore, usable: int, excluded: int, unseen: int) -> TaskReport:
    stores = [train] if valid.paths == train.paths else [train, valid]
    counts, longer, unread = Counter[str](), LongerRecords(), Counter[str]()
    for store in stores:
        counts.update({name: count for name, count in store.entry.counts.items() if isinstance(count, int)})
        longer.add(LongerRecords.of(store.entry.counts))
        unread.update(store.entry.counts[UNREAD])
    train_digests = train.entry.digests[train.index]
    repeated = np.isin(valid.entry.digests[valid.index], train_digests)
    alike = np.isin(valid.entry.folded_digests[valid.index], train.entry.folded_digests[train.index])
    weighted = train.sizes() if train.weight_sums is not None else (None, None)
    return TaskReport(
        read=counts[READ],
        train=len(train),
        valid=len(valid),
        bad={reason: count for reason, count in sorted(counts.items()) if reason not in NO_FAULTS},
        overlong=counts[OVERLONG],
        truncated=counts[TRUNCATED],
        split=counts[SPLIT],
        parts=counts[PARTS],
        left_out=usable - len(train) - len(valid),
        excluded=excluded,
        unseen=unseen,
        duplicates=train.records - len(np.unique(train_digests)),
        overlap=int(alike.sum()),
        tokens=int(train.lengths.sum()),
        supervised=int(train.supervised_counts.sum()),
        examples=tuple(example for store in stores for example in examples(store))[:EXAMPLES],
        **longer.as_json(),
        unread_keys=dict(unread.most_common(MOST_KEYS)),
        overlap_folded=int((alike & ~repeated).sum()),
        weighted_samples=weighted[0],
        weighted_tokens=weighted[1],
        reasoning={kind: counts[kind] for kind in LEFT_OUT if counts[kind]},
    )


def _errors(tasks: TaskSet, shared: Sequence[SharedFiles], settings: DataSection, cache: Path) -> list[MftError]:
    """What is wrong with the tasks that have too many bad records, or none that can be used; and with shared files of
    which too many records are of no task."""
    found = [unusable(task, settings, cache) for task in tasks.every]
    found += [
        too_many_without_task(task, files, settings, cache)
        for task, files in zip(tasks.without_task, shared, strict=True)
    ]
    errors = [error for error in found if error is not None]
    if errors:
        write_quarantine(tasks, cache / run_files.QUARANTINE)
    return errors
