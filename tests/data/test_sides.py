"""The key of what files become: their contents and what reads them, but neither their names nor their places."""

from __future__ import annotations

from pathlib import Path

from helpers.readers import READERS
from helpers.token_data import pair, prepare, task_file
from mft_core.data.length_guard import LengthPolicy
from mft_core.data.sides import Side, lines, readable_sides
from mft_core.records import ReaderChoice, TaskFiles

POLICY = LengthPolicy(1024, "drop")


def side(path: Path, cache: Path, *valid: Path, reader: ReaderChoice | None = None) -> Side:
    sides, errors = readable_sides([TaskFiles("t", (path,), valid, reader=reader)], READERS, ["key"], cache, POLICY)
    assert errors == []
    return sides["t"][0]


def test_contents_and_readers_decide(tmp_path: Path) -> None:
    first = task_file(tmp_path / "a.txt", ["one", "two"])
    moved = task_file(tmp_path / "b/c.txt", ["one", "two"])
    packed = task_file(tmp_path / "d.txt.gz", ["one", "two"])
    changed = task_file(tmp_path / "e.txt", ["one", "three"])
    whole = ReaderChoice("text", {"documents": "file"})
    assert side(first, tmp_path).folder == side(moved, tmp_path).folder == side(packed, tmp_path).folder
    others = [
        side(changed, tmp_path),
        side(first, tmp_path, reader=whole),
        side(first, tmp_path, reader=ReaderChoice("csv")),
    ]
    assert len({side(first, tmp_path).folder, *(other.folder for other in others)}) == 4


def test_lines_say_their_file_and_place(tmp_path: Path) -> None:
    paths = (task_file(tmp_path / "{a}.txt", ["one", "", "two"]), task_file(tmp_path / "b.csv", ["text", "x", "y,z"]))
    sides, _ = readable_sides([TaskFiles("t", paths)], READERS, [], tmp_path, POLICY)
    found = list(lines(sides["t"][0]))
    assert [(line.file, line.place, line.fault and line.fault[0]) for line in found] == [
        (0, 1, None), (0, 3, None), (1, 2, None), (1, 3, "ragged row")
    ]  # fmt: skip
    assert sides["t"][0].origins == [f"{tmp_path}/{{{{a}}}}.txt:{{place}}", f"{paths[1]}:{{place}}"]
    assert sides["t"][0].size == sum(path.stat().st_size for path in paths)


def test_what_is_wrong_with_one_task_leaves_the_others(tmp_path: Path) -> None:
    good = task_file(tmp_path / "a.jsonl", [pair(0)])
    tasks = [TaskFiles("good", (good,)), TaskFiles("gone", (tmp_path / "b.jsonl",)), TaskFiles("none", ())]
    sides, errors = readable_sides(tasks, READERS, [], tmp_path, POLICY)
    assert list(sides) == ["good"]
    assert [error.message.partition(":")[0] for error in errors] == ["Task 'gone'", "Task 'none'"]


def test_a_file_under_another_name_is_not_tokenised_again(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        prepare([TaskFiles("t", (task_file(tmp_path / name, [pair(0), pair(1)]),))], tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1
