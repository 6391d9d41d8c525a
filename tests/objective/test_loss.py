"""The objective is equation (1), whatever the packing, order, micro-batches and ranks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.collate import collate
from mft_core.batching.sample_table import SampleTable
from mft_core.interfaces import Loss, LossOptions
from mft_core.nn.token_losses import TokenLossModel
from mft_core.records import StepCounts
from mft_core.testing import losses
from mft_core.testing.losses import EXACT, flat_gradient, relative_error
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import ListStore, random_stores, random_table, table_counts
from mft_losses.balanced import Balanced
from mft_losses.mixed import Mixed
from mft_packing.best_fit import BestFit
from mft_packing.padding import Dynamic, Pad
from mft_packing.sequential import Sequential

VOCABULARY = 64
PACKERS = [Pad, Dynamic, Sequential, BestFit]


@pytest.fixture(scope="module")
def model() -> TokenLossModel:
    return random_token_loss_model(VOCABULARY)


def step_gradient(
    model: TokenLossModel, loss: Loss, plan: BatchPlan, step: int = 0, micro: int = 2, ranks: int = 1
) -> torch.Tensor:
    """The gradient of one of the plan's optimizer steps."""
    rows, counts = plan.step(step)
    width = plan.capacity if plan.packer.pads_to_maximum else None
    return losses.step_gradient(model, loss, plan.table, rows, counts, micro=micro, ranks=ranks, width=width)


def sample_losses(model: TokenLossModel, table: SampleTable, task: int) -> list[torch.Tensor]:
    """Cross-entropies of the supervised tokens of each sample, computed alone by transformers' own forward."""
    losses = []
    for index in table.task_samples(task):
        ids, supervised = (torch.from_numpy(part) for part in table.tokens(int(index)))
        logits = model.model(input_ids=ids[None], use_cache=False).logits[0]
        losses.append(cross_entropy(logits[:-1], ids[1:], reduction="none")[supervised[1:]])
    return losses


def nested_formula(model: TokenLossModel, table: SampleTable, by: str) -> torch.Tensor:
    """Equation (1), written as nested sums."""
    tasks = int(table.task.max()) + 1
    total = torch.zeros((), dtype=torch.float64)
    for task in range(tasks):
        losses = sample_losses(model, table, task)
        if by == "tokens":
            total = total + sum(loss.sum() for loss in losses) / sum(len(loss) for loss in losses)
        else:
            total = total + sum(loss.mean() for loss in losses) / len(losses)
    return total / tasks


def started(loss: Loss, table: SampleTable) -> Loss:
    loss.start(table_counts(table))
    return loss


def epoch_plan(table: SampleTable, packer=BestFit, batch_size: int = 10_000, seed: int = 0) -> BatchPlan:
    return BatchPlan(table, packer(), 32, batch_size, seed)


@pytest.mark.slow
@pytest.mark.parametrize("by", ["tokens", "samples"])
@pytest.mark.parametrize("normalize", ["expected", "step"])
@pytest.mark.parametrize("packer", PACKERS)
def test_a_whole_epoch_step_is_the_nested_formula(model, by, normalize, packer) -> None:
    table = random_table([2, 9, 5], vocabulary=VOCABULARY)
    loss = started(Balanced(LossOptions(by=by, normalize=normalize)), table)
    nested_formula(model, table, by).backward()
    expected = flat_gradient(model)
    for micro, ranks, seed in ((1, 1, 0), (3, 2, 1), (100, 3, 2)):
        found = step_gradient(model, loss, epoch_plan(table, packer, seed=seed), micro=micro, ranks=ranks)
        assert relative_error(found, expected) < EXACT


def test_by_tokens_and_by_samples_differ(model) -> None:
    table = random_table([4, 4], vocabulary=VOCABULARY)
    one, other = (
        step_gradient(model, started(Balanced(LossOptions(by=by)), table), epoch_plan(table))
        for by in ("tokens", "samples")
    )
    assert relative_error(one, other) > 1e-3


@pytest.mark.parametrize("loss_class", [Balanced, Mixed])
def test_one_task_is_the_mean_cross_entropy_over_the_step(model, loss_class) -> None:
    table = random_table([12], vocabulary=VOCABULARY)
    plan = epoch_plan(table, batch_size=3)
    loss = started(loss_class(LossOptions(normalize="step")), table)
    batch = collate(plan.step(1)[0], table)
    model(batch).cross_entropy.mean().backward()
    expected = flat_gradient(model)
    assert relative_error(step_gradient(model, loss, plan, step=1), expected) < EXACT


def test_mixed_is_the_plain_mean_over_all_tokens(model) -> None:
    table = random_table([2, 9], vocabulary=VOCABULARY)
    every = torch.cat([torch.cat(sample_losses(model, table, task)) for task in range(2)])
    every.mean().backward()
    expected = flat_gradient(model)
    assert (
        relative_error(step_gradient(model, started(Mixed(LossOptions()), table), epoch_plan(table)), expected) < EXACT
    )


def test_duplicating_a_task_leaves_balanced_unchanged_and_changes_mixed(model) -> None:
    first, second = random_stores([3, 6], vocabulary=VOCABULARY)
    table, doubled = SampleTable([first, second]), SampleTable([ListStore(first.samples * 2), second])
    for loss_class, same in ((Balanced, True), (Mixed, False)):
        once, twice = (
            step_gradient(model, started(loss_class(LossOptions()), data), epoch_plan(data))
            for data in (table, doubled)
        )
        assert (relative_error(twice, once) < EXACT) == same


def test_relabelling_the_tasks_changes_nothing(model) -> None:
    stores = random_stores([3, 6, 2], vocabulary=VOCABULARY)
    table, relabelled = SampleTable(stores), SampleTable([stores[index] for index in (2, 0, 1)])
    one, other = (
        step_gradient(model, started(Balanced(LossOptions()), data), epoch_plan(data)) for data in (table, relabelled)
    )
    assert relative_error(one, other) < EXACT


@pytest.mark.slow
@pytest.mark.parametrize("by", ["tokens", "samples"])
def test_the_mean_step_gradient_of_an_uneven_epoch_is_the_full_gradient(model, by) -> None:
    table = random_table([1, 13, 7], vocabulary=VOCABULARY)
    loss = started(Balanced(LossOptions(by=by)), table)
    plan = epoch_plan(table, batch_size=5)
    steps = plan.epoch(0).steps
    assert len(plan.epoch(0).rows) % 5, "the last step should be smaller than the others"
    mean = sum(step_gradient(model, loss, plan, step) for step in range(steps)) / steps
    nested_formula(model, table, by).backward()
    assert relative_error(mean, flat_gradient(model)) < EXACT


def test_a_task_absent_from_a_step_is_no_division_by_zero(model) -> None:
    table = random_table([1, 20], vocabulary=VOCABULARY)
    plan = epoch_plan(table, Dynamic, batch_size=2)
    absent = [step for step in range(plan.epoch(0).steps) if plan.step(step)[1].samples[0] == 0]
    for normalize in ("expected", "step"):
        loss = started(Balanced(LossOptions(normalize=normalize)), table)
        assert torch.isfinite(step_gradient(model, loss, plan, absent[0])).all()


def test_a_position_whose_label_is_masked_gets_no_gradient(model) -> None:
    table = random_table([4, 4], vocabulary=VOCABULARY)
    batch = collate([np.arange(4)], table)
    outputs = []
    embeddings = model.model.get_input_embeddings()
    handle = embeddings.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    tokens = model(batch)
    handle.remove()
    objective = (
        started(Balanced(LossOptions()), table)
        .within.contributions(tokens, StepCounts(np.ones(2), np.ones(2), 1))
        .sum()
    )
    (received,) = torch.autograd.grad(objective, outputs)
    last_positions = [(row, end - 1) for row, _, end in batch.documents]
    assert all(received[position].abs().max() == 0 for position in last_positions)
    assert received.abs().max() > 0


def test_editing_one_packed_sample_leaves_the_others_alone(model) -> None:
    table = random_table([3], vocabulary=VOCABULARY)
    batch = collate([np.array([0, 1, 2])], table)
    before = model(batch)
    _, start, end = batch.documents[1]
    batch.input_ids[0, start:end] = (batch.input_ids[0, start:end] + 1) % VOCABULARY
    after = model(batch)
    others = before.sample != 1
    assert torch.equal(before.cross_entropy[others], after.cross_entropy[others])
    assert not torch.equal(before.cross_entropy[~others], after.cross_entropy[~others])


def test_balanced_weights_are_the_tasks_importance() -> None:
    balanced = Balanced(LossOptions())
    balanced.start(table_counts(random_table([3, 6, 2]), [1.0, 2.0, 1.0]))
    assert balanced.task_weights().tolist() == [0.25, 0.5, 0.25]


def test_a_task_of_weight_zero_cannot_spoil_the_objective(model) -> None:
    table = random_table([2, 2], vocabulary=VOCABULARY)
    loss = started(Balanced(LossOptions()), table)
    rows, counts = epoch_plan(table).step(0)
    tokens = model(collate(rows, table))
    poisoned = torch.where(tokens.task == 0, torch.nan, tokens.cross_entropy)
    tokens.cross_entropy = poisoned
    assert torch.isfinite(loss.objective(tokens, np.array([0.0, 1.0]), counts))
    assert torch.isnan(loss.objective(tokens, np.array([0.5, 0.5]), counts))
