"""Linear modules that can be computed from their tensors."""

from __future__ import annotations

from typing import TypeGuard

import torch
from torch import nn


def is_plain_linear(module: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether calling it does x W^T + b and nothing else: no forward of its own, no hooks.

    A parametrised one (`torch.nn.utils.parametrize`) is plain: reading its weight computes it.
    """
    if not isinstance(module, nn.Linear) or type(module).forward is not nn.Linear.forward:
        return False
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return not any(hooks) and "forward" not in module.__dict__


def is_whole(tensor: torch.Tensor) -> bool:
    """Whether it is an ordinary tensor: neither sharded nor quantised."""
    return type(tensor) in (nn.Parameter, torch.Tensor)
