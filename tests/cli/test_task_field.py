"""One file of many tasks, through the commands as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.running import events, mft
from helpers.shared_tasks import of
from helpers.token_data import pair, task_file

pytestmark = pytest.mark.slow
SMALL = ["--model", "llama", "--set", "model.dtype=float32", "--set", "train.batch_size=8", "--steps", "2"]


@pytest.fixture
def mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three tasks, of 20 records each, and two records of none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MFT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "plugins.toml").write_text('disabled = ["mft-report"]\n')
    channels = ["code", "chat", "my sql"]
    records = [of(channels[number % 3], number) for number in range(60)]
    return task_file(tmp_path / "mix.jsonl", [pair(77), *records, {**pair(78), "channel": None}])


def as_json(capsys: pytest.CaptureFixture[str], *command: str) -> Any:
    capsys.readouterr()
    assert mft(*command, "--json") == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_check_counts_every_task(mix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, "check", *SMALL, "--task", f"all={mix}", "--task-field", "channel")
    assert {name: (report["read"], report["valid"]) for name, report in found["data"].items()} == {
        "chat": (20, 1), "code": (20, 1), "my_sql": (20, 1),
    }  # fmt: skip
    (nameless,) = found["without_task"]
    assert (nameless["read"], nameless["bad"], nameless["files"]) == (2, {"missing task field": 2}, [str(mix)])
    assert any("'my sql' is my_sql" in line for line in found["warnings"])
    assert any(line.startswith("records of no task") for line in found["warnings"])


def test_a_task_is_chosen_and_shown(mix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared = [*SMALL[:4], "--task", f"all={mix}", "--set", "data.task_field=channel"]
    samples = as_json(capsys, "data", "show", *shared, "--of", "my_sql", "--n", "2")
    assert [(sample["task"], sample["origin"]) for sample in samples] == [
        ("my_sql", f"{mix}:4"), ("my_sql", f"{mix}:7"),
    ]  # fmt: skip
    chosen = as_json(capsys, "check", *shared, "--set", 'data.include=["chat"]')
    assert list(chosen["data"]) == ["chat"]
    assert mft("check", *shared, "--set", 'data.include=["chta"]') == 2
    assert "Did you mean 'chat'?" in capsys.readouterr().err


def test_what_an_audit_leaves_out_is_left_out_of_its_task(mix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mix.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(of("chat", 1)) + "\n")
    shared = [*SMALL[:4], "--task", f"all={mix}", "--task-field", "channel"]
    found = as_json(capsys, "data", "audit", *shared, "--output", "audit.json")
    assert [row["place"] for row in found["exclude"]] == [63]
    less = as_json(capsys, "check", *shared, "--set", "data.exclude=audit.json")
    assert {name: report["excluded"] for name, report in less["data"].items()} == {"chat": 1, "code": 0, "my_sql": 0}


def test_a_run_prepared_or_resumed_has_the_same_tasks(mix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = mix.with_name("recipe.toml")
    recipe.write_text('[[data.tasks]]\nname = "all"\ntrain = "mix.jsonl"\ntask_field = "channel"\n'
                      '[[data.tasks]]\nname = "chat"\nweight = 3.0\n', encoding="utf-8")  # fmt: skip
    assert mft("run", str(recipe), *SMALL, "--output", "run") == 0
    (start,) = events(Path("run"), "start")
    assert {name: task["weight"] for name, task in start["tasks"].items()} == {"chat": 3.0, "code": 1.0, "my_sql": 1.0}
    quarantine = Path("run/quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["line"] for line in quarantine] == [1, 62]
    assert mft("run", "--resume", "--output", "run", "--steps", "3") == 0, capsys.readouterr().err
    assert mft("prepare", str(recipe), *SMALL, "--output", "prepared") == 0
    mix.unlink()
    capsys.readouterr()
    found = as_json(capsys, "check", "prepared/recipe.toml")
    assert {task["name"]: task["weight"] for task in found["tasks"]} == {"chat": 3.0, "code": 1.0, "my_sql": 1.0}
    assert found["without_task"][0]["read"] == 2


def test_the_data_of_the_command_line_keeps_the_options(mix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = mix.with_name("recipe.toml")
    recipe.write_text('[data]\ntask_field = "channel"\n[[data.tasks]]\nname = "old"\ntrain = "old.jsonl"\n'
                      '[[data.tasks]]\nname = "chat"\nweight = 3.0\n', encoding="utf-8")  # fmt: skip
    task_file(mix.parent / "data" / "other.jsonl", [of(name, number) for number, name in enumerate(["chat", "b"] * 9)])
    found = as_json(capsys, "check", str(recipe), *SMALL, "--data", "data")
    assert {task["name"]: task["weight"] for task in found["tasks"]} == {"b": 1.0, "chat": 3.0}
