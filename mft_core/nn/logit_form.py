"""What a model makes of its head's output: a scale, a softcap, found by trying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from mft_core.errors import MftError
from mft_core.nn.modes import evaluation_mode
from mft_core.nn.packed_attention import BatchInputs, packed_batch_inputs
from mft_core.records import Batch


@dataclass(frozen=True, slots=True)
class LogitForm:
    """What a model makes of its head's output u: z = softcap * tanh(scale * u / softcap), or z = scale * u without one.

    Cohere, Granite and Falcon-H1 scale; Gemma caps.
    """

    scale: float = 1.0
    softcap: float | None = None

    def apply(self, scores: torch.Tensor) -> torch.Tensor:
        """z, differentiable."""
        if self.softcap is None:
            return scores if self.scale == 1.0 else scores * self.scale
        return torch.tanh(scores * (self.scale / self.softcap)) * self.softcap

    def apply_(self, scores: torch.Tensor) -> torch.Tensor | float:
        """z in the place of `scores`; returns dz / du."""
        if self.softcap is None:
            if self.scale != 1.0:
                scores.mul_(self.scale)
            return self.scale
        scores.mul_(self.scale / self.softcap).tanh_()
        slope = scores.square().mul_(-self.scale).add_(self.scale)
        scores.mul_(self.softcap)
        return slope


FEW = 4
PROBED = (1e-3, 1.0, -7.0, 50.0, 1e30)
"""What a head's output is replaced with to see what the model makes of it; the last one is beyond every softcap."""


@torch.no_grad()
def logit_form(model: PreTrainedModel, inputs: BatchInputs = packed_batch_inputs) -> LogitForm:
    """What `model` makes of its head's output, found by putting known numbers there.

    Raises:
        MftError: its logits do not come from its head, the head does not see the last hidden states as they are, or
            its output is changed by something else than a scale and a softcap.
    """
    head = model.get_output_embeddings()
    seen: dict[str, torch.Tensor | None] = {}

    def keep(module: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        seen["given"] = arguments[0]

    def replace(module: nn.Module, arguments: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        numbers = torch.zeros_like(output, dtype=torch.float64)
        numbers[..., : len(PROBED)] = torch.tensor(PROBED, dtype=torch.float64)
        return numbers

    def remember(module: nn.Module, arguments: Any, output: Any) -> None:
        seen["hidden"] = getattr(output, "last_hidden_state", None)

    hooks = [model.base_model.register_forward_hook(remember)]
    if head is not None:
        hooks += [head.register_forward_pre_hook(keep, prepend=True), head.register_forward_hook(replace)]
    given_inputs = inputs(_few_tokens(model.device))
    try:
        with evaluation_mode(model):  # no dropout: two forwards are the same
            logits = model(**given_inputs).logits
            if "hidden" not in seen:  # it calls parts of its base model, not that itself
                model.base_model(**given_inputs)
    finally:
        for hook in hooks:
            hook.remove()
    hidden, given = seen["hidden"], seen.get("given")
    if given is None:
        raise _unknown_head(model, "come from somewhere else than its output embeddings")
    if (
        hidden is None
        or hidden.shape != given.shape
        or not torch.allclose(hidden.float(), given.float(), rtol=1e-2, atol=1e-6)
    ):
        raise _unknown_head(model, "are not made of its last hidden states as they are")
    numbers = torch.tensor(PROBED, dtype=torch.float64)
    made = logits[0, 0, : len(PROBED)].double().cpu()
    form = _fitted(made)
    if not torch.allclose(made, form.apply(numbers), rtol=1e-5):
        raise _unknown_head(model, "are changed by more than a scale and a softcap")
    return form


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one.float(), other.float(), rtol=1e-2, atol=1e-6)


def _fitted(made: torch.Tensor) -> LogitForm:
    """The form that takes `PROBED` to `made`, if there is one."""
    small, one, *_, beyond = made.tolist()
    if abs(beyond) >= 1e-3 * PROBED[-1] * abs(one):
        return LogitForm(scale=one)
    scale = beyond * float(torch.atanh(torch.tensor(small / beyond, dtype=torch.float64))) / PROBED[0]
    return LogitForm(1.0 if abs(scale - 1) < 1e-6 else scale, beyond)


def _few_tokens(device: torch.device) -> Batch:
    """One sample; several different tokens, for one may be padding, whose hidden states say nothing."""
    ids = torch.arange(FEW, device=device)[None]
    one = torch.ones(1, dtype=torch.int64, device=device)
    return Batch(ids, ids, ids, torch.zeros_like(ids), one - 1, one, one - 1, ((0, 0, FEW),))


def _unknown_head(model: PreTrainedModel, problem: str) -> MftError:
    return MftError(
        f"{type(model).__name__}: its logits {problem}, which mft does not know.",
        "This architecture cannot be trained here yet; choose another model.",
    )
