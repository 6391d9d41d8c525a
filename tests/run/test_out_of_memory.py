"""Memory that runs out is said with what helps, and costs nothing that was saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.running import arguments, events, mft, settings, start_mft, write_rows
from mft_core.errors import MftError
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.run.out_of_memory import advice_on_memory
from mft_core.testing.tuned_models import tuner_of

TOO_MUCH = 1 << 50


def advice(recipe: Recipe, saved: str = "") -> str:
    lighter = tuner_of(method=recipe.tune.method).lighter
    with pytest.raises(MftError) as error, advice_on_memory(recipe, lighter, lambda: "in step 3", lambda: saved):
        torch.empty(TOO_MUCH, dtype=torch.uint8)
    assert error.value.message.startswith("memory ran out in step 3: ")
    return error.value.hint


def raised(error: Exception) -> None:
    raise error


def test_no_length_is_advised_that_a_task_may_exceed() -> None:
    tasks = [{"name": "a", "train": "a", "max_length": 700}, {"name": "b", "train": "b"}]
    assert "data.max_length=700  (now 1024)" in advice(load_recipe(None, [("data.tasks", tasks)]))
    assert "data.max_length" not in advice(load_recipe(None, [("data.tasks", tasks), ("data.max_length", 700)]))


@pytest.mark.parametrize(
    "allocate",
    [
        lambda: torch.empty(TOO_MUCH, dtype=torch.uint8),
        lambda: np.ones(TOO_MUCH, np.uint8),
        lambda: bytearray(TOO_MUCH),
        lambda: raised(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")),
        lambda: raised(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")),
    ],
    ids=["torch", "numpy", "python", "cuda", "cublas"],
)
def test_every_allocator_is_understood(allocate) -> None:
    with pytest.raises(MftError, match=r"^memory ran out there: .+"), advice_on_memory(Recipe(), "", lambda: "there"):
        allocate()


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), advice_on_memory(Recipe(), "", lambda: "there"):
        raise RuntimeError("shapes differ")


def test_only_what_helps_this_run_is_advised_by_keys_there_are() -> None:
    hint = advice(Recipe())
    keys = [line.split("=")[0].strip() for line in hint.splitlines() if line.startswith("  ")]
    assert keys == ["train.micro_batch_size", "train.gradient_checkpointing", "tune.method", "data.max_length"]
    given = [tuple(line.split("  (now")[0].strip().split("=")) for line in hint.splitlines() if line.startswith("  ")]
    changed = load_recipe(None, [(key, {"true": True}.get(value, value)) for key, value in given])
    assert (changed.train.micro_batch_size, changed.tune.method, changed.data.max_length) == (2, "qlora", 512)
    least = [
        *[("train.micro_batch_size", 1), ("train.gradient_checkpointing", True), ("tune.method", "qlora")],
        *[("model.dtype", "bfloat16"), ("data.max_length", 8)],
    ]
    assert "micro_batch_size" not in advice(load_recipe(None, least))
    full = advice(load_recipe(None, [("tune.method", "full"), ("model.dtype", "float32")]))
    assert "tune.method=lora" in full
    assert "model.dtype=bfloat16" in full


HUNGRY = """
import torch
from mft_core.hookspecs import Component, hookimpl
from mft_losses.balanced import Balanced


class Hungry(Balanced):
    def task_weights(self):
        self.steps = getattr(self, "steps", 0) + 1
        if self.steps == {step} and self.counts is not None:
            torch.empty(1 << 50, dtype=torch.uint8)
        return super().task_weights()


@hookimpl
def mft_losses():
    return [Component("hungry", __name__ + ":Hungry", "takes all memory")]
"""


@pytest.mark.slow
def test_a_run_out_of_memory_keeps_its_checkpoints_and_goes_on_as_advised(data, tmp_path: Path, capsys) -> None:
    plugin, run = tmp_path / "hungry.py", tmp_path / "run"
    plugin.write_text(HUNGRY.format(step=3))
    command = arguments(data, run, "--plugin", str(plugin), "--loss", "hungry", "--steps", "3")
    assert mft(*command, *settings("train.save_every=1")) == 1
    error = capsys.readouterr().err
    assert "memory ran out in step 3 of 3: " in error
    assert "Last good checkpoint: step 2; it is whole." in error
    assert f"--resume --force --output {run} --set train.micro_batch_size=1" in " ".join(error.split())
    more = ("--force", "--plugin", str(plugin), *settings("train.micro_batch_size=1"))
    assert mft("run", "--resume", "--output", str(run), *more) == 0
    assert [event["step"] for event in events(run, "train")] == [1, 2, 3]


LIMITED = """
import resource
from pathlib import Path
from mft_core.hookspecs import Component, hookimpl
from mft_losses.balanced import Balanced


class Limited(Balanced):
    def before_step(self, step):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        room = pages * resource.getpagesize() + (30 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (room, room))


@hookimpl
def mft_losses():
    return [Component("limited", __name__ + ":Limited", "leaves 30 MiB more")]
"""


@pytest.mark.slow
def test_a_process_out_of_memory_in_its_first_step_begins_again_by_the_same_command(tmp_path: Path) -> None:
    plugin, data, run = tmp_path / "limited.py", tmp_path / "data", tmp_path / "run"
    plugin.write_text(LIMITED)
    data.mkdir()
    long = [
        {"prompt": str(number), "response": " ".join(map(str, range(number, number + 240)))} for number in range(80)
    ]
    write_rows(data / "long.jsonl", long)
    rows = settings("data.max_length=1024", "train.batch_size=64", "train.gradient_checkpointing=false")
    command = arguments(data, run, "--steps", "1", *rows)
    big = (*settings("train.micro_batch_size=64"), "--plugin", str(plugin), "--loss", "limited")
    process = start_mft([*command, *big])
    output, _ = process.communicate()
    assert process.returncode == 1, output
    assert "memory ran out in step 1 of 1: " in output
    assert "train.micro_batch_size=32  (now 64)" in output
    assert "--resume" not in output, "there is nothing to go on from"
    assert mft(*command) == 0
    assert [event["event"] for event in events(run, "start")] == ["start"]
