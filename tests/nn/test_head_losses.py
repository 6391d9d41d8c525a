"""Token losses without all logits: equal to plain logits and cross-entropy, values and gradients, in little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.nn.functional import cross_entropy, linear, normalize
from torch.nn.utils import parametrize
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    FalconH1Config,
    Gemma2Config,
    GraniteConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PhiConfig,
    PreTrainedConfig,
)
from transformers.modeling_outputs import CausalLMOutput

from mft_core.batching.collate import collate
from mft_core.errors import MftError
from mft_core.nn import head_losses as head_losses_module
from mft_core.nn.head_losses import Head, head_losses
from mft_core.nn.logit_form import LogitForm, logit_form
from mft_core.nn.packed_attention import PACKED_ATTENTION, register_packed_attention
from mft_core.nn.token_losses import TokenLossModel, constant_token_weights, module_losses, plain_head
from mft_core.records import IGNORED_LABEL, Batch, TokenLosses
from mft_core.testing.random_models import VOCABULARY, relative_difference, take_gradients
from mft_core.testing.samples import random_table

TOKENS, WIDTH, WORDS = 600, 24, 61
EXACT = {torch.float64: 1e-10, torch.float32: 1e-6}
FORMS = {"plain": LogitForm(), "scale": LogitForm(0.3), "softcap": LogitForm(0.7, 2.5)}
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
SMALL = {**SIZES, "intermediate_size": 32, "num_key_value_heads": 1, "pad_token_id": 0, "eos_token_id": 1}
PLAIN = LlamaConfig(**SMALL, tie_word_embeddings=False)
MODELS: dict[str, PreTrainedConfig] = {
    "plain": PLAIN,
    "tied": LlamaConfig(**SMALL, tie_word_embeddings=True),
    "bias": PhiConfig(**SMALL),
    "scale": CohereConfig(**SMALL, logit_scale=0.25),
    "inverse scale": GraniteConfig(**SMALL, logits_scaling=3.0),
    "softcap": Gemma2Config(**SMALL, head_dim=16, final_logit_softcapping=4.0, attn_logit_softcapping=None),
}
Objective = Callable[[torch.Tensor], torch.Tensor]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 37 rows, so that a few hundred tokens fill many and the last one is not full."""
    monkeypatch.setattr(head_losses_module, "chunk_rows", lambda *_: 37)


def token_weights(count: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.rand(count, generator=torch.Generator().manual_seed(5), dtype=torch.float64).to(dtype) / max(count, 1)


def linear_objective(losses: torch.Tensor) -> torch.Tensor:
    return (losses * token_weights(len(losses), losses.dtype)).sum()


def focal_objective(losses: torch.Tensor) -> torch.Tensor:
    return (linear_objective(losses) + 1) ** 2 + ((1 - torch.exp(-losses)) ** 2 * losses).sum() / max(len(losses), 1)


OBJECTIVES = {"linear": linear_objective, "focal": focal_objective}


class Problem:
    """Hidden states, a head and labels; the head's weights are large enough for probabilities from 0 to 1."""

    def __init__(self, dtype: torch.dtype, tokens: int = TOKENS, bias: bool = False, trainable: bool = False) -> None:
        generator = torch.Generator().manual_seed(1)
        draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)  # noqa: E731
        self.hidden = draw(tokens, WIDTH).requires_grad_()
        self.weight = draw(WORDS, WIDTH).requires_grad_(trainable)
        self.bias = draw(WORDS).requires_grad_(trainable) if bias else None
        self.labels = torch.randint(WORDS, (tokens,), generator=generator)

    def gradients(self, losses: torch.Tensor, objective: Objective) -> list[torch.Tensor]:
        leaves = [leaf for leaf in (self.hidden, self.weight, self.bias) if leaf is not None and leaf.requires_grad]
        return [losses.detach(), *torch.autograd.grad(objective(losses), leaves)]

    def plain(self, objective: Objective, form: LogitForm = FORMS["plain"]) -> list[torch.Tensor]:
        logits = form.apply(linear(self.hidden, self.weight, self.bias))
        return self.gradients(cross_entropy(logits, self.labels, reduction="none"), objective)

    def ours(
        self, objective: Objective, form: LogitForm = FORMS["plain"], announced: torch.Tensor | None = None
    ) -> list[torch.Tensor]:
        head = Head(self.weight, self.bias, form, self.weight.dtype)
        return self.gradients(head_losses(self.hidden, head, self.labels, announced), objective)


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


# --- memory and work


class Watch(TorchDispatchMode):
    """Every tensor that is made: its shape, and by which operator."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[str, tuple[int, ...]]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = function(*args, **(kwargs or {}))
        for result in results if isinstance(results, (tuple, list)) else (results,):
            if isinstance(result, torch.Tensor):
                self.made.append((function.overloadpacket.__name__, tuple(result.shape)))
        return results

    def largest(self) -> int:
        return max(torch.Size(shape).numel() for _, shape in self.made)

    def products(self, last: int) -> int:
        """Matrix products with so many columns."""
        return sum(name in ("mm", "addmm") and shape[-1] == last for name, shape in self.made)


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


# --- which weights are known before


@pytest.mark.parametrize(("objective", "known"), [(linear_objective, True), (focal_objective, False)])
def test_weights_are_known_for_what_is_linear_in_the_losses(objective, known) -> None:
    ones = torch.ones(TOKENS, dtype=torch.int64)
    tokens = TokenLosses(torch.zeros(TOKENS), ones, ones, ones)
    found = constant_token_weights(lambda tokens: objective(tokens.cross_entropy), tokens)
    assert (found is not None) == known
    if found is not None:
        assert torch.equal(found, token_weights(TOKENS, torch.float32))


# --- whole models


def make_model(config: PreTrainedConfig, dtype: torch.dtype = torch.float64) -> Any:
    register_packed_attention()
    torch.manual_seed(0)
    config.initializer_range = 0.2
    model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=PACKED_ATTENTION).eval()
    bias = model.get_output_embeddings().bias
    if bias is not None:
        nn.init.normal_(bias)
    return model


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


def test_forms_are_found_in_the_models() -> None:
    forms = {name: logit_form(make_model(config)) for name, config in MODELS.items()}
    assert forms == {
        "plain": LogitForm(),
        "tied": LogitForm(),
        "bias": LogitForm(),
        "scale": LogitForm(0.25),
        "inverse scale": LogitForm(1 / 3.0),
        "softcap": LogitForm(1.0, 4.0),
    }


class Squared(LlamaForCausalLM):
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        found = super().forward(*args, **kwargs)
        found.logits = found.logits * found.logits.abs()
        return found


class Shrunk(LlamaForCausalLM):
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        hidden = self.model(*args, **kwargs).last_hidden_state
        return CausalLMOutput(logits=self.lm_head(hidden / 2))


class Headless(LlamaForCausalLM):
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        hidden = self.model(*args, **kwargs).last_hidden_state
        return CausalLMOutput(logits=linear(hidden, self.lm_head.weight))


@pytest.mark.parametrize(
    ("kind", "problem"), [(Squared, "scale and a softcap"), (Headless, "somewhere else"), (Shrunk, "as they are")]
)
def test_unknown_heads_are_refused_by_name(kind, problem) -> None:
    config = LlamaConfig(**SMALL)
    config._attn_implementation = PACKED_ATTENTION
    register_packed_attention()
    with pytest.raises(MftError, match=f"{kind.__name__}.*{problem}"):
        TokenLossModel(kind(config))


def test_a_head_multiplier_of_any_model_is_found() -> None:
    config = FalconH1Config(**SMALL, lm_head_multiplier=0.125, mamba_d_ssm=32, mamba_n_heads=2, mamba_d_head=16)
    assert logit_form(AutoModelForCausalLM.from_config(config).eval()) == LogitForm(0.125)


def test_looking_at_a_model_changes_nothing() -> None:
    model = make_model(PLAIN).train()
    before, state = torch.get_rng_state(), {key: value.clone() for key, value in model.state_dict().items()}
    TokenLossModel(model)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert not model.lm_head._forward_hooks
    assert not model.model._forward_hooks
    assert all(module.training for module in model.modules())


# --- heads that must be called, and heads that are more than a weight


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


# --- ways to run it


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
