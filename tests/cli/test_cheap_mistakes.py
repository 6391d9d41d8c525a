"""Cheap mistakes are answered before anything slow is imported, and in our words."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.many_commands import Answer, run_many
from helpers.running import write_tasks

pytestmark = pytest.mark.slow

RUN = ["run", "--model", "llama", "--data", "data"]


MISTAKES = [
    ([*RUN, "--loss", "famoo"], "famo"),
    ([*RUN, "--loss", "famo", "--set", "loss.evry=2"], "every"),
    ([*RUN, "--set", "train.stepz=3"], "train.steps"),
    (["run", "recipe.toml"], "steps"),
    ([*RUN, "--set", "data.packer.foo=1"], "foo"),
    ([*RUN, "--set", "tune.method=lorra"], "lora"),
    ([*RUN, "--output", "taken"], "--resume"),
    ([*RUN, "--set", 'data.include=["cpoy"]'], "copy"),
    ([*RUN, "--model", "lama"], "llama"),
    (["run", "--data", "data"], "--model"),
    (["run", "--model", "llama", "--data", "dada"], "dada"),
    (["check", "--model", "llama", "--data", "dada"], "dada"),
    (["prepare", *RUN[1:], "--output", "taken"], "taken"),
    (["compare", *RUN[1:], "--arms", "single,famoo"], "famo"),
    (["compare", *RUN[1:], "--arms", "mixed,famo", "--set", "loss.evry=2"], "evry"),
    (["compare", *RUN[1:], "--arms", "mixed", "--set", "loss.by=samples", "--set", "loss.by.x=3"], "by = "),
    (["compare", *RUN[1:], "--unseen", "cpoy"], "copy"),
    (["eval", "takne"], "taken"),
    (["eval", "taken", "--on", "humanevl"], "humaneval"),
    (["export", "takne", "--output", "new"], "taken"),
    (["export", "taken", "--output", "data"], "--output"),
    (["export", "taken", "--output", "new", "--format", "adaptor"], "adapter"),
    (["export", "taken", "--output", "new", "--dtype", "float33"], "float32"),
    (["generate", "takne", "--prompt", "x"], "taken"),
    (["chat", "takne"], "taken"),
]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, and a folder that is in the way."""
    folder = tmp_path_factory.mktemp("workplace")
    write_tasks(folder / "data")
    (folder / "taken").mkdir()
    (folder / "taken" / "recipe.toml").touch()
    (folder / "taken" / "metrics.jsonl").write_text('{"event": "train", "step": 1}\n')
    (folder / "recipe.toml").write_text("[train]\nstpes = 3\n")
    return folder


@pytest.fixture(scope="module")
def answers(workplace: Path) -> list[Answer]:
    return run_many([command for command, _ in MISTAKES], ["torch"], workplace)


@pytest.mark.parametrize(("number", "expected"), [(number, word) for number, (_, word) in enumerate(MISTAKES)])
def test_a_cheap_mistake_needs_no_torch(number: int, expected: str, answers: list[Answer]) -> None:
    answer = answers[number]
    assert (answer.code, answer.imported) == (2, []), answer.error
    assert expected in answer.error
    assert "--debug" not in answer.error
