"""A task's own limit of tokens holds for it alone, with the same rules for what is longer, and its own cache entry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.running import mft
from helpers.token_data import Counting, pair, prepare, task_file
from mft_core.errors import MftError
from mft_core.records import TaskFiles
from mft_core.support.reading import TaskSampling

LONG = {"prompt": "long", "response": "word " * 40}


def files(tmp_path: Path, **lengths: int | None) -> list[TaskFiles]:
    path = task_file(tmp_path / "t.jsonl", [*(pair(number) for number in range(9)), LONG])
    return [TaskFiles(name, (path,), sampling=TaskSampling(max_length=own)) for name, own in lengths.items()]


@pytest.mark.parametrize(("overlong", "counts"), [("drop", (1, 0)), ("truncate", (0, 1)), ("split", (1, 0))])
def test_only_its_own_samples_are_shortened(tmp_path: Path, overlong: str, counts: tuple[int, int]) -> None:
    own, common = prepare(files(tmp_path, own=40, common=None), tmp_path / "cache", max_length=200, overlong=overlong)
    assert (own.report.overlong, own.report.truncated) == counts
    assert (common.report.overlong, common.report.truncated) == (0, 0)
    longest = [max(store.lengths.max() for store in (task.train, task.valid)) for task in (own, common)]
    assert longest[0] <= 40 < longest[1]


def test_nothing_else_is_tokenised_again_for_it(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    prepare(files(tmp_path, a=None), cache, Counting, max_length=200)
    before = Counting.calls
    (same,) = prepare(files(tmp_path, a=200), cache, Counting, max_length=200)
    assert Counting.calls == before, "the same length under either key"
    prepare(files(tmp_path, a=None, b=40), cache, Counting, max_length=200)
    assert Counting.calls == before + 10
    assert same.sampling.max_length == 200


def test_nothing_left_says_which_length_to_raise(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl", [LONG])
    with pytest.raises(MftError, match="no usable training record") as caught:
        prepare([TaskFiles("t", (path,), sampling=TaskSampling(max_length=9))], tmp_path / "cache", max_length=200)
    assert "raise its max_length (now 9)" in caught.value.hint


TASK = """
[data]
max_length = {}
[[data.tasks]]
name = "own"
train = "t.jsonl"
max_length = {}
[[data.tasks]]
name = "common"
train = "t.jsonl"
"""
MODEL = ("--model", "llama", "--set", "model.dtype=float32")


def recipe(tmp_path: Path, rows: int, own: int) -> Path:
    files(tmp_path)
    path = tmp_path / f"{rows}-{own}.toml"
    path.write_text(TASK.format(rows, own), encoding="utf-8")
    return path


def test_it_must_fit_into_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recipe(tmp_path, 96, 128)
    assert mft("check", str(path), *MODEL) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "Task 'own': its max_length, 128, is more than data.max_length, 96" in said
    assert mft("check", str(path), *MODEL, "--set", "data.max_length=128") == 0


def test_prepared_data_is_compared_by_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, folder = recipe(tmp_path, 200, 40), tmp_path / "prepared"
    assert mft("prepare", str(path), *MODEL, "--output", str(folder)) == 0
    capsys.readouterr()
    shown = []
    for one in (path, folder / "recipe.toml"):
        assert mft("check", str(one), *MODEL, "--json") == 0
        out = capsys.readouterr().out
        shown.append(json.loads(out[out.index("{") :]))
    assert shown[0]["data"] == shown[1]["data"]
    assert shown[0]["tasks"] == shown[1]["tasks"]
    assert [task["max_length"] for task in shown[0]["tasks"]] == [40, None]
    assert shown[0]["warnings"] == shown[1]["warnings"] != []
    assert shown[0]["data"]["own"]["overlong"] == 1
    other = recipe(tmp_path, 200, 0)
    assert mft("check", str(other), *MODEL, "--set", f"data.prepared={folder}") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "data.tasks.own.max_length: 40 there, nothing in this run" in said
    assert said.count(" there, ") == 1
    assert mft("check", str(other), *MODEL, "--set", f"data.prepared={folder}", "--set", "data.include=['common']") == 0
