"""The gradient probe against autograd on each task alone, whatever the rows, and what it leaves behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.gradient_losses import GradientRecorder, ShortGradientsFirst
from helpers.small_trainer import make_trainer, tensors
from mft_core.batching.collate import collate
from mft_core.batching.packing import OneEach
from mft_core.batching.sample_table import SampleTable
from mft_core.interfaces import GradientOptions, ProbeRequest
from mft_core.nn.token_losses import TokenLossModel
from mft_core.testing.contexts import AllTogether, evaluation_context
from mft_core.testing.losses import flat_gradient
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table
from mft_core.training import gradient_probe
from mft_core.training.gradient_probe import GradientProbe, ProbedData
from mft_core.training.gradient_store import SketchedGradients

SIZES = [6, 1, 9]
NAMES = ("task0", "task1", "task2")


@pytest.fixture(scope="module")
def model() -> TokenLossModel:
    return random_token_loss_model()


def probed(model, request: ProbeRequest, by: str = "tokens", packer=None, micro: int = 2, weighted=False, sizes=SIZES):
    tables = random_table(sizes, weighted=weighted), random_table([4, 3, 2], seed=1)
    contexts = [evaluation_context(model, table, NAMES, packer, micro) for table in tables]
    return GradientProbe(ProbedData(*contexts), request, by, seed=5, receive=lambda _: None)


def autograd(model: TokenLossModel, table: SampleTable, samples: np.ndarray, by: str) -> torch.Tensor:
    """The gradient of the mean loss of some samples, by the definition, sample by sample."""
    sums, counts = [], []
    for sample in samples:
        tokens = model(collate([np.array([sample])], table))
        weights = torch.ones_like(tokens.cross_entropy) if tokens.weight is None else tokens.weight
        share = 1 if by == "tokens" else 1 / len(weights)
        sums.append((weights * tokens.cross_entropy).sum() * share)
        counts.append(weights.sum() * share)
    (sum(sums) / sum(counts)).backward()
    return flat_gradient(model)


@pytest.mark.parametrize("by", ["tokens", "samples"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("packer", "micro"), [(OneEach(), 1), (OneEach(), 3), (AllTogether(), 2)])
def test_the_inner_products_are_those_of_each_tasks_gradient_alone(model, by, weighted, packer, micro) -> None:
    request = ProbeRequest(3, 1, 1, gradients="both")
    probe = probed(model, request, by, packer, micro, weighted)
    found = probe.measure(2)
    gradients = [
        autograd(model, side.validation, probe.samples(side, task, 2), by) for side in probe._sides for task in range(3)
    ]
    stacked = torch.stack(gradients)
    expected = (stacked @ stacked.T).numpy()
    assert found.present.all()
    for part, block in ((found.train, np.s_[:3, :3]), (found.validation, np.s_[3:, 3:]), (found.across, np.s_[:3, 3:])):
        assert np.abs(part - expected[block]).max() < 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize("gradients", ["train", "validation"])
def test_one_side_alone_gives_the_same(model, gradients: str) -> None:
    both = probed(model, ProbeRequest(2, 1, 1, gradients="both")).measure(0)
    alone = probed(model, ProbeRequest(2, 1, 1, gradients=gradients)).measure(0)
    assert np.allclose(getattr(alone, gradients), getattr(both, gradients), rtol=1e-12)
    assert alone.across is None
    assert (alone.train is None) == (gradients == "validation")


def test_it_leaves_the_model_as_it_is(model) -> None:
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    probed(model, ProbeRequest(2, 1, 1, gradients="both")).measure(0)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert torch.equal(torch.get_rng_state(), state)
    model.eval()


def test_other_samples_are_taken_in_turn(model) -> None:
    probe = probed(model, ProbeRequest(2, 4, 4, gradients="train"))
    side = probe._sides[0]
    used = [probe.samples(side, 2, step).tolist() for step in (0, 4, 8, 12)]
    assert len({sample for samples in used for sample in samples}) == 8
    assert probe.samples(side, 2, 5).tolist() == used[1]


def test_a_task_without_samples_or_with_a_gradient_that_is_not_finite_is_left_out(model) -> None:
    probe = probed(model, ProbeRequest(2, 1, 1, gradients="train"), sizes=[6, 0, 9])
    found = probe.measure(0)
    assert found.present.tolist() == [True, False, True]
    assert not found.lost.any()
    assert not found.train[1].any()
    assert not found.train[:, 1].any()

    whole = found.train
    model.model.get_input_embeddings().weight.register_hook(infinite := Infinite())
    infinite.task = 2
    spoilt = probe.measure(0)
    infinite.task = None
    assert spoilt.present.tolist() == [True, False, False]
    assert spoilt.lost.tolist() == [False, False, True]
    assert spoilt.train[0, 0] == whole[0, 0]
    assert np.isfinite(spoilt.train).all()


class Infinite:
    """Spoils the gradients of the n-th backward."""

    task: int | None = None
    calls = 0

    def __call__(self, gradient: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return gradient * float("inf") if self.task is not None and self.calls == self.task else gradient


def test_sketches_stand_in_for_gradients_that_do_not_fit(model, monkeypatch) -> None:
    request = ProbeRequest(2, 1, 1, gradients="both")
    exact = probed(model, request).measure(0)
    monkeypatch.setattr(
        gradient_probe, "gradient_store", lambda count, elements, itemsize, seed: SketchedGradients(count, 2**14, seed)
    )
    found = probed(model, request).measure(0)
    lengths = np.sqrt(np.outer(np.diag(exact.train), np.diag(exact.train)))
    assert np.abs(found.train - exact.train).max() > 0
    assert (np.abs(found.train - exact.train) < 5 * (2 / 2**14) ** 0.5 * lengths).all()


def test_the_loss_sees_gradients_before_the_first_step_and_after_every_kth(tmp_path) -> None:
    loss = GradientRecorder(GradientOptions(probe_samples=2, every=2))
    trainer = make_trainer(tmp_path, loss, random_table([2, 9, 5]), steps=5)
    trainer.run()
    assert len(loss.seen) == 3
    assert len({float(gramians.train[1, 1]) for gramians in loss.seen}) == 3


@pytest.mark.parametrize("kind", [ShortGradientsFirst, GradientRecorder])
def test_a_run_with_gradients_resumes_bit_by_bit(tmp_path, kind) -> None:
    def new(folder: str):
        loss = kind(GradientOptions(probe_samples=2, every=2))
        return make_trainer(tmp_path / folder, loss, random_table([2, 9, 5]), dropout=0.2, steps=6)

    whole, resumed = new("whole"), new("resumed")
    whole.run()
    resumed.resume(whole.checkpoints.load(3))
    resumed.run()
    expected, found = tensors(whole), tensors(resumed)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
