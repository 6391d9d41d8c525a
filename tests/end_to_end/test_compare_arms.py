"""`mft compare` with arms that have keys of their own, and with one that combines adapters: killed, extended, used."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.running import events, mft, start_mft, weights
from helpers.small_comparisons import compared_in, outcome, without_times
from mft_core.comparison.arm import parse_arm
from mft_core.comparison.losses_file import read_losses
from mft_core.events import read_events
from mft_core.tuning.fingerprint import ADAPTER_WEIGHTS

pytestmark = pytest.mark.usefixtures("in_comparison")
SPARSE = "merged density=0.6 method=dare_ties weights=[0.4,1]"
ARMS = ("--arms", f"{SPARSE},single,balanced tune.rank=4 train.batch_size=2,famo every=2,merged")
MORE = (*ARMS, "--seeds", "1", "--unseen", "unknown", "--set", "train.steps=3")
FOLDERS = {label: parse_arm(label).folder for label in ("merged", SPARSE)}


@pytest.fixture(scope="module")
def compared(comparison: Path) -> Path:
    return compared_in(comparison, *MORE)


def test_arms_stand_in_the_order_asked_for_and_have_their_own_keys(compared: Path) -> None:
    found = outcome(compared)
    own = "balanced train.batch_size=2 tune.rank=4"
    assert found["arms"] == [SPARSE, "single", own, "famo every=2", "merged"]
    assert found["reference"] == SPARSE
    assert weights_rank(compared / "balanced+train.batch_size=2+tune.rank=4" / "seed-0") == 4
    assert weights_rank(compared / "famo+every=2" / "seed-0") == 16
    assert events(compared / "famo+every=2" / "seed-0", "start")[0]["loss"]["every"] == 2
    (said,) = [text for text in found["warnings"] if "budget of its own" in text]
    assert "train.batch_size=2" in said
    assert found["cost"][own]["tokens"] < found["cost"]["famo every=2"]["tokens"]
    assert own in (compared / "compare.md").read_text()


def weights_rank(run: Path) -> int:
    return json.loads((run / "final" / "adapter_config.json").read_text())["r"]


@pytest.mark.parametrize("label", FOLDERS)
def test_merged_is_what_peft_makes_of_the_single_adapters(compared: Path, label: str) -> None:
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    run = compared / FOLDERS[label] / "seed-0"
    (merge,) = events(run, "merge")
    finals = [compared / "single" / task / "seed-0" / "final" for task in ("add", "reverse")]
    base = json.loads((finals[0] / "mft.json").read_text())["base"]
    model: Any = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), finals[0], adapter_name="a")
    model.load_adapter(finals[1], "b")
    torch.manual_seed(0)  # the run's seed, for what DARE drops
    model.add_weighted_adapter(["a", "b"], [merge["weight"]] * 2, "both", merge["method"], density=merge.get("density"))
    expected = {name: value for name, value in model.state_dict().items() if ".both." in name}
    found = load_file(run / "final" / ADAPTER_WEIGHTS)
    assert len(found) == len(expected)
    assert all(torch.equal(found[name.replace(".both", "")], value) for name, value in expected.items())


@pytest.mark.parametrize("label", FOLDERS)
def test_the_weight_is_the_best_of_those_tried_and_costs_no_training(compared: Path, label: str) -> None:
    run, found = compared / FOLDERS[label] / "seed-0", outcome(compared)
    (merge,) = events(run, "merge")
    tried = {each["weight"]: each["loss"] for each in merge["tried"]}
    assert list(tried) == ([0.15, 0.25, 0.3, 0.35, 0.5, 0.7, 1.0] if label == "merged" else [0.4, 1.0])
    assert merge["weight"] == min(tried, key=lambda weight: (tried[weight], weight))
    before, after = events(run, "eval")
    assert events(run, "start")[0]["adapters"] == 2
    assert after["loss"] == tried[merge["weight"]]
    assert found["mean"]["arms"][label]["loss"] == pytest.approx(after["loss"], rel=1e-6)
    assert found["mean"]["arms"]["base"]["loss"] == pytest.approx(before["loss"], rel=1e-6)
    cost = found["cost"][label]
    assert (cost["runs"], cost["steps"], cost["tokens"], cost["seconds"]) == (1, 0, 0, merge["seconds"])
    assert read_losses(run / "losses.npz").keys() == {"add", "reverse", "unknown"}


def test_a_merged_run_can_be_used_like_any_other(compared: Path, tmp_path: Path, capsys) -> None:
    run = compared / "merged" / "seed-0"
    assert mft("generate", str(run), "--prompt", "add: alpha", "--max-new-tokens", "2") == 0
    assert mft("export", str(run), "--output", str(tmp_path / "whole")) == 0
    assert mft("eval", str(run), "--on", "loss", "--output", str(tmp_path / "scores")) == 0
    scores = json.loads(next((tmp_path / "scores").rglob("*.json")).read_text())
    assert f"{events(run, 'eval')[1]['tasks']['add']['loss']:.4f}"[:5] in json.dumps(scores)
    assert "combined by PEFT: linear" in (run / "final" / "README.md").read_text()


def test_killed_while_it_combines_it_goes_on_to_the_same_result(compared: Path, tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    shutil.copytree(compared, stopped)
    last = stopped / "merged" / "seed-0"
    shutil.rmtree(last)
    (stopped / "compare.json").unlink()
    process = start_mft(["compare", "recipe.toml", *MORE, "--output", str(stopped)])
    while not any(event["event"] == "eval" for event in read_events(last / "metrics.jsonl")):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (last / "final").exists()
    assert mft("compare", "recipe.toml", *MORE, "--output", str(stopped)) == 0
    assert without_times(outcome(stopped)) == without_times(outcome(compared))
    again, once = weights(last), weights(compared / "merged" / "seed-0")
    assert all(np.array_equal(again[name], once[name]) for name in once)


def test_arms_may_be_added_and_unseen_data_measured_later(compared: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(compared, output)
    before = weights(output / "merged" / "seed-0")
    logs = {path: path.read_bytes() for path in output.glob("single/*/*/metrics.jsonl")}
    others = [f"{ARMS[1]},merged method=cat", *MORE[2:], "--unseen", f"elsewhere={Path('data/unknown').absolute()}"]
    assert mft("compare", "recipe.toml", "--arms", *others, "--output", str(output)) == 0
    found = outcome(output)
    (task,) = [task for task in found["tasks"] if task["name"] == "elsewhere"]
    assert {SPARSE, "merged", "merged method=cat"} < task["arms"].keys()
    assert weights_rank(output / "merged+method=cat" / "seed-0") == 32
    assert {path: path.read_bytes() for path in output.glob("single/*/*/metrics.jsonl")} == logs
    after = weights(output / "merged" / "seed-0")
    assert all(np.array_equal(before[name], after[name]) for name in before)
