"""Objectives, a head with its hidden states, models with heads of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy, linear
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Gemma2Config,
    GraniteConfig,
    LlamaConfig,
    PhiConfig,
    PreTrainedConfig,
)

from mft_core.nn.head_losses import Head, head_losses
from mft_core.nn.logit_form import LogitForm
from mft_core.nn.packed_attention import PACKED_ATTENTION, register_packed_attention
from mft_core.testing.random_models import VOCABULARY

TOKENS, WIDTH, WORDS = 600, 24, 61
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


def token_weights(count: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.rand(count, generator=torch.Generator().manual_seed(5), dtype=torch.float64).to(dtype) / max(count, 1)


def linear_objective(losses: torch.Tensor) -> torch.Tensor:
    return (losses * token_weights(len(losses), losses.dtype)).sum()


def focal_objective(losses: torch.Tensor) -> torch.Tensor:
    return (linear_objective(losses) + 1) ** 2 + ((1 - torch.exp(-losses)) ** 2 * losses).sum() / max(len(losses), 1)


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


def make_model(config: PreTrainedConfig, dtype: torch.dtype = torch.float64) -> Any:
    register_packed_attention()
    torch.manual_seed(0)
    config.initializer_range = 0.2
    model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=PACKED_ATTENTION).eval()
    bias = model.get_output_embeddings().bias
    if bias is not None:
        nn.init.normal_(bias)
    return model
