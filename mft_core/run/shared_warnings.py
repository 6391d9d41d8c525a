"""What a user should know of tasks that a field tells apart: values called otherwise, or without training records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mft_core.records import TaskFiles
from mft_core.support.lists import first_few
from mft_core.support.shared_files import SharedFiles


def shared_warnings(tasks: Sequence[TaskFiles]) -> Iterator[str]:
    """Two lines at most for each field.

    Args:
        tasks: all that there are.
    """
    for shared in dict.fromkeys(task.shared for task in tasks if task.shared):
        yield from _renamed(shared)
        yield from _only_validating(shared, {task.name for task in tasks if task.shared is shared})


def _renamed(shared: SharedFiles) -> Iterator[str]:
    pairs = {
        pair
        for parts in shared.parts.values()
        for pair in zip(parts.values, parts.names, strict=True)
        if pair[0] != pair[1]
    }
    if pairs:
        shown = first_few([f"{value!r} is {name}" for value, name in sorted(pairs)], of_what="values")
        yield f"values of {shared.field!r} that no task can be called by: {shown}"


def _only_validating(shared: SharedFiles, trained: set[str]) -> Iterator[str]:
    rest = {name for parts in shared.parts.values() for name in parts.names} - trained
    if rest:
        yield (
            f"values of {shared.field!r} that only validation files have, so that they are left out: "
            f"{first_few(sorted(rest), of_what='values')}"
        )
