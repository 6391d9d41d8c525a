"""A task that is repeated: which samples an epoch uses, and that they count as if its file held them as often."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.running import largest_difference, mft, settings, weights, write_rows
from helpers.token_data import prepare, task_file
from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.prepared import open_prepared
from mft_core.batching.sampling import uses_per_epoch
from mft_core.data.tasks import TaskSet
from mft_core.recipe.loading import load_recipe
from mft_core.records import StepCounts, TaskFiles
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.run.task_data import batch_plan
from mft_core.support.reading import TaskSampling
from mft_core.testing.losses import evaluation_context, relative_error, step_gradient
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_packing.best_fit import BestFit
from mft_packing.sequential import Sequential

EXACT = 1e-10
CATALOG = discover(Workspace()).catalog
LOSSES = [entry.name for entry in CATALOG.of_kind("loss")]


def used(plan: BatchPlan, epoch: int) -> list[np.ndarray]:
    """The samples of every row of an epoch, in training order."""
    rows = plan.epoch(epoch)
    return [row for step in range(rows.steps) for row in rows.step_rows(step)]


def plan_of(sizes: list[int], repeat: list[float], **more: float) -> BatchPlan:
    return BatchPlan(random_table(sizes), BestFit(), 96, batch_size=4, seed=3, repeat=np.array(repeat), **more)


def test_every_sample_comes_so_often_in_an_epoch_or_in_several() -> None:
    plan = plan_of([20, 30, 40], [3, 1, 0.25])
    epochs = [np.bincount(np.concatenate(used(plan, number)), minlength=90) for number in range(8)]
    for counts in epochs:
        assert counts[:20].tolist() == [3] * 20
        assert counts[20:50].tolist() == [1] * 30
        assert counts[50:].sum() == 10
    for four in (epochs[:4], epochs[4:]):
        assert sum(four)[50:].tolist() == [1] * 40, "each quarter another one"
    assert any((one[50:] != other[50:]).any() for one, other in pairwise(epochs[:4]))
    assert plan.repeats.tolist() == [1, 1, 1]


def test_a_sample_that_comes_again_stands_in_another_row_and_part_of_the_epoch() -> None:
    rows = used(plan_of([20, 30], [3, 1]), 0)
    assert all(len(set(row.tolist())) == len(row) for row in rows)
    where = {sample: [number for number, row in enumerate(rows) if sample in row] for sample in range(20)}
    assert max(places[0] for places in where.values()) < min(places[2] for places in where.values())


def test_a_task_that_is_not_repeated_changes_nothing() -> None:
    table = random_table([20, 30])
    plain, ones = (BatchPlan(table, Sequential(), 96, 4, 3, repeat=repeat) for repeat in (None, np.ones(2)))
    for one, other in zip(used(plain, 1), used(ones, 1), strict=True):
        assert np.array_equal(one, other)


def test_temperature_works_on_the_repeated_sizes() -> None:
    plan = plan_of([40, 10], [0.5, 4.0], temperature=2.0)
    drawn = np.bincount(plan.table.task[np.concatenate(used(plan, 0))])
    assert drawn.tolist() == uses_per_epoch(np.array([20.0, 40.0]), 2.0).tolist() == [25, 35]
    assert plan.repeats == pytest.approx([25 / 20, 35 / 40])
    assert uses_per_epoch(np.array([0.4, 2.6]), 1.0).tolist() == [1, 3]


def records(count: int, start: int = 0) -> list[dict]:
    """Some of them with weights."""
    words = ["add", "sort", "list", "find"]
    return [
        {
            "prompt": f"{words[number % 4]} {number}",
            "response": " ".join(words[: 1 + number % 4]),
            "weight": 1 + number % 2,
        }
        for number in range(start, start + count)
    ]


def data(tmp_path: Path, times: int, repeat: float) -> TaskSet:
    """Two tasks, of which the first has each record so many times, and is repeated."""
    first = task_file(tmp_path / f"{times}.jsonl", records(5) * times)
    second, valid = task_file(tmp_path / "b.jsonl", records(4, 50)), task_file(tmp_path / "v.jsonl", records(2, 90))
    sampling = TaskSampling(repeat=repeat)
    files = [TaskFiles("a", (first,), (valid,), sampling=sampling), TaskFiles("b", (second,), (valid,), 2.0)]
    return prepare(files, tmp_path / "cache")


def gradient(name: str, tasks: TaskSet, options: dict[str, str]) -> tuple[torch.Tensor, np.ndarray]:
    """Of a whole epoch in one step, and the tasks' weights in it."""
    recipe = load_recipe(None, [("train.batch_size", 10_000)])
    plan = batch_plan(recipe, tasks, BestFit())
    loss = CATALOG.build("loss", name, options)
    loss.start(replace(tasks.counts, repeats=plan.repeats))
    model = random_token_loss_model(len(small_tokenizer()))
    rows, counts = plan.step(0)
    chosen = np.concatenate(rows)
    measured = evaluation_context(model, plan.table, tasks.names).losses(chosen)
    counts = StepCounts(counts.samples, counts.tokens, counts.steps_per_epoch, measured)
    return step_gradient(model, loss, plan.table, rows, counts), loss.task_weights()


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> TaskSet:
    """A task that is repeated three times."""
    return data(tmp_path_factory.mktemp("repeated"), 1, 3.0)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> TaskSet:
    """The same task with three copies of each record."""
    return data(tmp_path_factory.mktemp("copied"), 3, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("by", ["tokens", "samples"])
@pytest.mark.parametrize("name", LOSSES)
def test_repeated_samples_count_as_copies_in_the_file_do(
    repeated: TaskSet, copied: TaskSet, name: str, by: str
) -> None:
    for field in ("samples", "tokens"):
        counted, expected = (getattr(tasks.counts, field) for tasks in (repeated, copied))
        assert counted == pytest.approx(expected, rel=1e-15)
    found, mine = gradient(name, repeated, {"by": by})
    expected, theirs = gradient(name, copied, {"by": by})
    assert relative_error(found, expected) < EXACT
    assert mine == pytest.approx(theirs, rel=1e-12)


@pytest.mark.slow
def test_the_mean_over_all_tokens_weighs_a_repeated_task_so_much_more(tmp_path: Path) -> None:
    """Nothing undoes it, as it is undone for `data.temperature`."""
    shares = {repeat: gradient("mixed", data(tmp_path, 1, repeat), {})[1] for repeat in (0.5, 1.0, 3.0)}
    for repeat, weights_of in shares.items():
        assert weights_of[0] / weights_of[1] == pytest.approx(repeat * shares[1.0][0] / shares[1.0][1])


RECIPE = """
[model]
adapter = "llama"
dtype = "float64"
[tune]
dropout = 0.0
[data]
max_length = 96
[train]
epochs = 2
batch_size = 1000
eval_every = 0
callbacks = []
[[data.tasks]]
name = "a"
train = "{}.jsonl"
valid = "v.jsonl"
repeat = {}
[[data.tasks]]
name = "b"
train = "b.jsonl"
valid = "v.jsonl"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repeat")
    for name, rows in {"1": records(9), "3": records(9) * 3, "b": records(8, 50), "v": records(3, 90)}.items():
        write_rows(folder / f"{name}.jsonl", rows)
    for times, repeat in ((1, 3), (3, 1), (1, 0.5)):
        (folder / f"{times}-{repeat}.toml").write_text(RECIPE.format(times, repeat), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_a_run_ends_with_the_weights_of_one_on_copies(place: Path) -> None:
    for name in ("1-3", "3-1"):
        command = ("run", str(place / f"{name}.toml"), *settings("loss=mixed"), "--output", str(place / f"run-{name}"))
        assert mft(*command) == 0
    assert largest_difference(weights(place / "run-1-3"), weights(place / "run-3-1")) < EXACT


def shown(capsys: pytest.CaptureFixture[str], *command: str) -> dict:
    assert mft("check", *command, "--json") == 0
    out = capsys.readouterr().out
    return json.loads(out[out.index("{") :])


def test_the_plan_shows_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = shown(capsys, str(place / "1-3.toml"))
    assert [task["repeat"] for task in plan["tasks"]] == [3, 1]
    assert plan["tokens_per_step"] == shown(capsys, str(place / "3-1.toml"))["tokens_per_step"]
    for name, there in (("1-3", True), ("3-1", False)):
        assert mft("check", str(place / f"{name}.toml")) == 0
        assert bool(re.search("supervised.* repeat", capsys.readouterr().out)) == there


def prepared_rows(folder: Path, recipe: Path) -> Iterator[bool]:
    """Whether the rows are stored for the recipe as it is, and for one that repeats less."""
    opened = open_prepared(folder)
    for repeat in (3.0, 0.5):
        tasks = [
            task.model_copy(update={"repeat": repeat if task.name == "a" else 1.0})
            for task in load_recipe(recipe).data.tasks
        ]
        yield opened.rows_of(opened.task_set(opened.files(tasks)), 0, 1.0) is not None


def test_prepared_rows_are_those_of_the_repeated_tasks(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place / "prepared"
    assert mft("prepare", str(place / "1-3.toml"), "--output", str(folder)) == 0
    assert list(prepared_rows(folder, place / "1-3.toml")) == [True, False]
    capsys.readouterr()
    assert shown(capsys, str(folder / "recipe.toml")) == shown(capsys, str(place / "1-3.toml"))
    other = str(place / "1-0.5.toml")
    assert shown(capsys, other, *settings(f"data.prepared={folder}"))["rows"] == shown(capsys, other)["rows"]
