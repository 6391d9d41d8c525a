"""Token losses without all logits: equal to plain logits and cross-entropy, values and gradients, in little memory."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, linear

from helpers.token_losses import (
    FORMS,
    TOKENS,
    WIDTH,
    WORDS,
    Problem,
    Watch,
    focal_objective,
    linear_objective,
    token_weights,
)
from mft_core.nn.half_precision import HALVES
from mft_core.nn.head_losses import CHUNK_BYTES, TILE, Head, chunk_rows, head_losses
from mft_core.nn.logit_form import LogitForm

pytestmark = pytest.mark.usefixtures("small_chunks")
EXACT = {torch.float64: 1e-10, torch.float32: 1e-6}
OBJECTIVES = {"linear": linear_objective, "focal": focal_objective}


def assert_same(found: list[torch.Tensor], expected: list[torch.Tensor], tolerance: float) -> None:
    assert len(found) == len(expected) > 1
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance * float(other.abs().max()) if len(other) else 0)


@pytest.mark.parametrize("dtype", EXACT, ids=str)
@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("trainable", [False, True], ids=["frozen", "trainable"])
def test_losses_and_gradients_are_those_of_plain_logits(dtype, objective, form, trainable) -> None:
    for bias in (False, True):
        problem = Problem(dtype, bias=bias, trainable=trainable)
        expected = problem.plain(objective, form)
        assert_same(problem.ours(objective, form), expected, EXACT[dtype])
        announced = 0.125 * token_weights(TOKENS, dtype)  # right up to a factor for the linear objective, else wrong
        assert_same(problem.ours(objective, form, announced), expected, EXACT[dtype])


@pytest.mark.parametrize("tokens", [0, 1, 36, 37, 38, 74])
@pytest.mark.parametrize("trainable", [False, True], ids=["frozen", "trainable"])
def test_any_number_of_tokens(tokens, trainable) -> None:
    problem = Problem(torch.float64, tokens, trainable=trainable, bias=True)
    expected = problem.plain(linear_objective)
    assert_same(problem.ours(linear_objective), expected, 1e-10)
    assert_same(problem.ours(linear_objective, announced=token_weights(tokens, torch.float64)), expected, 1e-10)


def test_one_token_whose_weight_was_announced_wrongly_costs_no_exactness() -> None:
    problem, announced = Problem(torch.float64, trainable=True), token_weights(TOKENS, torch.float64)
    announced[17] *= 1 + 1e-9
    assert_same(problem.ours(linear_objective, announced=announced), problem.plain(linear_objective), 1e-12)
    for constant in (0.0, torch.nan):
        assert_same(
            problem.ours(linear_objective, announced=torch.full_like(announced, constant)),
            problem.plain(linear_objective),
            1e-12,
        )


def test_a_second_backward_gives_the_same() -> None:
    for trainable in (False, True):
        problem = Problem(torch.float64, trainable=trainable)
        head = Head(problem.weight, None, LogitForm(), torch.float64)
        losses = head_losses(problem.hidden, head, problem.labels, token_weights(TOKENS, torch.float64))
        first, second = (
            torch.autograd.grad(linear_objective(losses), problem.hidden, retain_graph=True)[0] for _ in range(2)
        )
        torch.testing.assert_close(first, second, rtol=1e-12, atol=0)


def test_hopeless_and_certain_tokens_have_finite_exact_gradients() -> None:
    problem = Problem(torch.float32)
    problem.hidden.data *= 100
    assert_same(problem.ours(linear_objective), problem.plain(linear_objective), 1e-5)
    certain = problem.plain(linear_objective)[0].min()
    assert certain < 1e-6, "no token is certain here"


@pytest.mark.parametrize("trainable", [False, True], ids=["frozen", "trainable"])
def test_bfloat16_is_as_near_to_the_truth_as_plain_logits_are(trainable) -> None:
    problem, exact = Problem(torch.bfloat16, trainable=trainable), Problem(torch.float64, trainable=trainable)
    for leaf, same in ((exact.hidden, problem.hidden), (exact.weight, problem.weight)):
        leaf.data = same.data.double()
    truth = exact.plain(focal_objective)
    logits = linear(problem.hidden, problem.weight).float()
    naive = problem.gradients(cross_entropy(logits, problem.labels, reduction="none"), focal_objective)
    ours = problem.ours(focal_objective)
    assert ours[0].dtype == torch.float32
    for found, peer, true in zip(ours, naive, truth, strict=True):
        assert found.dtype == peer.dtype
        assert (found - true).norm() < 1.2 * (peer - true).norm()


@pytest.mark.parametrize("trainable", [False, True], ids=["frozen", "trainable"])
@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_no_tensor_is_larger_than_the_logits_of_a_chunk(trainable, objective) -> None:
    problem = Problem(torch.float32, trainable=trainable)
    with Watch() as watch:
        problem.ours(objective)
        problem.ours(objective, announced=token_weights(TOKENS, torch.float32))
    chunk, states = 37 * WORDS, TOKENS * WIDTH
    assert chunk < states < TOKENS * WORDS
    assert watch.largest() <= states
    with Watch() as watch:
        problem.plain(objective)
    assert watch.largest() == TOKENS * WORDS


def test_announced_weights_save_the_second_time_logits_are_computed() -> None:
    chunks = -(-TOKENS // 37)
    for trainable, announced, logits in (
        (False, None, 1),
        (True, token_weights(TOKENS, torch.float64), 1),
        (True, None, 2),
    ):
        with Watch() as watch:
            Problem(torch.float64, trainable=trainable).ours(linear_objective, announced=announced)
        assert watch.products(WORDS) == logits * chunks


def test_without_gradients_only_logits_are_computed() -> None:
    problem = Problem(torch.float64)
    head = Head(problem.weight, None, LogitForm(), torch.float64)
    with torch.no_grad(), Watch() as watch:
        losses = head_losses(problem.hidden, head, problem.labels)
    assert not losses.requires_grad
    assert watch.products(WIDTH) == 0 < watch.products(WORDS)


DTYPES = (torch.float32, *HALVES)


@pytest.mark.parametrize("vocabulary", [32000, 151936, 262144, 10_000_000])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_chunks_on_a_gpu_are_whole_tiles_within_the_memory_set(vocabulary, dtype) -> None:
    rows = chunk_rows(vocabulary, dtype, torch.device("cuda"), True)
    assert rows % TILE == 0 < rows
    assert rows == TILE or CHUNK_BYTES / 2 < rows * vocabulary * dtype.itemsize <= CHUNK_BYTES
