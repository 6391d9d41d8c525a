"""The SQLite reader of docs/plugins.md as a user takes it: a single file, given with --plugin."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY
from helpers.running import arguments, mft, start_mft
from mft_core.support import run_files


def example(folder: Path) -> Path:
    page = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8")
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "sqlite3" in code]
    assert len([line for line in code.splitlines() if line.strip()]) <= 25
    path = folder / "sqlite_reader.py"
    path.write_text(code, encoding="utf-8")
    return path


def database(path: Path, rows: list[tuple[str, str | None]]) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE records (prompt TEXT, response TEXT)")
        connection.executemany("INSERT INTO records VALUES (?, ?)", rows)
    return path


@pytest.mark.slow
def test_it_reads_a_task_and_says_where_a_record_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin, data = example(tmp_path), tmp_path / "data"
    data.mkdir()
    path = database(data / "talks.sqlite", [("q", ""), *((f"question {number}", "answer") for number in range(30))])
    command = [*arguments(data, tmp_path / "run", "--steps", "1"), "--plugin", str(plugin)]
    assert mft(*command) == 0, capsys.readouterr().err
    (kept,) = (tmp_path / "run" / run_files.QUARANTINE).read_text(encoding="utf-8").splitlines()
    refused = json.loads(kept)
    assert (refused["origin"], refused["reason"]) == (f"{path}:1", "empty response")
    components = json.loads((tmp_path / "run" / run_files.COMPONENTS).read_text(encoding="utf-8"))["components"]
    assert [(part["name"], part["plugin"]) for part in components if part["kind"] == "reader"] == [
        ("sqlite", "sqlite-reader")
    ]
    capsys.readouterr()
    plugin.rename(tmp_path / "moved.py")
    recipe = tmp_path / "run" / run_files.RECIPE
    assert mft("run", str(recipe), "--output", str(tmp_path / "again")) != 0
    assert "reader 'sqlite'" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    plugin, path = example(tmp_path), tmp_path / "a.sqlite"
    path.write_bytes(b"no database at all" * 100)
    command = ["check", "--model", "llama", "--task", f"t={path}", "--plugin", str(plugin)]
    process = start_mft(command)  # a local plugin's module is loaded once in a process
    said, _ = process.communicate()
    assert process.returncode == 1
    assert f"{path} has no records that can be read" in " ".join(said.split())
