"""`mft run` from the outside: what it writes, and that it trains equation (1)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from helpers.running import REPORT, SIZES, arguments, events, largest_difference, mft, settings, weights

PACKERS = ["pad", "dynamic", "sequential", "best-fit"]
RATE = 0.5
EXACT = settings(
    "model.dtype=float64", "tune.method=full", "train.optimizer=sgd", "train.clip=0", "train.schedule=constant",
    f"train.learning_rate={RATE}", "train.batch_size=1000", "data.max_length=128", "train.callbacks=[]",
)  # fmt: skip


def one_epoch_step(data: Path, output: Path, *more: str) -> dict[str, np.ndarray]:
    assert (
        mft("run", "--model", "llama", "--data", str(data), "--output", str(output), "--steps", "1", *EXACT, *more) == 0
    )
    return weights(output)


def nested_formula_step(plan, by: str) -> dict[str, np.ndarray]:
    """One gradient step on equation (1), written as nested sums over samples computed one by one."""
    from mft_core.models.loading import load_base

    model = load_base(plan.adapter, plan.base_folder, torch.float64)
    table, tasks = plan.training.table, len(plan.task_set)
    for task in range(tasks):
        samples = table.task_samples(task)
        for index in samples:
            ids, supervised = (torch.from_numpy(part) for part in table.tokens(int(index)))
            losses = cross_entropy(model(ids[None], use_cache=False).logits[0, :-1], ids[1:], reduction="none")
            mine = losses[supervised[1:]]
            scale = table.supervised[samples].sum() if by == "tokens" else len(samples) * len(mine)
            (mine.sum() / (tasks * float(scale))).backward()
    with torch.no_grad():
        return {name: (p - RATE * p.grad).numpy() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("by", ["tokens", "samples"])
def test_a_whole_epoch_step_is_equation_1_for_every_packer_and_micro_batch(data, tmp_path, by) -> None:
    from mft_cli.compose import Flags, compose_recipe
    from mft_core.registry.discovery import discover
    from mft_core.registry.workspace import Workspace
    from mft_core.run.plan import make_plan

    workspace = Workspace.find(tmp_path)
    recipe = compose_recipe(Flags(model="llama", data=str(data), settings=["data.max_length=128"]), workspace)
    expected = nested_formula_step(make_plan(recipe, discover(workspace).catalog), by)
    for packer, micro in zip(PACKERS, (1, 3, 2, 100), strict=True):
        more = settings(f"loss.by={by}", f"train.micro_batch_size={micro}")
        found = one_epoch_step(data, tmp_path / packer, "--packer", packer, *more)
        for name, value in expected.items():
            assert np.abs(found[name] - value).max() < 1e-9, (packer, name)


@pytest.fixture(scope="module")
def famo_run(data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("famo") / "run"
    assert mft(*arguments(data, run, "--loss", "famo", "--epochs", "2", *REPORT, "--set", "train.eval_every=3")) == 0
    return run


def test_the_run_folder_holds_what_is_promised(famo_run: Path) -> None:
    names = {path.name for path in famo_run.iterdir()}
    assert {
        "recipe.toml",
        "components.json",
        "metrics.jsonl",
        "curves.png",
        "report.html",
        "checkpoints",
        "final",
    } <= names
    components = json.loads((famo_run / "components.json").read_text())
    found = {(part["kind"], part["name"]): part for part in components["components"]}
    assert {("model", "llama"), ("loss", "famo"), ("packer", "best-fit"), ("base", "tiny")} <= found.keys()
    assert all(part["distribution"] and part["version"] for part in found.values())
    assert (famo_run / "final" / "adapter_model.safetensors").exists()
    assert (famo_run / "final" / "tokenizer.json").exists()


def test_metrics_have_the_promised_form(famo_run: Path) -> None:
    train, evaluations = events(famo_run, "train"), events(famo_run, "eval")
    assert evaluations[0]["step"] == 0
    assert evaluations[-1]["step"] == train[-1]["step"] == events(famo_run, "end")[0]["step"]
    for event in train:
        assert event["tokens_per_second"] > 0
        assert event["tasks"].keys() == SIZES.keys()
        assert sum(task["weight"] for task in event["tasks"].values()) == pytest.approx(1)
        assert all(task.keys() == {"loss", "weight", "tokens"} for task in event["tasks"].values())
    for event in evaluations:
        assert event["loss"] == pytest.approx(np.mean([task["loss"] for task in event["tasks"].values()]))


def test_every_supervised_token_is_seen_once_per_epoch(famo_run: Path) -> None:
    (start,) = events(famo_run, "start")
    for name, task in start["tasks"].items():
        seen = sum(event["tasks"][name]["tokens"] for event in events(famo_run, "train"))
        assert seen == 2 * task["supervised"]


def test_training_lowers_every_tasks_validation_loss(data, tmp_path) -> None:
    run = tmp_path / "run"
    assert mft(*arguments(data, run, "--epochs", "6", "--set", "train.learning_rate=5e-3")) == 0
    first, last = events(run, "eval")[0], events(run, "eval")[-1]
    assert all(last["tasks"][name]["loss"] < first["tasks"][name]["loss"] - 0.1 for name in SIZES)


def test_the_same_seed_gives_the_same_weights_and_log(data, tmp_path) -> None:
    runs = [tmp_path / "one", tmp_path / "two"]
    for run in runs:
        assert mft(*arguments(data, run, "--loss", "famo", "--steps", "3")) == 0
    assert largest_difference(weights(runs[0]), weights(runs[1])) == 0
    losses = [[(event["loss"], event["tasks"]) for event in events(run, "train")] for run in runs]
    assert losses[0] == losses[1]


def test_logging_evaluating_and_saving_more_often_changes_no_weight(data, tmp_path) -> None:
    seldom = settings("train.log_every=0", "train.eval_every=0", "train.save_every=0")
    often = settings("train.log_every=1", "train.eval_every=1", "train.save_every=1")
    for name, more in (("seldom", seldom), ("often", often)):
        assert mft(*arguments(data, tmp_path / name, "--loss", "famo", "--steps", "3", *more)) == 0
    assert largest_difference(weights(tmp_path / "seldom"), weights(tmp_path / "often")) == 0


def test_final_gives_the_same_logits_in_plain_peft(famo_run: Path) -> None:
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert mft("export", str(famo_run), "--output", str(famo_run.parent / "merged")) == 0
    tokenizer = AutoTokenizer.from_pretrained(famo_run / "final")
    ids = tokenizer("def add(a, b):", return_tensors="pt").input_ids
    with torch.no_grad():
        adapted = AutoPeftModelForCausalLM.from_pretrained(famo_run / "final").eval()(ids).logits
        merged = AutoModelForCausalLM.from_pretrained(famo_run.parent / "merged").eval()(ids).logits
    assert torch.allclose(adapted, merged, atol=1e-5)


def test_a_run_whose_loss_is_not_finite_stops_and_names_the_tasks(data, tmp_path, capsys) -> None:
    run = tmp_path / "run"
    wild = settings("train.optimizer=sgd", "train.learning_rate=1e38", "train.clip=0", "train.schedule=constant")
    full = ["--set", "tune.method=full", "--epochs", "30"]
    assert mft(*arguments(data, run, *wild, *full)) == 1
    skips = events(run, "skip")
    assert len(skips) == 5
    assert all(set(event["tasks"]) <= SIZES.keys() and event["tasks"] for event in skips)
    message = capsys.readouterr().err
    assert "5 steps in a row" in message
    assert "learning_rate" in message


def test_dry_run_writes_nothing(data, tmp_path, capsys) -> None:
    assert mft(*arguments(data, tmp_path / "run", "--dry-run", "--json")) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {task["name"]: task["train"] for task in facts["tasks"]} == SIZES
    assert facts["probe"] is None
    assert not (tmp_path / "run").exists()


def test_a_dry_run_says_what_the_loss_measures_besides(data, tmp_path, capsys) -> None:
    famo = ("--loss", "famo", "--set", "loss.probe_samples=1", "--set", "loss.every=4")
    assert mft(*arguments(data, tmp_path / "run", *famo, "--dry-run", "--json")) == 0
    probe = json.loads(capsys.readouterr().out)["probe"]
    assert (probe["samples"], probe["every"]) == (len(SIZES), 4)
    assert 0 < probe["tokens"] <= len(SIZES) * 128


def test_check_reports_tokens_and_padding_of_every_packer(data, tmp_path, capsys) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'[model]\nadapter = "qwen"\ndtype = "float32"\n[data]\npath = "{data}"\nmax_length = 128\n')
    assert mft("check", str(recipe), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    padding = {packer["packer"]: packer["padding"] for packer in found["packers"]}
    assert padding.keys() == set(PACKERS)
    assert padding["pad"] > padding["dynamic"] > padding["best-fit"]
    assert found["data"]["copy"]["train"] == SIZES["copy"]


def test_an_unwritable_output_fails_before_any_work(data, tmp_path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert mft(*arguments(data, tmp_path / "file" / "run")) == 1
    assert "--output" in capsys.readouterr().err


def test_a_read_only_disk_is_told_before_the_base_is_asked_for(data, small_disk: Path, capsys) -> None:
    def told(output: Path) -> str:
        assert mft(*arguments(data, output, "--base", "hub:acme/nowhere")) != 0
        return capsys.readouterr().err

    assert "acme/nowhere" in told(small_disk / "run"), "there should be a base to ask for"
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    error = told(small_disk / "another")
    assert "--output" in error
    assert "acme/nowhere" not in error
