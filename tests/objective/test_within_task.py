"""How tokens and samples count inside a task: the focal losses against their definitions."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch.nn.functional import cross_entropy

from helpers.small_trainer import dropout_model
from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.collate import collate, micro_batches
from mft_core.batching.sample_table import SampleTable
from mft_core.errors import UsageError
from mft_core.interfaces import Loss, LossOptions
from mft_core.nn.token_losses import TokenLossModel
from mft_core.recipe.schema import TrainSection
from mft_core.records import StepCounts, TaskCounts, TaskLosses, TokenLosses
from mft_core.testing.contexts import evaluation_context
from mft_core.testing.losses import EXACT, flat_gradient, relative_error, step_gradient
from mft_core.testing.random_models import random_token_loss_model
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
GAMMAS = [0.0, 0.5, 1.0, 2.0, 5.0]


@pytest.fixture(scope="module")
def model() -> TokenLossModel:
    return random_token_loss_model()


@pytest.fixture(scope="module")
def table() -> SampleTable:
    return random_table(SIZES)


def started(loss: Loss, counts: TaskCounts) -> Loss:
    loss.start(counts)
    return loss


def focal(tasks: int, weights: np.ndarray, options: dict) -> Loss:
    """A loss with these weights and this form of L_i."""

    class Fixed(Loss):
        def task_weights(self) -> np.ndarray:
            return weights

    names = tuple(f"task{index}" for index in range(tasks))
    ones = np.ones(tasks, np.int64)
    return started(Fixed(LossOptions(**options)), TaskCounts(names, ones, ones, np.ones(tasks)))


def made_up(seed: int = 0, sizes: tuple[tuple[int, ...], ...] = ((3, 1), (2, 5, 1), (4,))) -> TokenLosses:
    """Random cross-entropies; `sizes[i]` are the supervised tokens of task i's samples. The tokens are shuffled."""
    lengths = [length for task in sizes for length in task]
    tasks = [number for number, task in enumerate(sizes) for _ in task]
    sample = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    generator = torch.Generator().manual_seed(seed)
    sample = sample[torch.randperm(len(sample), generator=generator)]
    values = 0.05 + 3 * torch.rand(len(sample), generator=generator, dtype=torch.float64)
    return TokenLosses(values, torch.tensor(tasks)[sample], sample, torch.tensor(lengths)[sample])


def counts_of(tokens: TokenLosses) -> TaskCounts:
    """The counts of a training set that consists of these tokens."""
    task_of = {int(sample): int(task) for sample, task in zip(tokens.sample, tokens.task, strict=True)}
    samples = np.bincount(list(task_of.values()))
    names = tuple(f"task{index}" for index in range(len(samples)))
    return TaskCounts(names, samples, np.bincount(tokens.task.numpy()), np.ones(len(samples)))


def losses_of(tokens: TokenLosses, tasks: int) -> TaskLosses:
    """Their sums, by loops."""
    total = TaskLosses.zeros(tasks)
    for task, sample in {(int(t), int(s)) for t, s in zip(tokens.task, tokens.sample, strict=True)}:
        mine = tokens.cross_entropy.detach()[tokens.sample == sample]
        total.token_sum[task] += float(mine.sum())
        total.tokens[task] += len(mine)
        total.sample_sum[task] += float(mine.mean())
        total.samples[task] += 1
        total.probability_sum[task] += float(torch.exp(-mine).mean())
    return total


def equation_2(tokens: TokenLosses, tasks: int, gamma: float, alpha: list[float]) -> list[torch.Tensor]:
    """L_i of every task by nested loops: (1 / M_i) sum_j -alpha_i (1 - P_ij)^gamma Q_ij."""
    found = []
    for task in range(tasks):
        terms = []
        for sample in sorted(set(tokens.sample[tokens.task == task].tolist())):
            log_p = -tokens.cross_entropy[tokens.sample == sample]
            mean_p, mean_log_p = log_p.exp().sum() / len(log_p), log_p.sum() / len(log_p)
            terms.append(-alpha[task] * (1 - mean_p) ** gamma * mean_log_p)
        found.append(torch.stack(terms).sum() / len(terms) if terms else torch.zeros((), dtype=torch.float64))
    return found


def equation_3(tokens: TokenLosses, tasks: int, gamma: float, alpha: list[float]) -> list[torch.Tensor]:
    """L_i of every task by nested loops: -alpha_i (1 - P_i)^gamma Q_i."""
    found = []
    for task in range(tasks):
        p, log_p = [], []
        for sample in sorted(set(tokens.sample[tokens.task == task].tolist())):
            values = -tokens.cross_entropy[tokens.sample == sample]
            p.append(values.exp().sum() / len(values))
            log_p.append(values.sum() / len(values))
        if not p:
            found.append(torch.zeros((), dtype=torch.float64))
            continue
        mean_p, mean_log_p = torch.stack(p).sum() / len(p), torch.stack(log_p).sum() / len(p)
        found.append(-alpha[task] * (1 - mean_p) ** gamma * mean_log_p)
    return found


EQUATIONS = {"focal-sample": equation_2, "focal-task": equation_3}


def epoch_tokens(model: TokenLossModel, table: SampleTable) -> TokenLosses:
    """Every sample alone in its row, in one batch."""
    return model(collate([np.array([index]) for index in range(len(table))], table))


def epoch_counts(model: TokenLossModel, table: SampleTable, steps: int = 1) -> StepCounts:
    counts = table_counts(table)
    measured = evaluation_context(model, table, counts.names).losses()
    return StepCounts(counts.samples, counts.tokens, steps, measured)


# gamma = 0


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


# One token


@pytest.mark.parametrize("within", ["focal-sample", "focal-task"])
@pytest.mark.parametrize("gamma", GAMMAS)
def test_one_token_is_the_focal_loss_of_its_paper(within, gamma) -> None:
    # Lin et al. 2017: FL = -alpha (1 - p)^gamma log p, dFL/dx_target = alpha (1 - p)^gamma (gamma p log p + p - 1).
    for logit in (-4.0, -0.5, 0.0, 1.0, 5.0):
        logits = torch.tensor([[logit, 0.3, -0.2]], dtype=torch.float64, requires_grad=True)
        p = float(torch.softmax(logits.detach(), -1)[0, 0])
        zero, one = torch.zeros(1, dtype=torch.int64), torch.ones(1, dtype=torch.int64)
        tokens = TokenLosses(cross_entropy(logits, zero, reduction="none"), zero, zero, one)
        loss = focal(1, np.ones(1), {"within": within, "gamma": gamma, "alpha": 0.25})
        step = StepCounts(np.ones(1), np.ones(1), 1, losses_of(tokens, 1))
        value = loss.objective(tokens, np.ones(1), step)
        value.backward()
        expected = 0.25 * (1 - p) ** gamma * (gamma * p * np.log(p) + p - 1)
        assert float(logits.grad[0, 0]) == pytest.approx(expected, rel=1e-9)
        if within == "focal-sample":
            assert value.item() == pytest.approx(-0.25 * (1 - p) ** gamma * np.log(p), rel=1e-12)


# Gradients against finite differences


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gradcheck_of_equation_2(gamma) -> None:
    tokens = made_up()
    counts = counts_of(tokens)
    loss = started(Balanced(LossOptions(within="focal-sample", gamma=gamma, alpha={"task1": 3.0})), counts)
    step = StepCounts(counts.samples, counts.tokens, 1)

    def objective(values: torch.Tensor) -> torch.Tensor:
        part = TokenLosses(values, tokens.task, tokens.sample, tokens.sample_tokens)
        return loss.objective(part, loss.task_weights(), step)

    expected = sum(equation_2(tokens, 3, gamma, [1.0, 3.0, 1.0])) / 3
    assert float(objective(tokens.cross_entropy)) == pytest.approx(float(expected), rel=1e-12)
    assert torch.autograd.gradcheck(objective, tokens.cross_entropy.clone().requires_grad_())


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gradcheck_of_equation_3_with_the_gradient_of_its_surrogate(gamma) -> None:
    tokens = made_up()
    counts = counts_of(tokens)
    loss = started(Balanced(LossOptions(within="focal-task", gamma=gamma, alpha={"task1": 3.0})), counts)

    class Equation3(torch.autograd.Function):
        """The nested formula forward, the surrogate's gradient backward: gradcheck compares the two."""

        @staticmethod
        def forward(context, values: torch.Tensor) -> torch.Tensor:
            context.save_for_backward(values)
            part = TokenLosses(values, tokens.task, tokens.sample, tokens.sample_tokens)
            return sum(equation_3(part, 3, gamma, [1.0, 3.0, 1.0])) / 3

        @staticmethod
        def backward(context, *gradients: torch.Tensor) -> torch.Tensor:
            (values,) = context.saved_tensors
            with torch.enable_grad():
                leaf = values.detach().requires_grad_()
                part = TokenLosses(leaf, tokens.task, tokens.sample, tokens.sample_tokens)
                step = StepCounts(counts.samples, counts.tokens, 1, losses_of(part, 3))
                objective = loss.objective(part, loss.task_weights(), step)
                return torch.autograd.grad(objective, leaf)[0] * gradients[0]

    assert torch.autograd.gradcheck(Equation3.apply, tokens.cross_entropy.clone().requires_grad_())


@pytest.mark.parametrize("within", ["focal-sample", "focal-task"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_a_task_that_is_perfectly_known_has_a_finite_gradient(within, gamma) -> None:
    tokens = made_up()
    tokens.cross_entropy = torch.zeros_like(tokens.cross_entropy).requires_grad_()
    counts = counts_of(tokens)
    loss = started(Balanced(LossOptions(within=within, gamma=gamma)), counts)
    step = StepCounts(counts.samples, counts.tokens, 1, losses_of(tokens, 3))
    loss.objective(tokens, loss.task_weights(), step).backward()
    assert torch.isfinite(tokens.cross_entropy.grad).all()


# Through a model, however the step is cut up


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
    stepper = Stepper(model, loss, plan, settings, Accelerator(cpu=True))
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


# What gamma and alpha do


@pytest.mark.parametrize("within", ["focal-sample", "focal-task"])
def test_it_decreases_in_gamma_and_leans_to_what_is_hard(within) -> None:
    values, ratios = [], []
    for gamma in GAMMAS:
        tokens = made_up(sizes=((2, 2), (2, 2)))
        tokens.cross_entropy = torch.where(tokens.task == 0, 0.1, 2.5).double().requires_grad_()
        counts = counts_of(tokens)
        loss = started(Balanced(LossOptions(within=within, gamma=gamma)), counts)
        step = StepCounts(counts.samples, counts.tokens, 1, losses_of(tokens, 2))
        loss.objective(tokens, loss.task_weights(), step).backward()
        easy, hard = (float(tokens.cross_entropy.grad[tokens.task == task].abs().sum()) for task in (0, 1))
        ratios.append(hard / easy)
        values.append(sum(EQUATIONS[within](tokens, 2, gamma, [1.0, 1.0])).item())
    assert ratios[0] == pytest.approx(1)
    assert all(later > earlier for earlier, later in itertools.pairwise(ratios)), ratios
    assert all(later < earlier for earlier, later in itertools.pairwise(values)), values


@pytest.mark.parametrize("within", ["focal-sample", "focal-task"])
def test_alpha_scales_the_tasks_it_names(within) -> None:
    tokens = made_up()
    counts = counts_of(tokens)
    step = StepCounts(counts.samples, counts.tokens, 1, losses_of(tokens, 3))
    plain, named, every = (
        started(Balanced(LossOptions(within=within, alpha=alpha)), counts).within.contributions(tokens, step).numpy()
        for alpha in (1.0, {"task1": 0.25, "task2": 4.0}, 2.0)
    )
    assert np.allclose(named, plain * [1.0, 0.25, 4.0], rtol=1e-12)
    assert np.allclose(every, plain * 2, rtol=1e-12)


@pytest.mark.parametrize("within", ["focal-sample", "focal-task"])
def test_alpha_for_a_task_there_is_not_names_the_nearest(within) -> None:
    with pytest.raises(UsageError, match="'taks1'") as caught:
        started(Balanced(LossOptions(within=within, alpha={"taks1": 2.0})), counts_of(made_up()))
    assert "task1" in str(caught.value.hint)


# Running statistics


def gradient_of(loss: Loss, tokens: TokenLosses, losses: TaskLosses | None) -> torch.Tensor:
    leaf = tokens.cross_entropy.clone().requires_grad_()
    counts = loss.counts
    part = TokenLosses(leaf, tokens.task, tokens.sample, tokens.sample_tokens)
    step = StepCounts(counts.samples, counts.tokens, 1, losses)
    return torch.autograd.grad(loss.objective(part, loss.task_weights(), step), leaf)[0]


def test_running_statistics_cost_no_forward_and_converge_to_the_exact_ones() -> None:
    tokens = made_up()
    counts, measured = counts_of(tokens), losses_of(tokens, 3)
    exact, running, plain = (
        started(Balanced(LossOptions(**options)), counts)
        for options in (
            {"within": "focal-task"}, {"within": "focal-task", "statistics": "running"}, {"by": "samples"},
        )
    )  # fmt: skip
    assert exact.within.measures_step_first
    assert not running.within.measures_step_first
    expected = gradient_of(exact, tokens, measured)
    unknown = gradient_of(running, tokens, None)
    assert torch.allclose(unknown, gradient_of(plain, tokens, None), rtol=1e-12), "nothing is known yet"
    other = losses_of(made_up(seed=1), 3)
    running.within.end_step(other)
    errors = []
    for _ in range(60):
        errors.append(relative_error(gradient_of(running, tokens, None), expected))
        running.within.end_step(measured)
    assert errors[0] > 1e-2
    assert errors[-1] < errors[0] * 0.9**50
    assert relative_error(expected, unknown) > 0.1


def test_running_statistics_are_used_even_where_the_step_is_measured_for_the_balancer() -> None:
    tokens = made_up()
    running = started(FamoTrain(FamoTrain.Options(within="focal-task", statistics="running")), counts_of(tokens))
    found, expected = (gradient_of(running, tokens, losses) for losses in (losses_of(tokens, 3), None))
    assert torch.equal(found, expected)


def test_running_statistics_survive_json_bit_by_bit() -> None:
    tokens = made_up()
    options = LossOptions(within="focal-task", statistics="running")
    one, other = (started(Balanced(options), counts_of(tokens)) for _ in range(2))
    seen = losses_of(made_up(seed=1), 3)
    seen.samples[2] = 0  # not in the step
    one.within.end_step(seen)
    other.within.load_state_dict(json.loads(json.dumps(one.within.state_dict(), allow_nan=False)))
    assert torch.equal(gradient_of(one, tokens, None), gradient_of(other, tokens, None))
    assert other.within.state_dict() == one.within.state_dict()
