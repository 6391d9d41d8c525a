"""A base that was moved is given with `--base`, on every command that opens an adapter."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from helpers.finished_runs import finished, logits
from helpers.running import Evaluate, largest_difference, mft, settings, weights, write_tasks
from helpers.tiny_models import ADAPTERS, adapter_of
from mft_bases.tiny import TOKENIZER
from mft_core.recipe.loading import load_recipe
from mft_core.testing.random_models import relative_difference, write_random_checkpoint
from mft_core.tuning.finished import load_run

pytestmark = pytest.mark.slow

COMMANDS = {
    "generate": ("--prompt", "hi", "--max-new-tokens", "2"),
    "chat": ("--max-new-tokens", "2"),
    "eval": ("--on", "loss", "--output"),
    "export": ("--output",),
}


def write_base(folder: Path, seed: int) -> Path:
    """A tiny base with the bundled tokenizer."""
    AutoTokenizer.from_pretrained(TOKENIZER).save_pretrained(folder)
    return write_random_checkpoint(adapter_of("llama").tiny_config(2048), folder, seed)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in `run`, whose base was moved to `elsewhere`; in `another` lie other weights."""
    folder = tmp_path_factory.mktemp("moved")
    base = write_base(folder / "base", 0)
    options = ("--data", str(write_tasks(folder / "data")), "--output", str(folder / "run"), "--steps", "1")
    small = settings("model.dtype=float32", "train.callbacks=[]")
    assert mft("run", "--base", str(base), *options, *small) == 0
    base.rename(folder / "elsewhere")
    write_base(folder / "another", 9)
    return folder


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Calls `mft`; gives its exit code and what it wrote, in one line."""

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("hi\n"))
        code = mft(*arguments)
        written = capsys.readouterr()
        return code, " ".join((written.out + written.err).split())

    return call


@pytest.mark.parametrize("name", COMMANDS)
def test_a_moved_base_is_asked_for_taken_and_verified(
    name: str, said: Callable[..., tuple[int, str]], place: Path, tmp_path: Path
) -> None:
    arguments = (name, str(place / "run"), *COMMANDS[name])
    if arguments[-1] == "--output":
        arguments = (*arguments, str(tmp_path / "out"))
    code, text = said(*arguments)
    assert (code, "is not where it was" in text, "--base" in text) == (1, True, True), text
    code, text = said(*arguments, "--base", str(place / "another"))
    assert (code, "trained on other weights" in text) == (1, True), text
    assert said(*arguments, "--base", str(place / "nowhere"))[0] == 2
    code, text = said(*arguments, "--base", str(place / "elsewhere"))
    assert code == 0, text


@pytest.mark.parametrize("checkpoints", [True, False])
def test_a_run_is_resumed_on_its_moved_base(
    checkpoints: bool, said: Callable[..., tuple[int, str]], place: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(place / "run", tmp_path / "run"))
    shutil.rmtree(run / "final")
    if not checkpoints:
        shutil.rmtree(run / "checkpoints")
    resume = ("run", "--resume", "--output", str(run))
    before = (run / "recipe.toml").read_bytes()
    code, text = said(*resume)
    assert (code, "is not where it was" in text, "--base" in text) == (1, True, True), text
    code, text = said(*resume, "--base", str(place / "another"))
    assert (code, "has other weights than when" in text) == (1, True), text
    assert said(*resume, "--base", str(place / "nowhere"))[0] == 2
    assert ((run / "recipe.toml").read_bytes(), (run / "final").exists()) == (before, False)
    code, text = said(*resume, "--base", str(place / "elsewhere"))
    assert code == 0, text
    assert json.loads((run / "final" / "adapter_config.json").read_text())["base_model_name_or_path"] == str(
        place / "elsewhere"
    )
    assert largest_difference(weights(run), weights(place / "run")) == 0
    assert load_recipe(run / "recipe.toml").model.base == str(place / "elsewhere")


def test_an_exported_adapter_names_the_base_where_it_lies(said: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    tuned = finished("llama", "lora", tmp_path / "base", tmp_path / "run")
    moved = (tmp_path / "base").rename(tmp_path / "elsewhere")
    out = tmp_path / "out"
    command = ("export", str(tmp_path / "run"), "--output", str(out), "--format", "adapter", "--base", str(moved))
    assert said(*command)[0] == 0
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == str(moved)
    loaded, _ = load_run(out, ADAPTERS.items())
    assert torch.equal(logits(loaded), logits(tuned))


def test_a_whole_model_needs_its_base_for_its_format_only(said: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    tuned = finished("llama", "full", tmp_path / "base", tmp_path / "run")
    moved = (tmp_path / "base").rename(tmp_path / "elsewhere")
    given = ("--base", str(moved))
    for arguments in (("generate", "--prompt", "hi"), ("export", "--output", str(tmp_path / "no"))):
        code, text = said(arguments[0], str(tmp_path / "run"), *arguments[1:], *given)
        assert (code, "which needs no base" in text) == (2, True), text
    command = ("export", str(tmp_path / "run"), "--output", str(tmp_path / "out"), "--format", "original", *given)
    assert said(*command)[0] == 0
    written = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32)
    assert relative_difference(logits(written), logits(tuned)) < 1e-5


def test_the_losses_of_a_whole_model_need_no_base(
    evaluate: Evaluate, said: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    base, run = write_base(tmp_path / "base", 0), tmp_path / "run"
    options = ("--data", str(write_tasks(tmp_path / "data")), "--output", str(run), "--steps", "1")
    more = settings("model.dtype=float32", "tune.method=full", "train.callbacks=[]")
    assert said("run", "--base", str(base), *options, *more)[0] == 0
    before = evaluate(str(run), "--on", "loss", "--output", str(tmp_path / "before"))
    base.rename(tmp_path / "elsewhere")
    after = evaluate(str(run), "--on", "loss", "--output", str(tmp_path / "after"))
    assert [row["value"] for row in after] == [row["value"] for row in before] != []
    code, text = said("eval", str(run), "--on", "loss", "--base", str(tmp_path / "elsewhere"))
    assert (code, "which needs no base" in text) == (2, True), text
