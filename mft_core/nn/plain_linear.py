"""Linear modules: which there are, and which of them can be computed from their tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

if TYPE_CHECKING:
    from transformers import PreTrainedModel


MODELS = "transformers.models."
"""Where the classes of single architectures are."""


def is_plain_linear(module: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether calling it does x W^T + b and nothing else: no forward of its own, no hooks.

    A parametrised one (`torch.nn.utils.parametrize`) is plain: reading its weight computes it.
    """
    if not isinstance(module, nn.Linear) or type(module).forward is not nn.Linear.forward:
        return False
    return not _is_changed(module)


def plain_matrix(module: nn.Module) -> torch.Tensor | None:
    """W as [out, in] of a module that computes x W^T + b and nothing else; None: it is no such module.

    transformers' Conv1D (GPT-2's), which holds the transposed matrix, is one; W is then a view of what it holds.
    """
    if is_plain_linear(module):
        return module.weight
    if type(module) is Conv1D and not _is_changed(module):
        return module.get_parameter("weight").t()
    return None


def _is_changed(module: nn.Module) -> bool:
    """Whether hooks or a forward of the instance's own come between a call and its class."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return any(hooks) or "forward" in module.__dict__


def linear_modules(model: PreTrainedModel) -> dict[str, nn.Linear | Conv1D]:
    """Every module that computes x W^T + b, by name, but the head: torch's Linear and transformers' Conv1D.

    Quantised ones are among them. A model's own subclass that computes more, such as a router, is not.
    """
    head = model.get_output_embeddings()
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and module is not head and not _computes_more(module)
    }


def _computes_more(module: nn.Linear | Conv1D) -> bool:
    """Whether a model's own subclass with another forward gives something else; without memory, of another shape."""
    kind = type(module)
    if kind.forward in (nn.Linear.forward, Conv1D.forward) or not kind.__module__.startswith(MODELS):
        return False
    weight = module.get_parameter("weight")
    states = torch.ones(1, input_width(module), dtype=weight.dtype, device=weight.device)
    try:
        with torch.no_grad():
            found, expected = module(states), nn.functional.linear(states, weight, module.bias)
    except (RuntimeError, TypeError, ValueError):
        return True
    if not isinstance(found, torch.Tensor) or found.shape != expected.shape:
        return True
    return not weight.is_meta and not torch.allclose(found, expected, rtol=1e-2, atol=1e-5)


def input_width(module: nn.Linear | Conv1D) -> int:
    """Numbers that it takes for each that it gives."""
    return module.in_features if isinstance(module, nn.Linear) else len(module.weight)


def is_whole(tensor: torch.Tensor) -> bool:
    """Whether it is an ordinary tensor: neither sharded nor quantised."""
    return type(tensor) in (nn.Parameter, torch.Tensor)
