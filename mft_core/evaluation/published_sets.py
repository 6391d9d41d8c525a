"""Published sets: from a file or a folder that the user names, else from the Hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.data.jsonl import read_lines
from mft_core.errors import MftError, UsageError

if TYPE_CHECKING:
    from mft_core.evaluation.items import Item

FORMS = (".jsonl", ".jsonl.gz", ".json", ".parquet")


@dataclass(frozen=True, slots=True)
class PublishedSet:
    """Where a set is to be had.

    Attributes:
        files: names under which its file is known, without ending; looked for in a folder, in this order.
        hub: data set on the Hugging Face Hub; "": it is not there.
        hub_file: the file in it.
        required: fields that every row must have.
    """

    files: tuple[str, ...]
    hub: str = ""
    hub_file: str = ""
    required: tuple[str, ...] = ()


def load_set(data: str, published: PublishedSet | None, name: str) -> list[dict[str, Any]]:
    """The rows of a set, in the file's order.

    Args:
        data: a file, a folder with one, or "": the Hub.
        published: where it is published; None: only `data` has it.
        name: the evaluator's, for messages.

    Raises:
        UsageError: there is no such file, or `data` is needed and not given.
        MftError: the file cannot be read, or rows lack fields.
    """
    path = find_set(Path(data).expanduser(), published, name) if data else _from_hub(published, name)
    rows = read_rows(path)
    required = published.required if published else ()
    for number, row in enumerate(rows, 1):
        if missing := [field for field in required if field not in row]:
            raise MftError(
                f"{path}: row {number} has no {', '.join(map(repr, missing))}: not the set {name!r} as published.",
                f"Rows of {name!r} have: {', '.join(required)}.",
            )
    if not rows:
        raise MftError(f"{path} is empty.", f"Give the set as published: --set eval.{name}.data=PATH")
    return rows


def find_set(path: Path, published: PublishedSet | None, name: str) -> Path:
    """The file meant by a file or a folder.

    Raises:
        UsageError: it is not there, or the folder holds none or several that could be meant.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise UsageError(f"eval.{name}.data: there is no {path}", "Give the set's file, or the folder that holds it.")
    known = [path / f"{stem}{ending}" for stem in (published.files if published else ()) for ending in FORMS]
    for candidate in known:
        if candidate.is_file():
            return candidate
    others = sorted(file for file in path.iterdir() if file.name.endswith(FORMS))
    if len(others) == 1:
        return others[0]
    wanted = " or ".join(dict.fromkeys(file.name for file in known if file.suffix != ".json")) or "one .jsonl file"
    raise UsageError(f"eval.{name}.data: {path} does not hold {wanted}", "Name the file itself.")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a .jsonl, .jsonl.gz, .json (a list) or .parquet file.

    Raises:
        MftError: it cannot be read; with the line.
    """
    if path.suffix == ".parquet":
        return _parquet_rows(path)
    if path.suffix == ".json":
        return _json_rows(path)
    rows = []
    for number, line in read_lines(path):
        try:
            rows.append(dict(json.loads(line)))
        except (ValueError, TypeError) as error:
            raise MftError(f"{path}:{number} is no JSON object: {error}", "Each line must be one problem.") from error
    return rows


def set_digest(items: Sequence[Item]) -> str:
    """SHA-256 of the problems used, whatever file they came in, as hexadecimal."""
    hasher = hashlib.sha256()
    for item in items:
        row = [item.task_id, item.group, dict(item.fields)]
        hasher.update(json.dumps(row, sort_keys=True, ensure_ascii=True, default=str).encode() + b"\n")
    return hasher.hexdigest()


def _json_rows(path: Path) -> list[dict[str, Any]]:
    try:
        return [dict(row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise MftError(f"{path} is no list of JSON objects: {error}", "JSON Lines work too.") from error


def _parquet_rows(path: Path) -> list[dict[str, Any]]:
    try:
        from pyarrow import parquet  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        hint = "pip install pyarrow; or give the set as JSON Lines."
        raise MftError(f"{path} is a Parquet file, and pyarrow is not installed.", hint) from error
    return list(parquet.read_table(path).to_pylist())


def _from_hub(published: PublishedSet | None, name: str) -> Path:
    where = f"--set eval.{name}.data=PATH"
    if published is None or not published.hub:
        raise UsageError(f"where the set {name!r} lies is not given", f"Say it: {where}, or `data` under its [[eval]].")
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(published.hub, published.hub_file, repo_type="dataset"))
    except Exception as error:  # the Hub's client raises errors of many libraries
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise MftError(
            f"The set {name!r} could not be had from the Hub ({published.hub}): {type(error).__name__} {reason}",
            f"Without a connection, name a file or folder that holds it: {where}",
        ) from error
