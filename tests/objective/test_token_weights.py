"""Weights of tokens: every form of a task's loss against its definition, written as nested sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.sample_table import SampleTable
from mft_core.interfaces import LossOptions
from mft_core.nn.token_losses import TokenLossModel
from mft_core.records import Sample, StepCounts
from mft_core.testing.contexts import evaluation_context
from mft_core.testing.losses import EXACT, flat_gradient, relative_error, step_gradient
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import ListStore, random_stores, random_table, table_counts
from mft_losses.balanced import Balanced
from mft_losses.mixed import Mixed
from mft_packing.best_fit import BestFit

FORMS = [("tokens", "mean"), ("samples", "mean"), ("samples", "focal-sample"), ("samples", "focal-task")]
SIZES = [5, 4, 1]
GAMMA = 2.0


@pytest.fixture(scope="module")
def model() -> TokenLossModel:
    return random_token_loss_model()


@pytest.fixture(scope="module")
def table() -> SampleTable:
    """The first task's tokens have weights, the others' have none."""
    return random_table(SIZES, weighted=True)


Target = tuple[torch.Tensor, float]


def targets(model: TokenLossModel, sample: Sample) -> list[Target]:
    """Log-probability and weight of every target, by transformers' own forward of the sample alone."""
    ids = torch.from_numpy(sample.ids)
    logits = model.model(input_ids=ids[None], use_cache=False).logits[0]
    losses = cross_entropy(logits[:-1], ids[1:], reduction="none")
    weights = np.ones(len(ids)) if sample.weights is None else sample.weights
    return [(-losses[k - 1], float(weights[k])) for k in range(1, len(ids)) if sample.supervised[k]]


def mean(sample: list[Target], of_probability: bool) -> torch.Tensor:
    """P_ij or Q_ij: the weighted mean over a sample's targets."""
    values = [(log_p.exp() if of_probability else log_p) * weight for log_p, weight in sample]
    return torch.stack(values).sum() / sum(weight for _, weight in sample)


def task_loss(samples: list[list[Target]], by: str, within: str) -> torch.Tensor:
    """L_i as docs/losses.md defines it."""
    if by == "tokens":
        numerator = sum(-log_p * weight for sample in samples for log_p, weight in sample)
        return numerator / sum(weight for sample in samples for _, weight in sample)
    sizes = [sum(weight for _, weight in sample) / len(sample) for sample in samples]
    if within == "mean":
        numerator = sum(-log_p * weight / len(sample) for sample in samples for log_p, weight in sample)
        return numerator / sum(sizes)
    p, q = ([mean(sample, of_probability) for sample in samples] for of_probability in (True, False))
    if within == "focal-sample":
        focal = [size * -((1 - p_j) ** GAMMA) * q_j for size, p_j, q_j in zip(sizes, p, q, strict=True)]
        return torch.stack(focal).sum() / sum(sizes)
    p_i, q_i = (sum(size * m for size, m in zip(sizes, means, strict=True)) / sum(sizes) for means in (p, q))
    return -((1 - p_i) ** GAMMA) * q_i


def reference(model: TokenLossModel, table: SampleTable, by: str, within: str) -> torch.Tensor:
    """The gradient of the mean of all tasks' losses over a whole epoch."""
    tasks = range(int(table.task.max()) + 1)
    held = [[targets(model, table.sample(int(index))) for index in table.task_samples(task)] for task in tasks]
    (sum(task_loss(samples, by, within) for samples in held) / len(tasks)).backward()
    return flat_gradient(model)


def started(table: SampleTable, by: str, within: str) -> Balanced:
    loss = Balanced(LossOptions(by=by, within=within, gamma=GAMMA))
    loss.start(table_counts(table))
    return loss


def step(model: TokenLossModel, table: SampleTable) -> StepCounts:
    measured = evaluation_context(model, table, table_counts(table).names).losses()
    return StepCounts(*table.sizes(np.arange(len(table)), len(SIZES)), steps_per_epoch=1, losses=measured)


@pytest.mark.parametrize(("by", "within"), FORMS)
def test_the_gradient_is_that_of_the_definition_whatever_the_packing_and_the_micro_batches(model, table, by, within):
    expected = reference(model, table, by, within)
    plain = SampleTable([ListStore([Sample(s.ids, s.supervised) for s in store.samples]) for store in stores()])
    assert relative_error(reference(model, plain, by, within), expected) > 1e-2, "the weights hardly matter"
    loss, counts, every = started(table, by, within), step(model, table), np.arange(len(table))
    packed = np.array_split(np.random.default_rng(0).permutation(every), 3)
    for rows, micro, ranks in (([every], 1, 1), (packed, 1, 1), (packed, 2, 2), ([every[[j]] for j in every], 4, 1)):
        found = step_gradient(model, loss, table, rows, counts, micro=micro, ranks=ranks)
        assert relative_error(found, expected) < EXACT, f"{len(rows)} rows, {micro} a micro-batch, {ranks} ranks"


def stores() -> list[ListStore]:
    return random_stores(SIZES, weighted=True)


@pytest.mark.parametrize(("by", "within"), FORMS[:3])
def test_the_steps_of_an_epoch_sum_to_the_definition(model, table, by, within) -> None:
    loss, plan = started(table, by, within), BatchPlan(table, BestFit(), 32, 2, seed=0)
    steps = plan.total_steps(1)
    assert steps > 1
    total = sum(step_gradient(model, loss, table, *plan.step(number), micro=1) for number in range(steps))
    assert relative_error(total / steps, reference(model, table, by, within)) < EXACT


def test_samples_by_tokens_mixed_over_tasks_is_the_weighted_mean_over_all_tokens(model, table) -> None:
    every = [target for index in range(len(table)) for target in targets(model, table.sample(index))]
    (sum(-log_p * weight for log_p, weight in every) / sum(weight for _, weight in every)).backward()
    expected = flat_gradient(model)
    loss = Mixed(LossOptions())
    loss.start(table_counts(table))
    found = step_gradient(model, loss, table, [np.arange(len(table))], step(model, table))
    assert relative_error(found, expected) < EXACT


@pytest.mark.parametrize(("by", "within"), FORMS)
def test_weights_of_one_change_not_a_bit(model, by, within) -> None:
    plain = random_stores(SIZES)
    ones = [ListStore([Sample(s.ids, s.supervised, s.supervised * 1.0) for s in store.samples]) for store in plain]
    gradients = []
    for table in (SampleTable(plain), SampleTable(ones)):
        rows = np.array_split(np.arange(len(table)), 3)
        gradients.append(step_gradient(model, started(table, by, within), table, rows, step(model, table)))
    assert torch.equal(*gradients)


@pytest.mark.parametrize("by", ["tokens", "samples"])
def test_measured_losses_are_those_of_the_definition(model, table, by) -> None:
    found = evaluation_context(model, table, table_counts(table).names).losses()
    held = [[targets(model, table.sample(int(j))) for j in table.task_samples(task)] for task in range(len(SIZES))]
    assert found.mean(by) == pytest.approx(
        [float(task_loss(samples, by, "mean").detach()) for samples in held], rel=1e-12
    )
    assert found.tokens.tolist() == [sum(map(len, samples)) for samples in held]


def test_focal_statistics_are_the_weighted_ones(model, table) -> None:
    found = evaluation_context(model, table, table_counts(table).names).losses().mean_probability()
    samples = [targets(model, table.sample(int(index))) for index in table.task_samples(0)]
    sizes = [sum(weight for _, weight in sample) / len(sample) for sample in samples]
    expected = sum(s * float(mean(sample, True).detach()) for s, sample in zip(sizes, samples, strict=True)) / sum(
        sizes
    )
    assert found[0] == pytest.approx(expected, rel=1e-12)
