"""Whole models whose losses are computed without all logits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.nn.functional import cross_entropy, normalize
from torch.nn.utils import parametrize

from helpers.token_losses import (
    MODELS,
    PLAIN,
    TOKENS,
    WIDTH,
    WORDS,
    Problem,
    Watch,
    focal_objective,
    linear_objective,
    make_model,
    token_weights,
)
from mft_core.batching.collate import collate
from mft_core.nn.logit_form import LogitForm
from mft_core.nn.token_losses import TokenLossModel, constant_token_weights, module_losses, plain_head
from mft_core.records import IGNORED_LABEL, Batch, TokenLosses
from mft_core.testing.random_models import VOCABULARY, relative_difference, take_gradients
from mft_core.testing.samples import random_table

pytestmark = pytest.mark.usefixtures("small_chunks")


@pytest.mark.parametrize(("objective", "known"), [(linear_objective, True), (focal_objective, False)])
def test_weights_are_known_for_what_is_linear_in_the_losses(objective, known) -> None:
    ones = torch.ones(TOKENS, dtype=torch.int64)
    tokens = TokenLosses(torch.zeros(TOKENS), ones, ones, ones)
    found = constant_token_weights(lambda tokens: objective(tokens.cross_entropy), tokens)
    assert (found is not None) == known
    if found is not None:
        assert torch.equal(found, token_weights(TOKENS, torch.float32))


@pytest.fixture(scope="module")
def batch() -> Batch:
    table = random_table([20, 20], vocabulary=VOCABULARY)
    return collate([table.task_samples(0), table.task_samples(1)], table)


def plain_losses(model: Any, batch: Batch, wrapped: Any = None) -> torch.Tensor:
    """By transformers' own forward, head included."""
    logits = (wrapped or model)(**TokenLossModel(model)._inputs(batch)).logits
    supervised = batch.labels != IGNORED_LABEL
    return cross_entropy(logits[supervised], batch.labels[supervised], reduction="none")


def backward_of(losses: torch.Tensor, model: nn.Module) -> dict[str, torch.Tensor]:
    focal_objective(losses).backward()
    return take_gradients(model)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", ["full", "lora"])
def test_models_with_heads_of_every_kind(name, method, batch) -> None:
    model = make_model(MODELS[name])
    wrapped = get_peft_model(model, LoraConfig(target_modules="all-linear")) if method == "lora" else model
    for key, parameter in wrapped.named_parameters():
        if "lora_B" in key:
            nn.init.normal_(parameter)
    expected = plain_losses(model, batch, wrapped)
    gradients = backward_of(expected, wrapped)
    token_losses = TokenLossModel(wrapped)
    objective = lambda tokens: focal_objective(tokens.cross_entropy)  # noqa: E731
    losses = token_losses(batch, objective).cross_entropy
    assert relative_difference(losses, expected) < 1e-12
    found = backward_of(losses, wrapped)
    assert found.keys() == gradients.keys()
    for key, gradient in gradients.items():
        assert (found[key] - gradient).abs().max() <= 1e-10 * gradients[key].abs().max() + 1e-12, key
    with torch.no_grad():
        assert relative_difference(token_losses(batch).cross_entropy, expected) < 1e-12


class Normalised(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return normalize(weight)


def with_lora_on_the_head(model: Any) -> Any:
    wrapped = get_peft_model(model, LoraConfig(target_modules=["q_proj", "lm_head"]))
    nn.init.normal_(model.lm_head.lora_B["default"].weight)
    return wrapped


def with_the_head_saved(model: Any) -> Any:
    return get_peft_model(model, LoraConfig(target_modules=["q_proj"], modules_to_save=["lm_head"]))


def with_hook(model: Any) -> Any:
    model.lm_head.register_forward_hook(lambda module, arguments, output: output * 2)
    return model


def with_normalised_rows(model: Any) -> Any:
    parametrize.register_parametrization(model.lm_head, "weight", Normalised())
    return model


HEADS = {
    "LoRA on it": (with_lora_on_the_head, False),
    "saved beside LoRA": (with_the_head_saved, False),
    "hooked": (with_hook, False),
    "normalised": (with_normalised_rows, True),
}


@pytest.mark.parametrize("name", HEADS)
def test_heads_that_are_more_than_a_weight(name, batch) -> None:
    wrap, is_plain = HEADS[name]
    model = make_model(PLAIN)
    wrapped = wrap(model)
    token_losses = TokenLossModel(wrapped)
    expected = plain_losses(model, batch, wrapped)
    gradients = backward_of(expected, wrapped)
    head = model.get_output_embeddings()
    assert (plain_head(head, torch.zeros(1), LogitForm()) is not None) == is_plain
    losses = token_losses(batch).cross_entropy
    assert relative_difference(losses, expected) < 1e-12
    found = backward_of(losses, wrapped)
    assert found.keys() == gradients.keys()
    assert any("head" in key for key in found)
    for key, gradient in gradients.items():
        assert (found[key] - gradient).abs().max() <= 1e-10 * gradient.abs().max() + 1e-12, key


def test_a_head_that_must_be_called_keeps_only_a_chunk_of_logits() -> None:
    problem, head = Problem(torch.float32), nn.Linear(WIDTH, WORDS)
    with Watch() as watch:
        losses = module_losses(head, problem.hidden, problem.labels, LogitForm(), rows=37)
        linear_objective(losses).backward()
    assert watch.largest() <= TOKENS * WIDTH


@contextmanager
def autocast() -> Iterator[None]:
    with torch.autocast("cpu", torch.bfloat16):
        yield


@pytest.mark.parametrize("announced", [False, True])
def test_float32_weights_under_autocast_get_float32_gradients(announced, batch) -> None:
    model = make_model(PLAIN, torch.float32)
    token_losses, objective = TokenLossModel(model), lambda tokens: linear_objective(tokens.cross_entropy)
    results = []
    for context, losses_of in (
        (nullcontext, lambda: plain_losses(model, batch)),
        (autocast, lambda: plain_losses(model, batch).float()),
        (autocast, lambda: token_losses(batch, objective if announced else None).cross_entropy),
    ):
        with context():
            losses = losses_of()
        assert losses.dtype == torch.float32
        linear_objective(losses).backward()
        results.append(take_gradients(model)["lm_head.weight"])
    exact, plain, ours = results
    assert ours.dtype == torch.float32
    assert (ours - exact).norm() < 1.2 * (plain - exact).norm()


@pytest.mark.parametrize("trainable", [False, True])
def test_a_batch_without_supervised_tokens_gives_gradients_of_zero(trainable, batch) -> None:
    model = make_model(PLAIN)
    model.lm_head.requires_grad_(trainable)
    empty = Batch(**{name: getattr(batch, name) for name in Batch.__slots__})
    empty.labels = torch.full_like(batch.labels, IGNORED_LABEL)
    tokens = TokenLossModel(model)(empty, lambda tokens: tokens.cross_entropy.sum())
    assert len(tokens.cross_entropy) == 0
    tokens.cross_entropy.sum().backward()
    found = take_gradients(model)
    assert found.keys() == {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert not any(gradient.abs().max() for gradient in found.values())
