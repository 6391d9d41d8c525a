"""Per-token cross-entropy of a causal language model, for supervised tokens only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import torch
from peft import PeftModel
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from mft_core.nn.embedding_noise import EmbeddingNoise
from mft_core.nn.half_precision import wide_dtype
from mft_core.nn.head_losses import Head, head_losses
from mft_core.nn.logit_form import LogitForm, logit_form
from mft_core.nn.packed_attention import BatchInputs, packed_batch_inputs
from mft_core.nn.plain_linear import is_plain_linear, is_whole
from mft_core.nn.router_loss import ROUTER_INPUTS, RouterLoss
from mft_core.records import IGNORED_LABEL, Batch, TokenLosses

Objective = Callable[[TokenLosses], torch.Tensor]

MODULE_ROWS = 256


class TokenLossModel(nn.Module):
    """A language model whose forward turns a batch into token losses; this is what DDP and FSDP wrap.

    The head runs on the supervised positions only, a few of them at a time (`mft_core.nn.head_losses`).

    Args:
        model: a transformers causal language model, or PEFT's wrapper around one; it is run once, on a few tokens.
        inputs: a batch as keyword arguments of the model's forward (`ModelAdapter.model_inputs`).
        router_loss: of a mixture of experts (`ModelAdapter.router_loss`), computed in training only.
        noise: alpha of the noise on embeddings (`mft_core.nn.embedding_noise`), in training only; 0: none.

    Raises:
        MftError: the model makes its logits in a way that is not known here.
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: BatchInputs = packed_batch_inputs,
        router_loss: RouterLoss | None = None,
        noise: float = 0.0,
    ) -> None:
        super().__init__()
        self.model = model
        self._inputs = inputs
        self._router_loss = router_loss
        self._form = logit_form(self._language_model(), inputs)
        self._noise = EmbeddingNoise(self._language_model().get_input_embeddings(), noise) if noise else None

    def forward(self, batch: Batch, objective: Objective | None = None) -> TokenLosses:
        """Cross-entropy in float32 (float64 in a float64 model) of every supervised token, row by row.

        Args:
            objective: what the token losses are to be used for, if it is known; a trainable head is faster with it.
        """
        language_model = self._language_model()
        router_loss = self._router_loss if self.training else None
        with self._noise.on(batch) if self._noise and self.training else nullcontext():
            outputs = language_model.base_model(**self._inputs(batch), **(ROUTER_INPUTS if router_loss else {}))
        hidden = outputs.last_hidden_state
        labels = batch.labels.flatten()
        places = (labels != IGNORED_LABEL).nonzero().squeeze(1)
        hidden, labels = hidden.flatten(0, 1).index_select(0, places), labels[places]
        sample = batch.sample_index.flatten()[places]
        losses = torch.zeros(len(places), device=hidden.device, dtype=wide_dtype(hidden.dtype))
        tokens = TokenLosses(
            cross_entropy=losses,
            task=batch.sample_task[sample],
            sample=sample,
            sample_tokens=batch.sample_tokens[sample],
            router_loss=router_loss(outputs, batch.sample_index >= 0) if router_loss and batch.real_tokens else None,
            weight=None if batch.weights is None else batch.weights.flatten()[places].to(losses),
        )
        module = language_model.get_output_embeddings()
        head = plain_head(module, hidden, self._form)
        if head is None:
            tokens.cross_entropy = module_losses(module, hidden, labels, self._form)
        else:
            wanted = objective is not None and head.trainable and torch.is_grad_enabled()
            weights = constant_token_weights(objective, tokens) if objective is not None and wanted else None
            tokens.cross_entropy = head_losses(hidden, head, labels, weights)
        return tokens

    def _language_model(self) -> PreTrainedModel:
        """The transformers model inside any wrapper; PEFT puts its adapters into that model's own layers."""
        return self.model.get_base_model() if isinstance(self.model, PeftModel) else self.model


def plain_head(module: nn.Module, hidden: torch.Tensor, form: LogitForm) -> Head | None:
    """The head as tensors, if that is all there is to it; None: it must be called."""
    if not is_plain_linear(module):
        return None
    weight, bias, device = module.weight, module.bias, hidden.device.type
    if not is_whole(weight):
        return None
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
    return Head(weight, bias, form, dtype)


def module_losses(
    module: nn.Module, hidden: torch.Tensor, labels: torch.Tensor, form: LogitForm, rows: int = MODULE_ROWS
) -> torch.Tensor:
    """-log p of every label, int64 [n], through a head of any kind: quantised, with adapters, sharded by itself.

    Logits exist for `rows` of `hidden`, [n, H], at a time; the backward computes them again.
    """

    def losses(states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        scores = module(states)
        return cross_entropy(form.apply(scores.to(wide_dtype(scores.dtype))), targets, reduction="none")

    def kept_small(states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if not torch.is_grad_enabled():
            return losses(states, targets)
        return checkpoint(losses, states, targets, use_reentrant=False)

    # Without any token there is one empty chunk: sharded and replicated parameters must take part all the same.
    return torch.cat([kept_small(*part) for part in zip(hidden.split(rows), labels.split(rows), strict=True)])


def constant_token_weights(objective: Objective, tokens: TokenLosses) -> torch.Tensor | None:
    """[n], d objective / d token loss, where that does not depend on the losses; None where it does.

    Args:
        tokens: all but their losses.
    """
    low = torch.zeros_like(tokens.cross_entropy)
    found = []
    for losses in (low, torch.linspace(1, 3, len(low)).to(low)):
        losses.requires_grad_(True)
        scalar = objective(replace(tokens, cross_entropy=losses, router_loss=None))
        found.append(torch.autograd.grad(scalar, losses, allow_unused=True, materialize_grads=True)[0])
    return found[0] if torch.equal(*found) else None
