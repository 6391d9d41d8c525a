"""The probe: the same validation samples before and after, others from time to time, one forward per update."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mft_core.evaluation.losses import EvaluationContext
from mft_core.interfaces import Loss, LossOptions, ProbeRequest
from mft_core.records import TaskLosses
from mft_core.testing.contexts import evaluation_context
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table
from mft_core.training.probe import Probe

SIZES = [7, 2, 5]
NAMES = ("task0", "task1", "task2")


class Recorder(Loss):
    """Remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__(LossOptions())
        self.seen: list[tuple[TaskLosses, TaskLosses]] = []

    def task_weights(self) -> np.ndarray:
        return np.full(len(SIZES), 1 / len(SIZES))

    def observe(self, before: TaskLosses, after: TaskLosses) -> None:
        self.seen.append((before, after))


@pytest.fixture
def context() -> EvaluationContext:
    return evaluation_context(random_token_loss_model(), random_table(SIZES), NAMES)


def move(context: EvaluationContext, step: int) -> None:
    """What stands for an optimizer step."""
    torch.manual_seed(step)
    with torch.no_grad():
        for parameter in context.model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=1e-3)


def run(probe: Probe, context: EvaluationContext, steps: range) -> list[list[int]]:
    """Optimizer steps; returns the samples in use after each."""
    used = []
    for step in steps:
        move(context, step)
        probe.after_step(step)
        used.append(probe.samples().tolist())
    return used


def means(losses: TaskLosses) -> list[float]:
    return losses.mean().tolist()


def test_every_task_is_present_with_as_many_samples_as_it_has_at_most(context) -> None:
    for wanted in (1, 3, 100):
        samples = Probe(context, Recorder(), ProbeRequest(wanted, 1, 0), seed=0).samples()
        assert len(set(samples)) == len(samples)
        found = np.bincount(context.validation.task[samples], minlength=3)
        assert found.tolist() == [min(wanted, size) for size in SIZES]


def test_before_and_after_are_losses_of_the_same_samples(context) -> None:
    loss = Recorder()
    probe = Probe(context, loss, ProbeRequest(2, 1, 3), seed=0)
    probe.start(0)
    for step in range(1, 8):
        samples, known = probe.samples(), len(loss.seen)
        before = means(context.losses(samples))
        move(context, step)
        after = means(context.losses(samples))
        probe.after_step(step)
        assert [means(losses) for losses in loss.seen[known]] == [before, after]
        assert before != after


def test_an_update_costs_one_forward_over_the_probe(context, monkeypatch) -> None:
    loss, measured = Recorder(), []
    probe = Probe(context, loss, ProbeRequest(2, 2, 0), seed=0)
    forward = EvaluationContext.losses
    monkeypatch.setattr(
        EvaluationContext, "losses", lambda self, samples: (measured.append(len(samples)), forward(self, samples))[1]
    )
    probe.start(0)
    run(probe, context, range(1, 9))
    assert measured == [6] * 5, "at the start, and after every second of eight steps"
    assert len(loss.seen) == 5
    for (_, after), (before, _) in zip(loss.seen, loss.seen[1:], strict=False):
        assert before is after


def test_it_rotates_through_all_samples_and_tells_the_loss(context) -> None:
    loss = Recorder()
    probe = Probe(context, loss, ProbeRequest(2, 1, 3), seed=0)
    probe.start(0)
    used = run(probe, context, range(1, 13))
    rotations = [used[step - 1] for step in (1, 3, 6, 9, 12)]
    assert used[0] == used[1]
    assert len({tuple(samples) for samples in rotations}) == 5
    assert {sample for samples in used for sample in samples} == set(range(sum(SIZES)))
    fresh = [index for index, (before, after) in enumerate(loss.seen) if before is after]
    # Steps 3, 6, 9 and 12: first the last measurement of the old samples, then the new ones.
    assert fresh == [0, 4, 8, 12, 16]


def test_without_rotation_the_samples_stay(context) -> None:
    probe = Probe(context, Recorder(), ProbeRequest(2, 1, 0), seed=0)
    probe.start(0)
    assert len({tuple(samples) for samples in run(probe, context, range(1, 10))}) == 1


def test_a_skipped_step_only_delays_rotation(context) -> None:
    probe = Probe(context, Recorder(), ProbeRequest(2, 1, 3), seed=0)
    probe.start(0)
    first = probe.samples().tolist()
    used = run(probe, context, range(1, 3)) + run(probe, context, range(4, 6))  # step 3 was not taken
    assert used[:2] == [first, first]
    assert used[2] == used[3] != first


def test_seeds_choose_different_samples(context) -> None:
    chosen = {tuple(Probe(context, Recorder(), ProbeRequest(2, 1, 0), seed).samples().tolist()) for seed in range(8)}
    assert len(chosen) > 1


@pytest.mark.parametrize("cut", [0, 2, 3, 4])
def test_it_resumes_bit_by_bit(cut) -> None:
    seen = []
    for resumed in (False, True):
        context = evaluation_context(random_token_loss_model(), random_table(SIZES), NAMES)
        loss, request = Recorder(), ProbeRequest(2, 1, 3)
        probe = Probe(context, loss, request, seed=0)
        probe.start(0)
        run(probe, context, range(1, cut + 1))
        if resumed:
            state = json.loads(json.dumps(probe.state_dict(), allow_nan=False))
            probe = Probe(context, loss, request, seed=0)
            probe.load_state_dict(state)
        samples = run(probe, context, range(cut + 1, 9))
        seen.append((samples, [(before.as_json(), after.as_json()) for before, after in loss.seen]))
    assert seen[0] == seen[1]


def test_it_must_be_started(context) -> None:
    with pytest.raises(RuntimeError, match="start"):
        Probe(context, Recorder(), ProbeRequest(2, 1, 3), seed=0).after_step(1)
