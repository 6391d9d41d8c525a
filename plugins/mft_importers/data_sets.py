"""Data sets of other tools as tasks of a recipe."""

from __future__ import annotations

import re
from typing import Any

from mft_core.data.tasks import validate_task_name
from mft_core.errors import UsageError
from mft_core.importing.importer import Conversion
from mft_importers.shared import as_number, listed

SLICE = re.compile(r"(?P<split>[^\[]+)(?P<slice>\[(?::(?P<count>\d+)|[^\]]*)\]).*")
"""What the datasets library calls a part of a split, such as train[:500] or train[:1%]."""


def hub_address(name: str, config: object = None, split: str = "train") -> str:
    """A data set on the Hub, or one configuration of it."""
    return ":".join([f"hf:{name}", *([str(config)] if config else []), split])


def task(conversion: Conversion, name: str, train: str, **others: Any) -> dict[str, Any]:
    """A task of the recipe, whose name is one; added to those that there are. Of a split such as `train[:500]` it has
    so many samples.
    """
    tasks = conversion.values.setdefault("data", {}).setdefault("tasks", [])
    unused = _unused(task_name(name), {one["name"] for one in tasks})
    if train.startswith("hf:") and (cut := SLICE.fullmatch(train)):
        train = cut["split"]
        if cut["count"]:
            others.setdefault("max_samples", int(cut["count"]))
        else:
            conversion.remark(f"{unused}: {cut['slice']} of the split was used; max_samples takes a number of samples.")
    made = {"name": unused, "train": train, **others}
    tasks.append(made)
    return made


def task_field(conversion: Conversion, field: str) -> None:
    """Each value of a field of the records as a task."""
    conversion.set("data.task_field", field)
    for made in conversion.values["data"].get("tasks", []):
        if made.get("max_samples"):
            conversion.remark(f"{made['name']}: max_samples holds for each of the tasks that {field!r} names.")


def shares(conversion: Conversion, key: str) -> None:
    """How likely each data set is drawn from: that much each task counts, under the balanced loss; to be called when
    the tasks are there."""
    chances = [as_number(each, 0.0) for each in listed(conversion.take(key, []))]
    tasks = conversion.values.get("data", {}).get("tasks", [])
    if not chances:
        return
    if len(chances) != len(tasks) or min(chances) <= 0:
        conversion.leave(key, "a weight above 0 for each data set: [[data.tasks]] weight")
        return
    for made, chance in zip(tasks, chances, strict=True):
        made["weight"] = chance
    conversion.remark(
        f"{key} is how much each task counts now (weight); samples are drawn in proportion to their number."
    )


def watched(made: dict[str, Any]) -> None:
    """A data set that is evaluated there and not trained on: a task that is watched."""
    made["role"] = "watch"


def task_name(text: str) -> str:
    """A name for a task that is as near to the text as names may be."""
    name = re.sub(r"[^\w.-]+", "-", text).strip("-.")[:80] or "task"
    try:
        return validate_task_name(name)
    except UsageError:
        return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "task"


def _unused(name: str, taken: set[str]) -> str:
    number = 2
    unused = name
    while unused in taken:
        unused, number = f"{name}-{number}", number + 1
    return unused
