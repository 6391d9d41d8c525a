"""Data sets of named splits: which of them trains and which validates, and those that `datasets.save_to_disk` wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mft_core.data.file_kinds import TEST, TRAIN, VALIDATION, kind
from mft_core.errors import MftError

STATE, SPLITS = "state.json", "dataset_dict.json"
WHOLE = ""
"""The split of a data set that has none."""

Splits = Mapping[str, Sequence[Path]]


def sides_of(splits: Splits, where: str) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The files that train and those that validate: of the split called train, or the only one that is neither for
    validation nor for testing; and of the first kind found of `VALIDATION`.

    Args:
        splits: files by the name of their split.
        where: what they belong to, for the message.

    Raises:
        MftError: none of them trains, or each of several could.
    """
    kinds = {name: kind(name) for name in splits}
    others = [name for name, what in kinds.items() if what not in (*VALIDATION, TEST)]
    train = TRAIN if TRAIN in splits else others[0] if len(others) == 1 else None
    if train is None:
        names = ", ".join(map(repr, splits))
        raise MftError(f"{where}: none of its splits is called train: {names}.", "Name the one that is to train.")
    valid = next((name for wanted in VALIDATION for name, what in kinds.items() if what == wanted), None)
    return tuple(splits[train]), tuple(splits[valid]) if valid is not None else ()


def saved_splits(folder: Path) -> dict[str, tuple[Path, ...]] | None:
    """The files by split of a Dataset or DatasetDict that `save_to_disk` wrote into `folder`; None: none did.

    Raises:
        MftError: it is damaged, or a file of it is gone.
    """
    if (folder / SPLITS).is_file():
        names = _described(folder / SPLITS, "splits")
        return {str(name): _saved_files(folder / str(name)) for name in names}
    if not (folder / STATE).is_file() or not any(folder.glob("*.arrow")):
        return None
    return {WHOLE: _saved_files(folder)}


def _saved_files(folder: Path) -> tuple[Path, ...]:
    described = _described(folder / STATE, "_data_files")
    files = tuple(folder / Path(str(file.get("filename"))).name for file in described if isinstance(file, dict))
    gone = [path for path in files if not path.is_file()]
    if gone or not files:
        raise MftError(
            f"{gone[0] if gone else folder / STATE} of a data set saved to disk is missing or empty.",
            "Copy the whole folder again.",
        )
    return files


def _described(path: Path, key: str) -> list[Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))[key]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise MftError(f"{path} of a data set saved to disk cannot be read: {error!r}", "Copy it again.") from error
    return value if isinstance(value, list) else []
