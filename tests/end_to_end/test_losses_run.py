"""Every bundled loss in a real training: on the command line, resumed, and where it must equal another one."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from helpers.finished_runs import interrupted
from helpers.paths import REPOSITORY
from helpers.running import (
    SIZES,
    arguments,
    events,
    largest_difference,
    mft,
    settings,
    weights,
)
from mft_losses import mft_losses

NAMES = sorted(component.name for component in mft_losses())


@pytest.fixture
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without pictures, which take longer than the training."""
    (tmp_path / "plugins.toml").write_text('disabled = ["mft-report"]\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


EXACT = settings(
    "model.dtype=float64", "tune.method=full", "train.optimizer=sgd", "train.clip=0", "train.schedule=constant",
    "train.learning_rate=0.5", "train.batch_size=5",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_three_steps_end_with_finite_losses_and_weights_that_sum_to_1(data, quiet, name) -> None:
    more = settings("loss.warmup=1") if name == "coba" else []
    assert mft(*arguments(data, quiet / "run", "--loss", name, "--steps", "3", *more)) == 0
    train, evaluations = events(quiet / "run", "train"), events(quiet / "run", "eval")
    assert [event["step"] for event in train] == [1, 2, 3]
    for event in train:
        shares = [task["weight"] for task in event["tasks"].values()]
        assert sum(shares) == pytest.approx(1, abs=1e-9)
        assert min(shares) > 0
    for event in (*train, *evaluations):
        present = [task["loss"] for task in event["tasks"].values() if task["tokens"]]
        assert present
        assert np.isfinite(present).all()
    assert [event["step"] for event in evaluations] == [0, 3]
    assert all(event["tasks"][task]["tokens"] for event in evaluations for task in SIZES)
    dynamic = name in {"famo", "famo-train", "coba", "dro", "random", "uncertainty"}
    # `align` measures before the first step, and every 20 steps then.
    assert (train[0]["tasks"] != train[2]["tasks"] and _weights(train[0]) != _weights(train[2])) == dynamic


def _weights(event: dict) -> list[float]:
    return [task["weight"] for task in event["tasks"].values()]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("--loss", "focal-sample", *settings("loss.gamma=0")), ("--loss", "mixed", *settings("loss.by=samples"))),
        (("--loss", "focal-task", *settings("loss.gamma=0")), ("--loss", "balanced", *settings("loss.by=samples"))),
        (("--loss", "power", *settings("loss.exponent=0")), ("--loss", "balanced")),
        (("--loss", "power", *settings("loss.exponent=1")), ("--loss", "mixed")),
        (("--loss", "focal-sample"), ("--loss", "mixed", *settings("loss.within=focal-sample", "loss.by=samples"))),
        (("--loss", "dro", *settings("loss.smoothing=1")), ("--loss", "balanced")),
    ],
    ids=["focal-sample", "focal-task", "power 0", "power 1", "within", "dro"],
)
def test_on_the_command_line_it_trains_the_same_weights_as(data, quiet, one, other) -> None:
    trained = []
    for number, more in enumerate((one, other)):
        assert mft(*arguments(data, quiet / str(number), "--steps", "2", *EXACT, *more)) == 0
        trained.append(weights(quiet / str(number)))
    assert largest_difference(*trained) < 1e-10


def test_gamma_and_within_reach_the_training(data, quiet) -> None:
    trained = []
    variants = ("loss.gamma=0", "loss.gamma=2", "loss.alpha={add = 0.1}", "loss.within=focal-task")
    for number, setting in enumerate(variants):
        more = settings(setting)
        assert mft(*arguments(data, quiet / str(number), "--loss", "focal-sample", "--steps", "1", *EXACT, *more)) == 0
        trained.append(weights(quiet / str(number)))
    for index, one in enumerate(trained):
        assert all(largest_difference(one, other) > 1e-8 for other in trained[:index])


MORE = ("--loss", "coba", "--steps", "10", *settings("train.save_every=2", "loss.warmup=2", "loss.window=3"))


def test_coba_resumed_gives_identical_weights(data, quiet) -> None:
    assert mft(*arguments(data, quiet / "whole", *MORE)) == 0
    run = interrupted(quiet / "whole", quiet / "run")
    assert mft(*arguments(data, run, *MORE, "--resume")) == 0
    assert largest_difference(weights(quiet / "run"), weights(quiet / "whole")) == 0
    found, expected = events(quiet / "run", "train"), events(quiet / "whole", "train")
    assert [_weights(event) for event in found] == [_weights(event) for event in expected]
    assert _weights(found[-1]) != pytest.approx([1 / 3] * 3, abs=1e-4)


@pytest.mark.parametrize(("name", "more"), [("worst", []), ("agreement", settings("loss.every=1"))])
def test_the_examples_in_the_docs_are_sound_balancers_and_train(data, quiet, name, more) -> None:
    path = written_example(quiet, name.title())
    assert mft(*arguments(data, quiet / "run", "--loss", name, "--plugin", str(path), "--steps", "3", *more)) == 0
    first, *_, last = events(quiet / "run", "train")
    assert sum(_weights(first)) == pytest.approx(1)
    assert _weights(last) != _weights(first)
    assert passes_the_kit(path, name.title())


def test_the_example_that_leaves_tasks_out_is_sound_and_trains(data, quiet) -> None:
    path = written_example(quiet, "DropDoubled")
    assert passes_the_kit(path, "DropDoubled")
    hook = """
from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_losses():
    return [Component("dropdoubled", "dropdoubled:DropDoubled", "without tasks whose loss has doubled")]
"""
    path.write_text(path.read_text(encoding="utf-8") + hook, encoding="utf-8")
    # At a rate that ruins the model, so that the losses of all tasks double: one more than may be left out.
    more = settings("train.eval_every=1", "train.save_every=1", "train.learning_rate=30", "tune.method=full")
    assert (
        mft(*arguments(data, quiet / "run", "--loss", "dropdoubled", "--plugin", str(path), "--steps", "3", *more)) == 0
    )
    assert any("leaves out every task" in event["message"] for event in events(quiet / "run", "warning"))


def written_example(folder: Path, class_name: str) -> Path:
    """docs/losses.md's block with that class, as a module of its own."""
    text = (REPOSITORY / "docs" / "losses.md").read_text(encoding="utf-8")
    (example,) = [
        block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if f"class {class_name}(" in block
    ]
    path = folder / f"{class_name.lower()}.py"
    path.write_text(example, encoding="utf-8")
    return path


def passes_the_kit(path: Path, class_name: str) -> bool:
    kit = f"from mft_core.testing import LossTests\nfrom {path.stem} import {class_name}\n\n\nclass Test(LossTests):\n"
    tests = path.with_name(f"test_{path.name}")
    tests.write_text(f"{kit}    component = {class_name}\n", encoding="utf-8")
    return pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(path.parent), str(tests)]) == 0
