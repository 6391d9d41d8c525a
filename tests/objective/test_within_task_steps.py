"""The focal losses through a model, however a step is cut up, and under every balancer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from helpers.focal_equations import EQUATIONS, equation_3, started
from helpers.small_trainer import dropout_model, optimizer_of
from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.collate import collate, micro_batches
from mft_core.batching.sample_table import SampleTable
from mft_core.interfaces import LossOptions
from mft_core.nn.token_losses import TokenLossModel
from mft_core.recipe.schema import TrainSection
from mft_core.records import StepCounts, TaskLosses, TokenLosses
from mft_core.testing.contexts import evaluation_context
from mft_core.testing.losses import EXACT, flat_gradient, relative_error, step_gradient
from mft_core.testing.samples import random_table, table_counts
from mft_core.training.step import Stepper
from mft_losses.balanced import Balanced
from mft_losses.coba import Coba
from mft_losses.dynamic_average import DynamicWeightAverage
from mft_losses.famo import Famo
from mft_losses.famo_train import FamoTrain
from mft_losses.focal import FocalSample, FocalSampleOptions, FocalTask, FocalTaskOptions
from mft_losses.mixed import Mixed
from mft_losses.power import Power
from mft_losses.random_weights import RandomWeights
from mft_losses.robust import GroupRobust
from mft_losses.uncertainty import Uncertainty
from mft_packing.best_fit import BestFit

SIZES = [2, 7, 4]


@pytest.fixture(scope="module")
def table() -> SampleTable:
    return random_table(SIZES)


def epoch_tokens(model: TokenLossModel, table: SampleTable) -> TokenLosses:
    """Every sample alone in its row, in one batch."""
    return model(collate([np.array([index]) for index in range(len(table))], table))


def epoch_counts(model: TokenLossModel, table: SampleTable, steps: int = 1) -> StepCounts:
    counts = table_counts(table)
    measured = evaluation_context(model, table, counts.names).losses()
    return StepCounts(counts.samples, counts.tokens, steps, measured)


def test_focal_sample_without_gamma_is_mixed_by_samples(model, table) -> None:
    one = started(FocalSample(FocalSampleOptions(gamma=0)), table_counts(table))
    other = started(Mixed(LossOptions(by="samples")), table_counts(table))
    counts = epoch_counts(model, table)
    with torch.no_grad():
        tokens = epoch_tokens(model, table)
    values = [loss.objective(tokens, loss.task_weights(), counts) for loss in (one, other)]
    every_sample = [tokens.cross_entropy[tokens.sample == sample].mean() for sample in range(len(table))]
    assert float(values[0]) == pytest.approx(float(sum(every_sample) / len(table)), rel=1e-12)
    assert float(values[0]) == pytest.approx(float(values[1]), rel=1e-12)
    rows = [np.arange(len(table))]
    found, expected = (step_gradient(model, loss, table, rows, counts) for loss in (one, other))
    assert relative_error(found, expected) < EXACT
    balanced = started(Balanced(LossOptions(by="samples")), table_counts(table))
    assert relative_error(found, step_gradient(model, balanced, table, rows, counts)) > 1e-2


@pytest.mark.parametrize("statistics", ["step", "running"])
def test_focal_task_without_gamma_is_balanced_by_samples(model, table, statistics) -> None:
    one = started(FocalTask(FocalTaskOptions(gamma=0, statistics=statistics)), table_counts(table))
    other = started(Balanced(LossOptions(by="samples")), table_counts(table))
    counts = epoch_counts(model, table)
    with torch.no_grad():
        tokens = epoch_tokens(model, table)
    values = [float(loss.objective(tokens, loss.task_weights(), counts)) for loss in (one, other)]
    assert values[0] == pytest.approx(values[1], rel=1e-12)
    found, expected = (step_gradient(model, loss, table, [np.arange(len(table))], counts) for loss in (one, other))
    assert relative_error(found, expected) < EXACT


@pytest.mark.parametrize("within", ["focal-sample", "focal-task"])
@pytest.mark.parametrize(("micro", "ranks"), [(100, 1), (1, 1), (2, 3)])
def test_a_whole_epoch_step_is_the_nested_formula(model, table, within, micro, ranks) -> None:
    options = LossOptions(within=within, gamma=2.0, alpha={"task0": 0.5, "task2": 2.0})
    loss = started(Balanced(options), table_counts(table))
    counts = epoch_counts(model, table)
    (sum(EQUATIONS[within](epoch_tokens(model, table), 3, 2.0, [0.5, 1.0, 2.0])) / 3).backward()
    expected = flat_gradient(model)
    rows = np.array_split(np.random.default_rng(0).permutation(len(table)), 6)
    found = step_gradient(model, loss, table, rows, counts, micro=micro, ranks=ranks)
    assert relative_error(found, expected) < EXACT


def seen_by_the_stepper(stepper: Stepper, rows: list[np.ndarray], step: int, part: slice = slice(None)) -> TokenLosses:
    """All tokens of a step in one graph, forward by forward as the stepper runs them, with its dropout."""
    seed = np.random.SeedSequence([stepper.settings.seed, step, 0]).generate_state(1)[0]
    torch.manual_seed(seed)
    parts, first = [], 0
    for micro in micro_batches(rows, stepper.settings.micro_batch_size):
        tokens = stepper.model(collate(micro, stepper.plan.table))
        tokens.sample = tokens.sample + first
        first += sum(map(len, micro))
        parts.append(tokens)
    names = ("cross_entropy", "task", "sample", "sample_tokens")
    joined = (torch.cat([getattr(each, name) for each in parts]) for name in names)
    return TokenLosses(*joined)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("micro", [1, 2, 3])
@pytest.mark.parametrize("loss_class", [Balanced, FamoTrain])
def test_the_stepper_descends_along_equation_3_of_the_step(table, dropout, micro, loss_class) -> None:
    options = loss_class.Options(within="focal-task", gamma=2.0, alpha={"task1": 3.0})
    loss = started(loss_class(options), table_counts(table))
    model = dropout_model(dropout).train()
    settings = TrainSection(optimizer="sgd", clip=0, micro_batch_size=micro)
    plan = BatchPlan(table, BestFit(), 24, 4, 0)
    stepper = Stepper(model, loss, plan, settings, Accelerator(cpu=True), optimizer_of(settings))
    rows, counts = plan.step(1)
    assert counts.samples.sum() < len(table), "a part of the epoch"
    before = torch.cat([parameter.detach().flatten().clone() for parameter in model.parameters()])
    tokens = seen_by_the_stepper(stepper, rows, 1)
    counts = StepCounts(counts.samples, counts.tokens, counts.steps_per_epoch, stepper.measure(rows, 1))
    loss.before_step(counts)
    weights = loss.task_weights()
    share = counts.samples / table_counts(table).samples * counts.steps_per_epoch
    terms = equation_3(tokens, 3, 2.0, [1.0, 3.0, 1.0])
    sum(float(weights[task] * share[task]) * term for task, term in enumerate(terms)).backward()
    expected = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    model.zero_grad()
    outcome = stepper.optimize(rows, counts, weights, 1.0, 1)
    assert outcome.finite
    for name in TaskLosses.dtypes():
        assert np.array_equal(getattr(outcome.losses, name), getattr(counts.losses, name)), "another dropout"
    after = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    assert relative_error(before - after, expected) < EXACT


BALANCERS = [
    Balanced, Mixed, Power, Famo, FamoTrain, Coba, Uncertainty, DynamicWeightAverage, GroupRobust, RandomWeights,
]  # fmt: skip


@pytest.mark.parametrize("within", ["focal-sample", "focal-task"])
@pytest.mark.parametrize("balancer", BALANCERS, ids=lambda balancer: balancer.__name__)
def test_every_balancer_weighs_every_form_of_a_tasks_loss(model, table, within, balancer) -> None:
    options = {"within": within, "gamma": 1.5, "alpha": 0.7}
    loss = started(balancer(balancer.Options(**options)), table_counts(table))
    counts = epoch_counts(model, table)
    rows = np.array_split(np.arange(len(table)), 5)
    found = step_gradient(model, loss, table, rows, counts)
    weights = loss.task_weights()
    assert len(set(weights.round(6))) == 1 or balancer in (Mixed, Power, FamoTrain, RandomWeights)
    terms = EQUATIONS[within](epoch_tokens(model, table), 3, 1.5, [0.7] * 3)
    sum(float(weight) * term for weight, term in zip(weights, terms, strict=True)).backward()
    assert relative_error(found, flat_gradient(model)) < EXACT
