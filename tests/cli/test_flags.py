"""The flags that `mft run`, `check`, `prepare` and `compare` share, and names refused before torch is imported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.many_commands import Answer, run_many
from helpers.running import SIZES, events, mft, write_tasks
from mft_cli.commands import load_command
from mft_cli.compose import Flags, compose_recipe, name_of
from mft_core.registry.workspace import Workspace

SHARED = {
    "--model",
    "--base",
    "--loss",
    "--packer",
    "--data",
    "--task",
    "--task-field",
    "--steps",
    "--epochs",
    "--set",
    "--plugin",
}
TAKERS = ("run", "check", "prepare", "compare")
KEYS = ("model.dtype=float32", "data.max_length=128", "train.batch_size=4")
SMALL = ("--model", "llama", "--steps", "1", *(part for key in KEYS for part in ("--set", key)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tasks(tmp_path_factory.mktemp("flags") / "tasks")


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than these runs."""
    (tmp_path / "plugins.toml").write_text('disabled = ["mft-report"]\n')
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", TAKERS)
def test_every_command_that_works_on_a_recipe_takes_the_same_flags(name: str) -> None:
    parameters = load_command(name).params
    assert {option for parameter in parameters for option in parameter.opts} >= SHARED
    (recipe,) = [parameter for parameter in parameters if parameter.param_type_name == "argument"]
    assert not recipe.required


def test_check_needs_no_recipe(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mft("check", *SMALL, "--data", str(data), "--packer", "pad", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["adapter"], found["packer"], found["steps"]) == ("llama", "pad", 1)
    assert {task["name"]: task["train"] for task in found["tasks"]} == SIZES


def test_a_warning_of_a_run_is_shown_once(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mft("run", *SMALL, "--data", str(data), "--output", "run") == 0
    shown = "".join(capsys.readouterr())
    assert shown.count("the model has random weights") == 1
    assert "step 0: " not in shown
    (start,) = events(Path("run"), "start")
    assert [shown.count(warning) for warning in start["warnings"]] == [1] * len(start["warnings"])


def test_data_that_is_not_there_has_one_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    for flags in (["--data", "nosuch"], ["--task", "a=nosuch.jsonl"], ["--task", "a=empty"], ["--data", "empty"]):
        assert mft("check", "--model", "llama", *flags) == 2
    assert mft("check", "--model", "llama", "--set", "data.prepared=nosuch") == 2
    assert mft("check", "nosuch.toml") == 2


def test_every_name_that_an_error_suggests_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert mft("list", "model") == 0
    shown = capsys.readouterr().out
    assert "also: codegeex2, glm4" in " ".join(shown.split())


def test_prepare_needs_no_recipe_and_names_its_folder_after_model_and_data(data: Path) -> None:
    assert mft("prepare", *SMALL, "--task", f"mine={data / 'copy' / 'train.jsonl'}") == 0
    assert (Path("prepared") / "llama-mine" / "recipe.toml").is_file()
    assert mft("run", "prepared/llama-mine/recipe.toml", "--output", "run") == 0
    (start,) = events(Path("run"), "start")
    assert list(start["tasks"]) == ["mine"]


def test_compare_needs_no_recipe_and_asks_of_a_loss_whether_it_pays(data: Path) -> None:
    command = ("compare", *SMALL, "--data", str(data), "--loss", "power", "--seeds", "1")
    assert mft(*command, "--set", "loss.alpha=0.5", "--set", 'data.include=["copy", "reverse"]') == 0
    found = json.loads(Path("runs/compare-llama-tasks/compare.json").read_text(encoding="utf-8"))
    assert found["arms"] == ["single", "mixed", "power"]
    (start,) = events(Path("runs/compare-llama-tasks/power/seed-0"), "start")
    assert (start["loss"]["name"], start["loss"]["alpha"]) == ("power", 0.5)


def test_a_loss_that_no_arm_has_is_refused_with_the_arms_that_would_have_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert mft("compare", "--model", "llama", "--arms", "single,mixed", "--loss", "famo") == 2
    error = capsys.readouterr().err
    assert "--loss famo: no arm of --arms single,mixed" in error
    assert "--arms single,mixed,famo" in error


def test_compare_has_no_resume(capsys: pytest.CaptureFixture[str]) -> None:
    assert mft("compare", "--model", "llama", "--resume") == 2
    assert "No such option: --resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (Flags(Path("recipes/mine.toml"), model="qwen"), "mine"),
        (Flags(model="mft-qwen/qwen", data="my/tasks"), "mft-qwen-qwen-tasks"),
        (Flags(base="HuggingFaceTB/SmolLM2-135M"), "SmolLM2-135M-stdlib"),
        (Flags(base="pypi:weights", tasks=["a=x", "b=y"]), "pypi-weights-a-b"),
        (Flags(model="llama", tasks=[f"{name}=x" for name in "abcd"]), "llama-4-tasks"),
    ],
)
def test_results_are_named_after_the_recipe_or_after_model_and_data(flags: Flags, name: str) -> None:
    Path("recipes").mkdir()
    Path("recipes/mine.toml").write_text("", encoding="utf-8")
    assert name_of(compose_recipe(flags, Workspace()), flags.recipe) == name


MISSPELT = [
    (("run", "--model", "llama", "--loss", "famoo"), "famo"),
    (("run", "--model", "llamaa"), "llama"),
    (("run", "--base", "tinyy"), "tiny"),
    (("check", "--packer", "padd"), "pad"),
    (("check", "--set", "data.tokenization=mftcoderr"), "mftcoder"),
    (("prepare", "--set", "data.source=stdlibb"), "stdlib"),
    (("compare", "--set", 'eval=["humanevall"]'), "humaneval"),
    (("compare", "--arms", "mixed,fano"), "famo"),
    (("eval", "tiny", "--model", "llama", "--on", "humanevall"), "humaneval"),
    (("generate", "tinyy", "--prompt", "hello"), "tiny"),
    (("chat", "tiny", "--model", "llamaa"), "llama"),
    (("show", "loss.famoo"), "famo"),
]


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    return run_many([command for command, _ in MISSPELT], ["torch", "transformers"])


@pytest.mark.parametrize(("number", "right"), [(number, right) for number, (_, right) in enumerate(MISSPELT)])
def test_a_name_that_there_is_not_is_refused_before_torch_is_imported(
    number: int, right: str, answers: list[Answer]
) -> None:
    answer = answers[number]
    assert (answer.code, answer.imported) == (2, []), answer.error
    assert f"Did you mean '{right}'?" in answer.error


@pytest.mark.parametrize("command", TAKERS)
def test_without_any_model_nothing_is_read_before_that_is_said(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bare `mft prepare` would else make the standard library's tasks first, for minutes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MFT_CACHE", str(tmp_path / "cache"))
    assert mft(command) == 2
    assert "is made up for a model family, and none is given" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "cache" / "sources").exists()
