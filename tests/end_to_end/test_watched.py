"""A run with tasks that are only watched trains as it does without them, and measures them at every evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.finished_runs import interrupted
from helpers.running import events, largest_difference, mft, settings, weights, write_tasks
from helpers.workers import run_commands_on
from mft_core.comparison.losses_file import read_losses

RECIPE = """
[model]
adapter = "llama"
dtype = "float64"
[tune]
dropout = 0.0
[data]
max_length = 128
[loss]
name = "famo"
every = 1
[train]
steps = 6
batch_size = 4
micro_batch_size = 2
log_every = 1
eval_every = 2
save_every = 2
stop = "patience"
patience = 9
callbacks = []
[[data.tasks]]
name = "add"
train = "data/add"
[[data.tasks]]
name = "copy"
train = "data/copy"
"""
WATCHED = """
[[data.tasks]]
name = "away"
train = "data/reverse"
role = "watch"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recipes with and without a watched task, which stands before the trained ones, and a finished run of each."""
    folder = tmp_path_factory.mktemp("watched")
    write_tasks(folder / "data", {"add": 24, "copy": 12, "reverse": 9})
    (folder / "plain.toml").write_text(RECIPE, encoding="utf-8")
    first, second = RECIPE.split("[[data.tasks]]", 1)
    (folder / "watching.toml").write_text(first + WATCHED + "[[data.tasks]]" + second, encoding="utf-8")
    for name in ("plain", "watching"):
        assert mft("run", str(folder / f"{name}.toml"), "--output", str(folder / name)) == 0
    return folder


def measured(run: Path) -> list[tuple[Any, ...]]:
    return [(event["step"], event["loss"], event["tasks"]) for event in events(run, "eval")]


def test_training_is_the_same_bit_by_bit(place: Path) -> None:
    plain, watching = place / "plain", place / "watching"
    assert largest_difference(weights(plain), weights(watching)) == 0
    assert measured(plain) == measured(watching)
    for name in ("balance", "train"):
        assert [event["tasks"] for event in events(plain, name)] == [event["tasks"] for event in events(watching, name)]
    assert events(plain, "end")[0]["selected"] == events(watching, "end")[0]["selected"]
    for event in events(plain, "eval"):
        assert "watched" not in event


def test_it_is_measured_at_every_evaluation(place: Path) -> None:
    found = events(place / "watching", "eval")
    assert [event["step"] for event in found] == [0, 2, 4, 6]
    losses = [event["watched"]["away"]["loss"] for event in found]
    assert len(set(losses)) == 4
    (start,) = events(place / "watching", "start")
    assert list(start["tasks"]) == ["add", "copy"]
    assert (start["watched"]["away"]["train"], start["watched"]["away"]["valid"]) == (0, len(reverse(place)))
    assert found[0]["watched"]["away"]["tokens"] > 0


def reverse(place: Path) -> list[str]:
    """All the records of the watched folder."""
    texts = [path.read_text(encoding="utf-8") for path in (place / "data/reverse").iterdir()]
    return [line for text in texts for line in text.splitlines()]


def test_results_show_it_behind_the_trained_tasks(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = place / "watching"
    evals = events(run, "eval")
    assert mft("report", str(run), "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert list(facts["tasks"]) == ["add", "copy"]
    own = facts["watched"]["away"]
    assert (own["before"], own["after"]) == (evals[0]["watched"]["away"]["loss"], evals[-1]["watched"]["away"]["loss"])
    assert mft("report", str(run)) == 0
    text = capsys.readouterr().out
    assert text.index("all tasks") < text.index("away watched")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "away <small>watched</small>" in page
    assert "2 tasks" in page
    card = (run / "final" / "README.md").read_text(encoding="utf-8")
    assert "on 2 tasks at once" in card
    assert "| away (not trained) | 0 | " in card


def test_the_evaluator_of_losses_scores_it_too(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = place / "watching"
    assert mft("eval", str(run), "--on", "loss", "--output", str(tmp_path / "eval"), "--json") == 0
    out = capsys.readouterr().out
    scores = json.loads(out[out.index("{") :])["results"]
    found = {score["set"]: score["value"] for score in scores if score["metric"] == "loss"}
    (end,) = events(run, "end")
    (selected,) = [event for event in events(run, "eval") if event["step"] == end["selected"]]
    expected = {name: task["loss"] for name, task in {**selected["tasks"], **selected["watched"]}.items()}
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_resumed_run_ends_as_an_uninterrupted_one(place: Path, tmp_path: Path) -> None:
    run = interrupted(place / "watching", tmp_path / "run")
    assert mft("run", "--resume", "--output", str(run)) == 0
    assert largest_difference(weights(run), weights(place / "watching")) == 0
    for found, expected in zip(events(run, "eval"), events(place / "watching", "eval"), strict=True):
        assert (found["tasks"], found["watched"]) == (expected["tasks"], expected["watched"])


def test_two_processes_measure_what_one_does(place: Path, tmp_path: Path) -> None:
    run = tmp_path / "two"
    run_commands_on(2, ["run", str(place / "watching.toml"), "--output", str(run)])
    assert largest_difference(weights(run), weights(place / "watching")) < 1e-8
    for two, one in zip(events(run, "eval"), events(place / "watching", "eval"), strict=True):
        assert two["watched"]["away"]["loss"] == pytest.approx(one["watched"]["away"]["loss"], rel=1e-8)
        assert two["watched"]["away"]["tokens"] == one["watched"]["away"]["tokens"]


def checked(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, Any]:
    assert mft("check", *command, "--json") == 0
    out = capsys.readouterr().out
    found: dict[str, Any] = json.loads(out[out.index("{") :])
    return found


def test_the_plan_shows_it_and_so_does_prepared_data(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, folder = str(place / "watching.toml"), tmp_path / "prepared"
    plan = checked(capsys, recipe)
    assert [task["name"] for task in plan["tasks"]] == ["add", "copy"]
    assert [(task["name"], task["train"]) for task in plan["watched"]] == [("away", 0)]
    assert list(plan["data"]) == ["add", "copy", "away"]
    assert mft("check", recipe) == 0
    assert "away watched" in capsys.readouterr().out
    assert mft("prepare", recipe, "--output", str(folder)) == 0
    capsys.readouterr()
    assert checked(capsys, str(folder / "recipe.toml")) == plan
    assert mft("run", str(folder / "recipe.toml"), "--output", str(tmp_path / "run")) == 0
    assert largest_difference(weights(tmp_path / "run"), weights(place / "watching")) == 0
    assert events(tmp_path / "run", "eval")[-1]["watched"] == events(place / "watching", "eval")[-1]["watched"]
    capsys.readouterr()
    changed = tmp_path / "changed.toml"
    changed.write_text(
        (place / "watching.toml").read_text(encoding="utf-8").replace('"watch"', '"train"'), encoding="utf-8"
    )
    assert mft("check", str(changed), *settings(f"data.prepared={folder}")) == 2
    assert "data.tasks.away.role: 'watch' there, nothing in this run" in " ".join(capsys.readouterr().err.split())


def test_watched_tasks_alone_are_no_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mft("check", str(place / "watching.toml"), *settings("data.include=['away']")) == 2
    assert "there is no task to train, but such that are watched: away" in " ".join(capsys.readouterr().err.split())
    assert mft("check", str(place / "watching.toml"), *settings("data.include=['away', 'add']")) == 0


def test_what_others_train_on_is_warned_of(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "leaking.toml"
    text = (place / "watching.toml").read_text(encoding="utf-8").replace("data/", f"{place}/data/")
    path.write_text(text.replace("data/reverse", "data/copy"), encoding="utf-8")
    warnings = checked(capsys, str(path))["warnings"]
    assert any("other tasks train on" in warning and "in away" in warning for warning in warnings)


def test_a_watched_file_beside_a_folder_adds_to_its_tasks(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tasks(tmp_path / "data", {"add": 24, "copy": 12})
    (tmp_path / "data" / "kept").mkdir()
    for name, target in (("reverse/train", "watch_comment"), ("copy/train", "data/kept/valid")):
        (tmp_path / f"{target}.jsonl").write_bytes((place / "data" / f"{name}.jsonl").read_bytes())
    recipe = tmp_path / "beside.toml"
    entries = """
[[data.tasks]]
name = "comment"
train = "../watch_comment.jsonl"
role = "watch"
[[data.tasks]]
name = "kept"
role = "watch"
"""
    text = RECIPE[: RECIPE.index("[[data.tasks]]")].replace("[data]", '[data]\npath = "data"') + entries
    recipe.write_text(text, encoding="utf-8")
    plan = checked(capsys, str(recipe))
    assert [task["name"] for task in plan["tasks"]] == ["add", "copy"]
    assert [(task["name"], task["train"], task["valid"]) for task in plan["watched"]] == [
        ("kept", 0, 12), ("comment", 0, 9),
    ]  # fmt: skip
    assert mft("run", str(recipe), "--steps", "2", "--output", str(tmp_path / "run")) == 0
    assert list(events(tmp_path / "run", "eval")[-1]["watched"]) == ["kept", "comment"]
    assert checked(capsys, str(tmp_path / "run" / "recipe.toml"))["watched"] == plan["watched"]


@pytest.fixture
def compared(place: Path, tmp_path: Path) -> Path:
    output = tmp_path / "compare"
    arms = ("--arms", "single,balanced", "--seeds", "1", "--steps", "2")
    assert mft("compare", str(place / "watching.toml"), *arms, "--output", str(output)) == 0
    return output


def test_a_comparison_measures_it_as_a_task_that_nobody_has_seen(compared: Path) -> None:
    found = json.loads((compared / "compare.json").read_text(encoding="utf-8"))
    assert [task["name"] for task in found["tasks"]] == ["add", "copy", "away"]
    assert set(found["tasks"][2]["arms"]) == {"base", "balanced"}
    measured = read_losses(compared / "balanced" / "seed-0" / "losses.npz")
    assert measured is not None
    assert set(measured) == {"add", "copy", "away"}
