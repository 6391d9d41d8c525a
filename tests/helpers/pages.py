"""The examples of a page of the documentation, and files such as its recipes name."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

from helpers.column_files import write_parquet

ROWS = 12
CHANNELS = ("first", "second")
"""The tasks of a file whose records name theirs."""


class Block(NamedTuple):
    """What stands between two fences: the language behind the first one, the line after it, and the text."""

    language: str
    line: int
    text: str


def blocks(page: str) -> list[Block]:
    """All of a page."""
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return [Block(match[1], page.count("\n", 0, match.start(2)) + 1, match[2]) for match in found]


def values(block: Block) -> Iterator[dict[str, Any]]:
    """The JSON values of a block, one after the other, each over one or more lines."""
    text = block.text
    while text := text.lstrip():
        value, end = json.JSONDecoder().raw_decode(text)
        yield value
        text = text[end:]


def commands(block: Block) -> list[str]:
    """Its lines, without the remarks behind them."""
    return [line for line in (re.sub(r"\s#.*", "", line).strip() for line in block.text.splitlines()) if line]


def quoted(page: str) -> list[str]:
    """What stands between backticks in the sentences of a page."""
    sentences = re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`\n]+)`", sentences)


def drawn_folders(block: Block) -> list[list[str]]:
    """The files of the folders that a block draws, one folder beside the other."""
    lines = [line.replace("(optional)", " " * len("(optional)")) for line in block.text.splitlines()]
    starts = [match.start() for match in re.finditer(r"\S+", lines[0])]
    return [_files([line[start:end].rstrip() for line in lines]) for start, end in _stretches(starts)]


def _stretches(starts: Sequence[int]) -> list[tuple[int, int | None]]:
    return list(zip(starts, [*starts[1:], None], strict=True))


def _files(lines: Sequence[str]) -> list[str]:
    above: list[str] = []
    found = []
    for line in filter(None, lines):
        above = [*above[: (len(line) - len(line.lstrip())) // 2], line.strip()]
        if not line.endswith("/"):
            found.append("".join(above))
    return found


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], delimiter: str = ",") -> Path:
    """A file of records, in the form that its suffix says; of texts alone where it is one of text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "parquet":
        return write_parquet(path, {key: [row[key] for row in rows] for key in rows[0]})
    if kind == "csv":
        stream = io.StringIO()
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
        text = stream.getvalue()
    elif kind == "jsonl":
        text = "".join(json.dumps(row) + "\n" for row in rows)
    else:
        text = json.dumps(rows) if kind == "json" else str(rows[0])
    content = text.encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def rows_for(columns: Mapping[str, str], seed: str) -> list[dict[str, Any]]:
    """Records that have what a recipe's columns name, each another one; without columns, a prompt and a response."""
    return [_row(columns or {"prompt": "prompt", "response": "response"}, f"{seed} {number}") for number in range(ROWS)]


def _row(columns: Mapping[str, str], text: str) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key, column in columns.items():
        named = [field for _, field, _, _ in Formatter().parse(column) if field] or [column]
        row |= {name: _held(key, f"{name} {text}") for name in named}
    return row


def _held(key: str, text: str) -> Any:
    """What may stand in a column that a recipe takes for `key`."""
    if key in ("messages", "chosen"):
        return [{"role": "user", "content": text}, {"role": "assistant", "content": f"{text}!"}]
    if key == "tools":
        return [{"name": "look"}]
    return {"history": [], "weight": 0.5}.get(key, text)


def write_task(folder: Path, task: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """The files that a task of a recipe names: of a pattern, one that it matches; of an entry without files, one of its
    name in the recipe's folder of data.

    Args:
        data: the recipe's section; the columns of a task stand in the place of those of all tasks.
    """
    files = {side: str(task[side]).replace("*", "one") for side in ("train", "valid") if side in task}
    for side, file in (files or {"train": f"{task['name']}.jsonl"}).items():
        rows = rows_for(task.get("columns", data.get("columns", {})), f"{task['name']} {side}")
        named = [{data["task_field"]: CHANNELS[number % 2]} if "task_field" in data else {} for number in range(ROWS)]
        place = (folder / data.get("path", "") / file).resolve()
        write_rows(place, [row | channel for row, channel in zip(rows, named, strict=True)])
