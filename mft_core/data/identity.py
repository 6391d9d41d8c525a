"""Which samples the tasks of a run have, in a few words: so that a resumed run can tell that they are others now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mft_core.data.tasks import TaskSet
from mft_core.data.token_store import TokenStore

Identities = Mapping[str, Mapping[str, Any]]
"""By task, in task-id order: "train" and "valid" (samples), "train_digest" and "valid_digest" (SHA-256), and
"train_set_digest" and "valid_set_digest", the same for samples in whatever order; JSON values.

A run that was started before there were digests has none.
"""

SIDES = {"train": "training", "valid": "validation"}


def identities(tasks: TaskSet) -> Identities:
    """What identifies the samples of every task, their order included; the files' names and places do not matter."""
    return {
        task.name: {
            "train": len(task.train), "valid": len(task.valid),
            "train_digest": _digest(task.train), "valid_digest": _digest(task.valid),
            "train_set_digest": _digest(task.train, ordered=False),
            "valid_set_digest": _digest(task.valid, ordered=False),
        }
        for task in tasks
    }  # fmt: skip


def _digest(store: TokenStore, ordered: bool = True) -> str:
    digest = hashlib.sha256()
    parts = (store.entry.digests[store.index], store.lengths, store.supervised_counts)
    order = slice(None) if ordered else np.lexsort(parts)
    for part in parts:
        digest.update(np.ascontiguousarray(part[order]).tobytes())
    return digest.hexdigest()


def origins(before: Identities, after: Identities) -> dict[str, str]:
    """What each task of `after` was called in `before`: the same, or the name of one that is gone and had its samples.

    Tasks that are new are absent.
    """
    gone = [name for name in before if name not in after]
    found = {name: name for name in after if name in before}
    for name in after:
        same = [old for old in gone if name not in before and _samples(before[old]) == _samples(after[name])]
        if same and same[0] not in found.values():
            found[name] = same[0]
    return found


def _samples(task: Mapping[str, Any]) -> Any:
    """Equal for tasks with the same samples; unlike anything where there are no digests."""
    digests = [task.get(f"{side}_digest") for side in SIDES]
    return digests if all(digests) else object()


def differences(before: Identities, after: Identities) -> list[str]:
    """In words, a line for each: tasks that were renamed, added, removed, or have other samples."""
    was = origins(before, after)
    renamed = [f"task {old} is now called {new}" for new, old in was.items() if new != old]
    added = [f"task {name} was added: {_counts(after[name])}" for name in after if name not in was]
    removed = [f"task {name} was removed: {_counts(task)}" for name, task in before.items() if name not in was.values()]
    changed = [line for name in after if name in before for line in _changes(name, before[name], after[name])]
    return [*renamed, *added, *removed, *changed]


def _counts(task: Mapping[str, Any]) -> str:
    return ", ".join(f"{task[side]:,} {word}" for side, word in SIDES.items()) + " samples"


def _changes(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for side, word in SIDES.items():
        if not _side_changed(old, new, side):
            continue
        if old.get(f"{side}_set_digest") == new[f"{side}_set_digest"]:
            yield f"task {name}: the same {new[side]:,} {word} samples in another order"
        else:
            number = f"{new[side]:,}" if new[side] != old[side] else f"{new[side]:,} others"
            yield f"task {name}: {old[side]:,} {word} samples -> {number}"


def _side_changed(old: Mapping[str, Any], new: Mapping[str, Any], side: str) -> bool:
    digest = f"{side}_digest"
    return bool(old[side] != new[side] or old.get(digest, new[digest]) != new[digest])


def same_validation(before: Identities, after: Identities) -> bool:
    """Whether losses on the validation samples then can be compared with those now."""
    was = origins(before, after)
    if len(was) != len(after) or len(after) != len(before):
        return False
    return not any(_side_changed(before[old], after[new], "valid") for new, old in was.items())
