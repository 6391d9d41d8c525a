"""Weights in records and turns, from `mft check` to the trained model."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from helpers.running import mft, settings, weights, write_rows
from mft_core.run.plan import Plan

RATE = 0.5
EXACT = settings(
    "model.dtype=float64", "tune.method=full", "train.optimizer=sgd", "train.clip=0", "train.schedule=constant",
    f"train.learning_rate={RATE}", "train.batch_size=1000", "data.max_length=128",
    "train.callbacks=[]",
)  # fmt: skip

CHATS: list[tuple[list[float], float]] = [
    ([1.0, 0.25, 0.0], 1.0),
    ([2.0], 0.5),
    ([0.0, 1.0], 3.0),
    ([1.0, 1.0], 1.0),
    ([0.3, 0.7], 0.1),
]
"""Weights of the answers of a record, and its own."""
ROWS = ["2", "", "0.5", "1", "0"]
PLAIN = 4


def chat(number: int, answers: list[float], record: float) -> dict[str, Any]:
    turns: list[dict[str, Any]] = []
    for turn, weight in enumerate(answers):
        how = {"loss": False} if weight == 0 else {"loss_weight": weight}
        turns += [
            {"role": "user", "content": f"question {number} {turn}", "loss_weight": 0.0},
            {"role": "assistant", "content": " ".join(["word"] * (2 + 3 * turn + number)), **how},
        ]
    return {"messages": turns, "weight": record}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tasks: conversations with weights, a CSV with a column of them, and one without any."""
    folder = tmp_path_factory.mktemp("weighted")
    for task in ("chats", "table", "plain"):
        (folder / task).mkdir()
        write_rows(folder / task / "valid.jsonl", [{"prompt": f"valid {task}", "response": "yes it is", "weight": 2}])
    write_rows(folder / "chats" / "train.jsonl", [chat(n, *weights) for n, weights in enumerate(CHATS)])
    with (folder / "table" / "train.csv").open("w", encoding="utf-8", newline="") as stream:
        rows = [[f"row {number}", "answer " * (number + 1), weight] for number, weight in enumerate(ROWS)]
        csv.writer(stream).writerows([["prompt", "response", "weight"], *rows])
    write_rows(
        folder / "plain" / "train.jsonl", [{"prompt": f"p {n}", "response": "x y " * n} for n in range(1, PLAIN)]
    )
    return folder


def given_weights(plan: Plan, task: int, number: int) -> list[float]:
    """The weights of a training sample's answers, as this file gave them to the line that it is of."""
    name, origin = plan.task_set[task].name, plan.task_set[task].train.origin(number)
    line = int(origin.rpartition(":")[2])
    if name == "chats":
        answers, record = CHATS[line - 1]
        return [weight * record for weight in answers if weight]
    return [float(ROWS[line - 2] or 1)] if name == "table" else [1.0]


def stretches(supervised: np.ndarray) -> list[slice]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], supervised.astype(int), [0]])))
    return [slice(start, end) for start, end in edges.reshape(-1, 2).tolist()]


def formula_step(plan: Plan, by: str) -> dict[str, np.ndarray]:
    """One gradient step on the definition of docs/losses.md, sample by sample, with the weights of this file."""
    from mft_core.models.loading import load_base

    model = load_base(plan.adapter, plan.base_folder, torch.float64)
    tasks = len(plan.task_set)
    for task in range(tasks):
        store = plan.task_set[task].train
        terms, sizes = [], []
        for number in range(len(store)):
            sample = store.sample(number)
            ids, runs = torch.from_numpy(sample.ids), stretches(sample.supervised)
            losses = cross_entropy(model(ids[None], use_cache=False).logits[0, :-1], ids[1:], reduction="none")
            pairs = list(zip(runs, given_weights(plan, task, number), strict=True))
            total = sum(weight * losses[run.start - 1 : run.stop - 1].sum() for run, weight in pairs)
            size = sum(weight * (run.stop - run.start) for run, weight in pairs)
            divisor = 1 if by == "tokens" else int(sample.supervised.sum())
            terms.append(total / divisor)
            sizes.append(size / divisor)
        (torch.stack(terms).sum() / (tasks * sum(sizes))).backward()
    with torch.no_grad():
        return {name: (p - RATE * p.grad).numpy() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.slow
@pytest.mark.parametrize("by", ["tokens", "samples"])
def test_a_step_over_all_the_data_is_the_weighted_formula(data: Path, tmp_path: Path, by: str) -> None:
    from mft_cli.compose import Flags, compose_recipe
    from mft_core.registry.discovery import discover
    from mft_core.registry.workspace import Workspace
    from mft_core.run.plan import make_plan

    workspace = Workspace.find(tmp_path)
    flags = Flags(model="llama", data=str(data), settings=["data.max_length=128", "data.max_bad=0.5"])
    expected = formula_step(make_plan(compose_recipe(flags, workspace), discover(workspace).catalog), by)
    for packer, micro in (("pad", 1), ("best-fit", 3), ("best-fit", 100)):
        output = tmp_path / f"{packer} {micro}"
        more = settings(f"loss.by={by}", f"train.micro_batch_size={micro}", "data.max_bad=0.5")
        command = ["run", "--model", "llama", "--data", str(data), "--output", str(output), "--steps", "1"]
        assert mft(*command, *EXACT, "--packer", packer, *more) == 0
        found = weights(output)
        for name, value in expected.items():
            assert np.abs(found[name] - value).max() < 1e-9, (packer, micro, name)


def test_check_counts_the_weights(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = settings("model.dtype=float32", "data.max_bad=0.5", "data.max_length=128")
    assert mft("check", "--model", "llama", "--data", str(data), "--json", *more) == 0
    found = json.loads(capsys.readouterr().out)
    reports, facts = found["data"], {task["name"]: task for task in found["tasks"]}
    assert reports["plain"]["weighted_tokens"] is facts["plain"]["weighted_samples"] is None
    assert reports["table"]["train"] == facts["table"]["train"] == 4
    assert reports["table"]["bad"] == {"nothing supervised": 1}
    assert reports["table"]["weighted_samples"] == facts["table"]["weighted_samples"] == 2 + 1 + 0.5 + 1
    for name in ("chats", "table"):
        assert reports[name]["weighted_tokens"] == facts[name]["weighted_tokens"] > 0
        assert facts[name]["weighted_tokens"] != facts[name]["supervised"] == reports[name]["supervised"]
