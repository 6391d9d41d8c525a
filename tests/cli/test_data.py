"""`mft data show` as a user calls it; `mft data audit` is tried in tests/audit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.running import mft, write_tasks
from helpers.token_data import task_file


def command(folder: Path, *more: str) -> list[str]:
    pair = {"prompt": "<b>what</b> is 6 * 7?", "response": "42", "weight": 0.5}
    task_file(folder / "data" / "a" / "train.jsonl", [pair, {"prompt": "q", "response": "r"}])
    task_file(folder / "data" / "a" / "valid.jsonl", [{"prompt": "x", "response": "y"}])
    task_file(folder / "data" / "b" / "train.jsonl", [{"text": f"text {number}"} for number in range(4)])
    shared = ["--model", "llama", "--data", str(folder / "data"), "--set", "model.dtype=float32"]
    return ["data", "show", *shared, *more]


def test_what_is_learned_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mft(*command(tmp_path, "--of", "a", "--n", "9")) == 0
    out = capsys.readouterr().out
    assert f"{tmp_path}/data/a/train.jsonl:1" in out
    assert "\u27e642" in out
    assert "(weight 0.5)" in out
    assert "data/b/" not in out


def test_as_json_and_as_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mft(*command(tmp_path, "--n", "1", "--json")) == 0
    out = capsys.readouterr().out
    samples = json.loads(out[out.index("[") :])
    assert [sample["task"] for sample in samples] == ["a", "b"]
    assert sum(part["tokens"] for part in samples[0]["parts"]) == samples[0]["tokens"]
    page = tmp_path / "page.html"
    assert mft(*command(tmp_path, "--n", "9", "--html", str(page))) == 0
    assert "&lt;b&gt;what&lt;/b&gt;" in page.read_text(encoding="utf-8")


def test_a_mistyped_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mft(*command(tmp_path, "--of", "aa")) == 2
    assert "no task 'aa'" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--steps", "2"], ["--epochs", "1"], ["--loss", "mixed"], ["--packer", "pad"]])
@pytest.mark.parametrize("what", ["show", "audit"])
def test_flags_of_training_say_nothing_to_data(what: str, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert mft("data", what, *flags) == 2
    assert f"No such option: {flags[0]}" in " ".join(capsys.readouterr().err.split())


def test_the_audit_asks_for_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert mft("data", "audit", "--data", str(write_tasks(tmp_path / "tasks"))) == 0
    assert (tmp_path / "audit.json").exists()


def test_the_audit_of_data_that_takes_long_to_be_made_is_not_begun_by_mistake(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert mft("data", "audit") == 2
    assert "is made up for a model family" in " ".join(capsys.readouterr().err.split())
