"""Weights are TorchJD's, normalised; on conflicts of two tasks they are those of the papers, by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torchjd import aggregation

from mft_core.interfaces import GradientBalancer, Gramians
from mft_core.records import TaskCounts
from mft_core.training.task_states import on_these_tasks
from mft_torchjd.aligned_mtl import AlignedMtl
from mft_torchjd.asking import common_scale
from mft_torchjd.cagrad import CaGrad
from mft_torchjd.fairgrad import FairGrad
from mft_torchjd.gradvac import GradVac
from mft_torchjd.imtl_g import ImtlG
from mft_torchjd.mgda import Mgda
from mft_torchjd.nash_mtl import NashMtl, square_root
from mft_torchjd.pcgrad import PcGrad
from mft_torchjd.upgrad import UpGrad

EVERY = (Mgda, PcGrad, GradVac, CaGrad, ImtlG, AlignedMtl, NashMtl, UpGrad, FairGrad)


def started(loss_class: type[GradientBalancer], names: str, **options) -> GradientBalancer:
    loss = loss_class.from_options(options)
    sizes = np.arange(1, len(names) + 1)
    loss.start(TaskCounts(tuple(names), sizes, sizes, np.ones(len(names))))
    return loss


def seen(gramian, absent: tuple[int, ...] = ()) -> Gramians:
    present = np.isin(np.arange(len(gramian)), absent, invert=True)
    return Gramians(present, ~present, train=np.asarray(gramian, np.float64) * np.outer(present, present))


def weights(loss_class: type[GradientBalancer], gramian, **options) -> np.ndarray:
    """Of the first measurement; nothing may be said about it."""
    loss = started(loss_class, "abcdefghij"[: len(gramian)], **options)
    loss.observe_gradients(seen(gramian))
    assert loss.remarks() == []
    return loss.task_weights()


def random_gramian(tasks: int, seed: int = 0) -> np.ndarray:
    """Of gradients of different lengths, some in conflict, some not."""
    generator = np.random.default_rng(seed)
    gradients = generator.normal(size=(tasks, 3 * tasks)) * generator.uniform(0.3, 3, (tasks, 1)) + 0.2
    return gradients @ gradients.T


DIRECT = {
    "mgda": (Mgda, {}, lambda g: aggregation.MGDAWeighting()(g)),
    "mgda, exact": (Mgda, {"epsilon": 1e-6, "max_iters": 999}, lambda g: aggregation.MGDAWeighting(1e-6, 999)(g)),
    "cagrad": (CaGrad, {}, lambda g: aggregation.CAGradWeighting(c=0.5)(g)),
    "cagrad, near": (CaGrad, {"c": 0.1}, lambda g: aggregation.CAGradWeighting(c=0.1)(g)),
    "imtl-g": (ImtlG, {}, lambda g: aggregation.IMTLGWeighting()(g)),
    "aligned-mtl": (AlignedMtl, {}, lambda g: aggregation.AlignedMTLWeighting()(g)),
    "aligned-mtl, rmse": (AlignedMtl, {}, lambda g: aggregation.AlignedMTLWeighting(scale_mode="rmse")(g)),
    "nash-mtl": (NashMtl, {}, lambda g: aggregation.NashMTL(n_tasks=len(g)).weighting(square_root(g))),
    "upgrad": (UpGrad, {}, lambda g: aggregation.UPGradWeighting()(g)),
    "fairgrad": (FairGrad, {}, lambda g: aggregation.FairGradWeighting(alpha=2.0)(g)),
    "fairgrad, bargain": (FairGrad, {"alpha": 1}, lambda g: aggregation.NashMTL(len(g)).weighting(square_root(g))),
    "fairgrad, balanced": (FairGrad, {"alpha": 0}, lambda g: torch.ones(len(g))),
}


@pytest.mark.filterwarnings("ignore:You are solving a parameterized problem:UserWarning")
@pytest.mark.parametrize("case", DIRECT)
@pytest.mark.parametrize("tasks", [2, 5])
def test_they_are_those_of_a_direct_call(case: str, tasks: int) -> None:
    loss_class, options, call = DIRECT[case]
    gramian = random_gramian(tasks)
    expected = call(torch.from_numpy(gramian)).numpy()
    assert (expected > 0).all()
    found = weights(loss_class, gramian, **options)
    assert np.ptp(found) > 0.03 or tasks == 2 or case == "fairgrad, balanced"
    assert found == pytest.approx(expected / expected.sum(), abs=1e-6)


@pytest.mark.parametrize(("loss_class", "direct"), [(PcGrad, "PCGradWeighting"), (GradVac, "GradVacWeighting")])
def test_with_the_same_draws_they_are_those_of_a_direct_call(loss_class, direct: str) -> None:
    loss, weighting = started(loss_class, "abcdef", seed=3), getattr(aggregation, direct)()
    for measurement in range(3):
        gramian = random_gramian(6, seed=measurement)
        seed = np.random.SeedSequence([3, measurement]).generate_state(1, np.uint64)[0]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(seed))
            expected = weighting(torch.from_numpy(gramian)).numpy()
        loss.observe_gradients(seen(gramian))
        assert loss.task_weights() == pytest.approx(expected / expected.sum(), abs=1e-7)


# Two gradients of lengths 1 and 3 at 120 degrees: g_1 . g_2 = -3/2.
CONFLICT = np.array([[1.0, -1.5], [-1.5, 9.0]])


def test_pcgrad_projects_two_gradients_off_each_other_as_in_figure_2_of_its_paper() -> None:
    # g_1 + g_2 / 6 and g_2 + 3/2 g_1.
    assert weights(PcGrad, CONFLICT) * (2.5 + 7 / 6) == pytest.approx([2.5, 7 / 6])
    assert weights(PcGrad, np.abs(CONFLICT)) == pytest.approx([0.5, 0.5]), "no conflict: they are left alone"


@pytest.mark.parametrize(("product", "first"), [(-1.5, 10.5 / 13), (0.5, 8.5 / 9), (1.0, 1.0), (2.0, 1.0)])
def test_mgda_takes_the_shortest_of_two_gradients_combinations(product: float, first: float) -> None:
    # (|g_2|^2 - g_1 . g_2) / |g_1 - g_2|^2, at most 1 (arXiv 1810.04650, figure 1 and algorithm 1).
    gramian = np.array([[1.0, product], [product, 9.0]])
    assert weights(Mgda, gramian) == pytest.approx([first, 1 - first], abs=1e-9)


def test_cagrad_is_the_best_for_the_worst_task_around_the_mean_gradient() -> None:
    # max over |d - g_0| <= c |g_0| of min_i g_i . d, by going round the circle's edge, in the plane.
    gradients = np.array([[1.0, 0.0], [-1.5, np.sqrt(27 / 4)]])
    assert gradients @ gradients.T == pytest.approx(CONFLICT)
    mean, turns = gradients.mean(axis=0), np.linspace(0, 2 * np.pi, 2_000_001)
    edge = mean + 0.5 * np.linalg.norm(mean) * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    best = edge[(edge @ gradients.T).min(axis=1).argmax()]
    factors = np.linalg.solve(gradients.T, best)
    assert weights(CaGrad, CONFLICT, c=0.5) == pytest.approx(factors / factors.sum(), abs=1e-5)
    assert weights(CaGrad, CONFLICT, c=0) == pytest.approx([0.5, 0.5])


LENGTHS = np.array([1.0, 2.0, 4.0])


@pytest.mark.parametrize(
    ("loss_class", "options", "exponent"),
    [
        (Mgda, {"epsilon": 1e-9, "max_iters": 9999}, -2), (ImtlG, {}, -1), (AlignedMtl, {}, -1), (NashMtl, {}, -1),
        (FairGrad, {}, -4 / 3), (FairGrad, {"alpha": 1}, -1), (PcGrad, {}, 0), (GradVac, {}, 0), (UpGrad, {}, 0),
    ],
)  # fmt: skip
def test_what_orthogonal_gradients_of_different_lengths_get(loss_class, options: dict, exponent: float) -> None:
    expected = LENGTHS**exponent
    assert weights(loss_class, np.diag(LENGTHS**2), **options) == pytest.approx(expected / expected.sum(), abs=1e-3)


@pytest.mark.parametrize("loss_class", EVERY)
def test_gradients_may_all_be_short_or_long(loss_class) -> None:
    gramian = random_gramian(4)
    expected = weights(loss_class, gramian)
    for scale in (4.0**-20, 4.0**12):
        assert weights(loss_class, gramian * scale).tolist() == expected.tolist()
    for scale in (1e-9, 3e7):
        assert weights(loss_class, gramian * scale) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("mean", [1e-300, 1e-9, 0.3, 1.0, 7.0, 1e200])
def test_the_common_scale_is_an_even_power_of_two(mean: float) -> None:
    scale = common_scale(np.diag([mean, mean]))
    mantissa, exponent = np.frexp(np.sqrt(scale))
    assert mantissa == 0.5, exponent
    assert 0.4 < mean / scale < 2.5


@pytest.mark.parametrize("loss_class", EVERY)
def test_what_has_no_answer_leaves_the_weights_and_is_said_once(loss_class) -> None:
    loss = started(loss_class, "abc")
    loss.observe_gradients(seen(random_gramian(3)))
    before = loss.task_weights().tolist()
    for _ in range(2):
        loss.observe_gradients(seen(np.zeros((3, 3))))
        assert loss.task_weights().tolist() == before
    (remark,) = loss.remarks()
    assert "stay as they are" in remark


@pytest.mark.parametrize("loss_class", EVERY)
@pytest.mark.parametrize("vanished", [(0,), (1, 2)])
def test_gradients_that_are_0_among_others_leave_weights_that_can_be_used(loss_class, vanished) -> None:
    loss, gramian = started(loss_class, "abcd"), random_gramian(4)
    loss.observe_gradients(seen(gramian))
    before = loss.task_weights()
    gramian[list(vanished)] = 0
    gramian[:, list(vanished)] = 0
    loss.observe_gradients(seen(gramian))
    found, said = loss.task_weights(), loss.remarks()
    assert np.isfinite(found).all()
    if loss_class in (NashMtl, FairGrad, CaGrad):
        assert found.tolist() == before.tolist()
        assert len(said) == 1
    elif loss_class is not Mgda:
        assert (found[[task for task in range(4) if task not in vanished]] > 0.05).all()


@pytest.mark.parametrize("loss_class", [NashMtl, FairGrad])
def test_a_solver_that_stops_early_is_not_believed(loss_class) -> None:
    # Fifty gradients in three directions: both of TorchJD's solvers hand out what they have.
    gradients = np.random.default_rng(0).normal(size=(50, 3))
    loss = loss_class.from_options({"optim_niter": 2} if loss_class is NashMtl else {"max_iters": 3})
    sizes = np.ones(50)
    loss.start(TaskCounts(tuple(f"{task:02}" for task in range(50)), sizes, sizes, np.ones(50)))
    loss.observe_gradients(seen(gradients @ gradients.T))
    (remark,) = loss.remarks()
    assert "stopped before" in remark
    assert loss.task_weights() == pytest.approx(np.full(50, 1 / 50))


@pytest.mark.parametrize("loss_class", [PcGrad, GradVac])
def test_draws_follow_seed_and_measurement_and_leave_the_process_its_own(loss_class) -> None:
    gramian, state = random_gramian(7), torch.get_rng_state()
    losses = [started(loss_class, "abcdefg", seed=seed, **extra) for seed, extra in ((0, {}), (0, {}), (1, {}))]
    rows = []
    for _ in range(2):
        for loss in losses:
            loss.observe_gradients(seen(gramian))
        torch.rand(3)
        rows.append([loss.task_weights().tolist() for loss in losses])
    assert rows[0][0] == rows[0][1] != rows[0][2]
    assert rows[1][0] == rows[1][1] != rows[1][2]
    assert rows[0][0] != rows[1][0]
    torch.set_rng_state(state)
    started(loss_class, "abcdefg").observe_gradients(seen(gramian))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("loss_class", [GradVac, NashMtl])
def test_what_is_kept_of_tasks_follows_their_names(loss_class) -> None:
    # Task b is absent for a while; then the run goes on without c, with a new task, in another order.
    loss, gramian = started(loss_class, "abcd"), random_gramian(4)
    loss.observe_gradients(seen(gramian))
    loss.observe_gradients(seen(random_gramian(4, seed=1), absent=(1,)))
    (key,) = loss.state_dict().keys() & {"cosines", "last"}
    kept = np.array(loss.state_dict()[key])
    fresh = started(loss_class, "dnab")
    state = json.loads(json.dumps({"loss": loss.state_dict()}))
    before, after = ({name: {} for name in names} for names in ("abcd", "dnab"))
    moved = on_these_tasks(state, {"loss": fresh.state_dict()}, before, after)
    places, known = [3, 0, 1], [0, 2, 3]
    found = np.array(moved["loss"][key])
    if loss_class is GradVac:
        assert np.array_equal(found[np.ix_(known, known)], kept[np.ix_(places, places)])
        assert not found[1].any()
        assert not found[:, 1].any()
        assert kept[0, 3] != 0
    else:
        assert found.tolist() == [kept[3], 1, kept[0], kept[1]]
    fresh.load_state_dict(moved["loss"])
    fresh.observe_gradients(seen(gramian))
    assert np.isfinite(fresh.task_weights()).all()
    assert fresh.remarks() == []


def test_gradvac_begins_as_pcgrad_and_then_turns_gradients_to_their_usual_angles() -> None:
    loss, usual, less = started(GradVac, "ab", beta=1), np.array([[1, 0.8], [0.8, 1]]), np.array([[1, 0.6], [0.6, 1]])
    loss.observe_gradients(seen(usual))
    assert loss.task_weights() == pytest.approx([0.5, 0.5])
    # Longer by a factor of 4, at a cosine of 0.6 where 0.8 is usual: (0.8 * 0.8 - 0.6 * 0.6) / 0.6 of the other's.
    lengths = np.array([1.0, 4.0])
    loss.observe_gradients(seen(less * np.outer(lengths, lengths)))
    turned = (0.8 * 0.8 - 0.6 * 0.6) / 0.6
    expected = np.array([1 + turned * 4, 1 + turned / 4])
    assert loss.task_weights() == pytest.approx(expected / expected.sum(), abs=1e-6)
