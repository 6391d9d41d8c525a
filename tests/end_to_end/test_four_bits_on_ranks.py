"""QLoRA with weights spread over real processes trains what one process trains, and goes on on any number of them."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftConfig, PeftModel

from helpers.equal_runs import MEASURED
from helpers.forked_processes import run_to_its_end
from helpers.forked_ranks import run_on_ranks
from helpers.running import arguments, events, largest_difference, mft, settings, weights
from helpers.tiny_models import write_checkpoint
from helpers.workers import run_commands_on
from mft_core.models.loading import load_base
from mft_core.models.mapped_weights import MAPS
from mft_core.models.packed_linear import PackedLinear4bit
from mft_core.models.quantization import Quantization, four_bit_layers
from mft_core.testing.random_models import logits_alone, random_ids
from mft_core.testing.tuned_models import tuned_model
from mft_core.training.sharding import is_sharded, own_parameters, shard
from mft_llama.adapter import Llama

SMALL = settings(
    "tune.method=qlora", "tune.rank=4", "tune.dropout=0", "train.batch_size=5", "train.micro_batch_size=1",
    "train.save_every=2", "train.sharding=full",
)  # fmt: skip
RUNS = {
    "measured": ["--epochs", "1", *SMALL, *settings(*MEASURED)],
    "famo": ["--epochs", "1", "--loss", "famo", *SMALL, *settings("train.gradient_checkpointing=true")],
    "dora": ["--steps", "3", *SMALL, *settings("tune.dora=true", "tune.quant_type=fp4", "tune.double_quant=false")],
}
"""Every kind of number, and what measures losses and gradients beside the training."""
SAME = 1e-6
ONE = settings("train.sharding=none")


@pytest.fixture(scope="module")
def on_ranks(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every one of `RUNS` on two processes; and a run on four, told that they are on two machines."""
    folder = tmp_path_factory.mktemp("ranks")
    run_commands_on(2, *(arguments(data, folder / name, *flags) for name, flags in RUNS.items()))
    hybrid = [*RUNS["measured"], *settings("train.sharding=hybrid")]
    run_commands_on(4, arguments(data, folder / "hybrid", *hybrid), machines=2)
    return folder


@pytest.fixture(scope="module")
def alone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every one of `RUNS` on one process."""
    folder = tmp_path_factory.mktemp("alone")
    for name, flags in RUNS.items():
        assert mft(*arguments(data, folder / name, *flags, *ONE)) == 0
    return folder


def assert_same_run(run: Path, other: Path) -> None:
    """Weights, steps and validation losses, as far as float32 goes."""
    assert largest_difference(weights(run), weights(other)) < SAME
    for step, same in zip(events(run, "train"), events(other, "train"), strict=True):
        for key in ("loss", "gradient_norm"):
            assert step[key] == pytest.approx(same[key], rel=SAME)
        for name, task in step["tasks"].items():
            assert same["tasks"][name]["weight"] == pytest.approx(task["weight"], rel=1e-4)
    for measured, same in zip(events(run, "eval"), events(other, "eval"), strict=True):
        assert measured["loss"] == pytest.approx(same["loss"], rel=SAME)
    assert len(events(run, "train")) >= 3
    counts = [[events(each, "start")[0]["model"][key] for key in ("parameters", "trainable")] for each in (run, other)]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("name", [*RUNS, "hybrid"])
def test_a_spread_run_gives_the_adapter_and_the_losses_of_one_process(alone: Path, on_ranks: Path, name: str) -> None:
    expected = alone / ("measured" if name == "hybrid" else name)
    assert_same_run(on_ranks / name, expected)
    found, wanted = (PeftConfig.from_pretrained(run / "final").to_dict() for run in (on_ranks / name, expected))
    assert found == wanted
    assert events(on_ranks / name, "warning") == events(expected, "warning")


@pytest.mark.parametrize("name", ["measured", "hybrid"])
def test_it_measures_the_same_of_who_helps_whom(alone: Path, on_ranks: Path, name: str) -> None:
    found, expected = (events(run, "affinity") for run in (on_ranks / name, alone / "measured"))
    assert len(found) >= 2
    for one, same in zip(found, expected, strict=True):
        for key in ("cosine", "cosine_train"):
            assert np.array(one[key]) == pytest.approx(np.array(same[key]), abs=1e-3)


def test_a_run_goes_on_bit_by_bit_and_on_another_number_of_processes(
    data: Path, alone: Path, on_ranks: Path, tmp_path: Path
) -> None:
    runs = {name: shutil.copytree(on_ranks / "famo", tmp_path / name) for name in ("two", "three", "one")}
    for run in runs.values():
        shutil.rmtree(run / "final")
        for late in sorted((run / "checkpoints").iterdir())[1:]:
            shutil.rmtree(late)
    again = [*RUNS["famo"], "--resume"]
    run_commands_on(2, arguments(data, runs["two"], *again))
    run_commands_on(3, arguments(data, runs["three"], *again))
    assert mft(*arguments(data, runs["one"], *again, *ONE, "--force")) == 0
    assert [event["step"] for event in events(runs["one"], "resume")] == [2]
    assert largest_difference(weights(runs["two"]), weights(on_ranks / "famo")) == 0
    for name in ("three", "one"):
        assert largest_difference(weights(runs[name]), weights(alone / "famo")) < SAME


def test_what_is_left_writes_answers_and_is_exported(on_ranks: Path, tmp_path: Path) -> None:
    run = on_ranks / "measured"
    assert mft("generate", str(run), "--prompt", "alpha", "--max-new-tokens", "3") == 0
    assert mft("export", str(run), "--output", str(tmp_path / "merged")) == 0
    assert any((tmp_path / "merged").glob("*.safetensors"))


def mapped_files() -> list[str]:
    """Parts of the memory of this process that are the shared file of quantised weights."""
    return [line for line in MAPS.read_text(encoding="utf-8").splitlines() if "mft-four-bits-" in line]


def hold_a_part(folder: Path) -> None:
    """On a rank: what it has of a spread model between steps, and that the model computes what it did whole."""
    from accelerate import Accelerator

    accelerator, cpu = Accelerator(cpu=True), torch.device("cpu")
    base = load_base(Llama(), folder, torch.float32, quantization=Quantization(), device=cpu, spread=True)
    tuned: PeftModel = tuned_model(base, method="qlora", rank=4)
    with torch.no_grad():
        expected = logits_alone(tuned, random_ids(9))
        whole = {name: layer.packed.nbytes for name, layer in four_bit_layers(tuned).items()}
        assert mapped_files()
        model = shard(tuned, accelerator)
        assert not mapped_files(), "a spread model keeps the whole one"
        assert torch.equal(logits_alone(model, random_ids(9)), expected)
    parameters = dict(own_parameters(model))
    assert is_sharded(model)
    assert all(isinstance(layer, PackedLinear4bit) for layer in four_bit_layers(model).values())
    held = {name: parameters[f"{name}.packed"].to_local().nbytes for name in whole}
    assert all(held[name] <= whole[name] / accelerator.num_processes + 4 for name in whole)


@pytest.mark.parametrize("ranks", [2, 3])
def test_each_rank_holds_its_part_of_the_packed_bytes_alone(ranks: int, tmp_path: Path) -> None:
    """Scales among them; of three parts of a vector the last is the shortest."""
    write_checkpoint("llama", tmp_path)
    run_to_its_end(partial(run_on_ranks, ranks, partial(hold_a_part, tmp_path)))
