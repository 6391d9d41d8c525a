"""A run goes on with the data it was started on; other data are refused with what differs, and taken with --force."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers.running import arguments, events, mft, settings, write_tasks
from mft_core.support.durable import file_digest

MORE = ("--loss", "famo", "--steps", "6", *settings("train.save_every=1", "train.eval_every=1", "loss.probe_samples=2"))
TRAINED = 4


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after four of six steps, and its data, to be copied."""
    folder = tmp_path_factory.mktemp("begun")
    data = write_tasks(folder / "data", {"add": 30, "rev": 20})
    assert mft(*arguments(data, folder / "run", *MORE)) == 0
    run = folder / "run"
    shutil.rmtree(run / "final")
    for step in (TRAINED + 1, TRAINED + 2):
        shutil.rmtree(run / "checkpoints" / f"step-{step:06d}")
    return folder


@pytest.fixture
def copied(begun: Path, tmp_path: Path) -> Path:
    shutil.copytree(begun / "run", tmp_path / "run")
    shutil.copytree(begun / "data", begun / f"data-{tmp_path.name}")
    return begun / f"data-{tmp_path.name}"


def resume(data: Path, run: Path, *more: str) -> int:
    """Continue on other data: the recipe is the same, the folder at its path is another."""
    original = data.parent / "data"
    aside = data.parent / "aside"
    original.rename(aside)
    try:
        data.rename(original)
        return mft("run", "--resume", "--output", str(run), *more)
    finally:
        shutil.rmtree(original)
        aside.rename(original)


def logits(run: Path, step: int) -> dict[str, float]:
    state = json.loads((run / "checkpoints" / f"step-{step:06d}" / "state.json").read_text())
    return dict(zip(state["tasks"], state["loss"]["logits"], strict=True))


def other_records(data: Path) -> None:
    path = data / "add" / "train.jsonl"
    path.write_text(path.read_text().replace("alpha", "another"))


def fewer_records(data: Path) -> None:
    path = data / "rev" / "train.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:12]))


CHANGES = {
    "other records": (other_records, ["task add: 30 training samples -> 30 others"]),
    "fewer records": (fewer_records, ["task rev: 20 training samples -> 12"]),
    "renamed": (lambda data: (data / "add").rename(data / "zadd"), ["task add is now called zadd"]),
    "added": (lambda data: write_tasks(data, {"aaa": 9}), ["task aaa was added: 9 training, 2 validation samples"]),
    "removed": (lambda data: shutil.rmtree(data / "add"), ["task add was removed: 30 training, 2 validation samples"]),
}


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES.keys())
def test_changed_data_are_refused_with_what_differs_unless_forced(copied, tmp_path, capsys, change, said) -> None:
    run = tmp_path / "run"
    change(copied)
    before = (run / "metrics.jsonl").read_bytes()
    again = copied.parent / f"again-{tmp_path.name}"
    shutil.copytree(copied, again)
    assert resume(copied, run) == 2
    error = capsys.readouterr().err
    for line in said:
        assert line in error
    assert "--force" in error
    assert (run / "metrics.jsonl").read_bytes() == before
    assert resume(again, run, "--force") == 0
    warnings = [event["message"] for event in events(run, "warning")]
    assert [line for line in said if f"resumed on other data: {line}" in warnings] == said
    assert events(run, "end")[-1]["step"] == 6
    assert all(np.isfinite(event["loss"]) for event in events(run, "eval"))


@pytest.mark.parametrize(("change", "was"), [
    ("renamed", {"rev": "rev", "zadd": "add"}),
    ("added", {"aaa": None, "add": "add", "rev": "rev"}),
    ("removed", {"rev": "rev"}),
])  # fmt: skip
def test_what_a_loss_learnt_of_a_task_goes_with_its_name(copied, tmp_path, change, was) -> None:
    run = tmp_path / "run"
    known = logits(run, TRAINED)
    assert abs(known["add"] - known["rev"]) > 0.01
    CHANGES[change][0](copied)
    # As many steps as it has: nothing is trained, and what was taken up is what is saved.
    assert resume(copied, run, "--force", *settings("train.learning_rate=0.0002", "loss.learning_rate=1e-9")) == 0
    found = logits(run, 6)
    expected = {name: known[old] if old else 0.0 for name, old in was.items()}
    assert found == pytest.approx(expected, abs=1e-6)


def forget_the_tasks(run: Path) -> None:
    """Make its checkpoints those of a version that did not write down the tasks."""
    for folder in (run / "checkpoints").iterdir():
        state = json.loads((folder / "state.json").read_text())
        del state["tasks"]
        (folder / "state.json").write_text(json.dumps(state))
        sums = json.loads((folder / "checksums.json").read_text())
        sums["state.json"] = file_digest(folder / "state.json")
        (folder / "checksums.json").write_text(json.dumps(sums))


def test_a_run_whose_checkpoints_name_no_tasks_goes_on(copied, tmp_path) -> None:
    run = tmp_path / "run"
    forget_the_tasks(run)
    assert resume(copied, run) == 0
    assert events(run, "end")[-1]["step"] == 6
    assert not events(run, "warning") or "other data" not in str(events(run, "warning"))


@pytest.mark.parametrize("change", ["added", "removed", "fewer records"])
def test_such_a_run_too_is_told_of_tasks_that_differ(copied, tmp_path, capsys, change) -> None:
    run = tmp_path / "run"
    forget_the_tasks(run)
    CHANGES[change][0](copied)
    assert resume(copied, run) == 2
    assert CHANGES[change][1][0] in capsys.readouterr().err
