"""Tokenised and packed data in a folder of its own, that any number of processes and machines train from.

    prepared.json          what it was made from, the tasks with their reports, a checksum of every array and of itself
    tokens/KEY/            the token stores, as in the cache (`mft_core.data.token_store`)
    samples/0-train.npy    which samples of a store train (or validate), per task
    rows/0-members.npy     the rows of epoch 0 in training order, and their offsets
    quarantine.jsonl       every refused record (absent if there was none)
    recipe.toml            trains from this folder, wherever it was moved

Rows hold the numbers of their samples, not copies of tokens: an epoch takes 4 bytes a sample. They do not depend on
the batch size, nor on the number of processes, which share the rows of each step.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.manifest import check_manifest, sealed
from mft_core.data.tasks import Task, TaskReport, TaskSet, write_quarantine
from mft_core.data.token_store import TokenEntry, TokenStore, checksum, open_entry
from mft_core.errors import MftError, UsageError
from mft_core.recipe.schema import Recipe, TaskSection
from mft_core.records import PackedRows, TaskFiles
from mft_core.support import run_files
from mft_core.support.durable import whole_folder, write_text
from mft_core.support.reading import ReaderChoice, RecordForm, TaskSampling
from mft_core.support.redact import redacted

MANIFEST = "prepared.json"
TASKS = "data.tasks"
"""Key of what single tasks say themselves, among what a folder was made from."""
FORMAT = 6
SIDES = ("train", "valid")
AGAIN = "prepare it anew: mft prepare RECIPE --output NEW_FOLDER"


@dataclass(frozen=True, slots=True)
class PreparedFolder:
    """An opened folder.

    Attributes:
        path: where it lies.
        manifest: its prepared.json.
    """

    path: Path
    manifest: Mapping[str, Any]

    def check(self, wanted: Mapping[str, Any], tasks: Sequence[str]) -> None:
        """Compare what the folder was made from with what a recipe wants.

        Args:
            wanted: by key; under `TASKS`, what single tasks say themselves, by their names.
            tasks: the names of those that are used.

        Raises:
            UsageError: they differ; it names every difference.
        """
        here, there = (_by_key(made_from, tasks) for made_from in (wanted, self.manifest["made_from"]))
        differences = [
            f"{key}: {_given(there, key)} there, {_given(here, key)} in this run"
            for key in {**here, **there}
            if here.get(key) != there.get(key)
        ]
        if differences:
            message = f"data.prepared: {self.path} was made otherwise:\n  " + "\n  ".join(differences)
            raise UsageError(message, f"put that back, or {AGAIN}")

    def files(self, sections: Sequence[TaskSection]) -> list[TaskFiles]:
        """The tasks, with the files they were made of (which need not be there any more).

        Args:
            sections: what the recipe says of tasks now: another weight, or to be repeated.
        """
        named = {section.name: section for section in sections}
        now = {
            task["name"]: named.get(task["name"])
            or TaskSection(name=task["name"], train="", weight=task["weight"], repeat=task["sampling"]["repeat"])
            for task in self.manifest["tasks"]
        }
        return [
            TaskFiles(
                task["name"],
                tuple(map(Path, task["train"]["paths"])),
                tuple(map(Path, task["valid"]["paths"])) if task["valid"]["paths"] != task["train"]["paths"] else (),
                now[task["name"]].weight,
                _reader(task["train"]),
                _form(task["train"]),
                TaskSampling(**{**task["sampling"], "repeat": now[task["name"]].repeat}),
            )
            for task in self.manifest["tasks"]
        ]

    def task_set(self, chosen: Sequence[TaskFiles]) -> TaskSet:
        """The chosen ones of `files`, with their samples.

        Raises:
            MftError: something in the folder is missing or damaged.
        """
        by_name = {task["name"]: task for task in self.manifest["tasks"]}
        described = [by_name[files.name] for files in chosen]
        needed = sorted({task[side]["entry"] for task in described for side in SIDES})
        entries = {name: self._entry(name) for name in needed}
        tasks: tuple[list[Task], list[Task]] = ([], [])  # trained ones and watched ones
        for files, task in zip(chosen, described, strict=True):
            train, valid = (self._store(task[side], entries) for side in SIDES)
            some = tasks[files.sampling.watched]
            some.append(Task(files.name, len(some), files.weight, train, valid, _report(task), files.sampling))
        return TaskSet(*map(tuple, tasks))

    def rows_of(self, tasks: TaskSet, seed: int, temperature: float) -> Callable[[int], PackedRows | None] | None:
        """Gives the stored rows of an epoch; None where this run orders its samples otherwise than they were packed."""
        rows = self.manifest["rows"]
        there = [task for task in self.manifest["tasks"] if not task["sampling"]["watched"]]
        packed_for = [(task["name"], task["sampling"]["repeat"]) for task in there], rows["seed"], rows["temperature"]
        wanted = [(task.name, task.sampling.repeat) for task in tasks], seed, temperature
        return partial(self._rows, sum(len(task.train) for task in tasks)) if packed_for == wanted else None

    def _rows(self, samples: int, epoch: int) -> PackedRows | None:
        if epoch >= self.manifest["rows"]["epochs"]:
            return None
        rows = PackedRows(*(self._array(f"rows/{epoch}-{part}.npy") for part in ("members", "offsets")))
        bounds = rows.offsets
        whole = len(bounds) and bounds[0] == 0 and bounds[-1] == len(rows.members) and (np.diff(bounds) >= 0).all()
        if not whole or not _below(rows.members, samples):
            raise self._damaged(f"rows/{epoch}-members.npy")
        return rows

    def _entry(self, name: str) -> TokenEntry:
        entry = open_entry(self.path / "tokens" / name)
        if entry is None:
            raise self._damaged(f"tokens/{name}")
        return entry

    def _store(self, side: Mapping[str, Any], entries: Mapping[str, TokenEntry]) -> TokenStore:
        entry, index = entries[side["entry"]], self._array(side["samples"])
        if not _below(index, len(entry)):
            raise self._damaged(side["samples"])
        if not _below(entry.files, len(side["paths"])):
            raise self._damaged(MANIFEST)
        return TokenStore(entry, index, tuple(map(Path, side["paths"])), _reader(side), _form(side))

    def _array(self, name: str) -> np.ndarray:
        try:
            if checksum(self.path / name) != self.manifest["checksums"][name]:
                raise self._damaged(name)
            return np.load(self.path / name, allow_pickle=False).astype(np.int64)
        except (OSError, KeyError, ValueError) as error:
            raise self._damaged(name) from error

    def _damaged(self, name: str) -> MftError:
        return MftError(f"data.prepared: {self.path / name} is missing or damaged.", f"Copy it again, or {AGAIN}")


def open_prepared(path: Path) -> PreparedFolder:
    """The folder that `mft prepare` wrote.

    Raises:
        UsageError: it is none, of another version of mft, or its manifest was changed since.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        hint = "`mft prepare RECIPE --output FOLDER` writes one"
        raise UsageError(f"data.prepared: {path} holds no prepared data ({MANIFEST}).", hint) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UsageError(f"data.prepared: {path} was written by another version of mft.", AGAIN)
    try:
        check_manifest(manifest)
    except ValueError as error:
        hint = f"tasks are weighed in the recipe, [[data.tasks]] weight; else {AGAIN}"
        raise UsageError(f"data.prepared: {path / MANIFEST}: {error}", hint) from error
    return PreparedFolder(path, manifest)


def refuse_existing(path: Path) -> None:
    """Never overwrite.

    Raises:
        UsageError: there is something at `path`.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"--output {path}: there is something already.", "Give a new folder, or an empty one.")


def write_prepared(
    path: Path, recipe: Recipe, tasks: TaskSet, training: BatchPlan, epochs: int, made_from: Mapping[str, Any]
) -> None:
    """Write a folder whole, or not at all.

    Args:
        path: a folder that is not there yet, or empty.
        recipe: resolved.
        training: its rows are stored.
        epochs: how many epochs' rows are stored; those of later ones are made while training.
        made_from: what `PreparedFolder.check` compares.

    Raises:
        UsageError: there is something at `path`.
        MftError: it cannot be written.
    """
    refuse_existing(path)
    try:
        with whole_folder(path) as folder:
            entries = [_write_task(folder, number, task) for number, task in enumerate(tasks.every)]
            _write_rows(folder / "rows", training, epochs)
            write_quarantine(tasks, folder / run_files.QUARANTINE)
            write_text(folder / run_files.RECIPE, _portable(recipe).as_toml())
            manifest = {
                "format": FORMAT,
                "made_from": made_from,
                "tasks": entries,
                "rows": {"seed": recipe.train.seed, "temperature": recipe.data.temperature, "epochs": epochs},
                "checksums": {
                    array.relative_to(folder).as_posix(): checksum(array)
                    for part in ("samples", "rows")
                    for array in sorted((folder / part).iterdir())
                },
            }
            write_text(folder / MANIFEST, json.dumps(sealed(redacted(manifest)), indent=1))
    except OSError as error:
        raise MftError(f"{path} cannot be written: {error}", "Check the space and the rights there.") from error


def _write_task(folder: Path, number: int, task: Task) -> dict[str, Any]:
    (folder / "samples").mkdir(exist_ok=True)
    described: dict[str, Any] = {"name": task.name, "weight": task.weight, "sampling": task.sampling._asdict()}
    described["report"] = task.report.as_json()
    for side, store in zip(SIDES, (task.train, task.valid), strict=True):
        source = store.entry.folder
        shutil.copytree(source, folder / "tokens" / source.name, dirs_exist_ok=True)
        name = f"samples/{number}-{side}.npy"
        _save(folder / name, store.index)
        described[side] = {"entry": source.name, "samples": name, "paths": [str(path) for path in store.paths]}
        described[side]["form"] = asdict(store.form)
        if store.reader is not None:
            described[side]["reader"] = store.reader._asdict()
    return described


def _write_rows(folder: Path, training: BatchPlan, epochs: int) -> None:
    folder.mkdir()
    for epoch in range(epochs):
        rows = training.rows(epoch)
        _save(folder / f"{epoch}-members.npy", rows.members)
        _save(folder / f"{epoch}-offsets.npy", rows.offsets)


def _save(path: Path, numbers: np.ndarray) -> None:
    """Non-negative integers, in 32 bits where that is enough."""
    small = not len(numbers) or int(numbers.max()) < 1 << 32
    np.save(path, numbers.astype(np.uint32 if small else np.int64))


def _portable(recipe: Recipe) -> Recipe:
    """The recipe reading from the folder that it lies in."""
    return recipe.having("data", prepared=".").having("output", dir="")


def _below(numbers: np.ndarray, count: int) -> bool:
    """Whether all of them are indices of something with so many parts."""
    return not len(numbers) or bool(numbers.min() >= 0 and numbers.max() < count)


def _by_key(made_from: Mapping[str, Any], tasks: Sequence[str]) -> dict[str, Any]:
    """What decides on samples, by its key, such as "data.overlong" and "data.tasks.NAME.max_length"."""
    own = {name: made_from.get(TASKS, {}).get(name, {}) for name in tasks}
    of_tasks = {f"{TASKS}.{name}.{key}": value for name, keys in own.items() for key, value in keys.items()}
    return {**{key: value for key, value in made_from.items() if key != TASKS}, **of_tasks}


def _given(values: Mapping[str, Any], key: str) -> str:
    return repr(values[key]) if key in values else "nothing"


def _reader(side: Mapping[str, Any]) -> ReaderChoice | None:
    chosen = side.get("reader")
    return ReaderChoice(chosen["name"], chosen["options"]) if chosen else None


def _form(side: Mapping[str, Any]) -> RecordForm:
    columns = tuple((key, column) for key, column in side["form"]["columns"])
    return RecordForm(**{**side["form"], "columns": columns})


def _report(task: Mapping[str, Any]) -> TaskReport:
    return TaskReport(**{**task["report"], "examples": tuple(task["report"]["examples"])})
