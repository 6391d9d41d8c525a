"""RMS norms and rotary positions in fewer passes over memory than transformers' own chains of small operations.

Each is one autograd function that keeps its input and little else, and works in its own buffers. Nothing here knows a
family by name: a model's norms and its rotation are compared with ours on random numbers, and those that compute the
same are exchanged; all others (Gemma's norm, interleaved rotations, layer norms) stay as they are. Evaluation mode
leaves everything to transformers: a trained model and the one loaded again give the same logits to the last bit.
"""

from __future__ import annotations

import copy
import functools
from collections import Counter
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from mft_core.nn.plain_linear import is_whole

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
"""Not float64: transformers' norms round it to float32 on the way, and a model must not depend on who computes it."""

ROTATION = "apply_rotary_pos_emb"
"""What transformers calls the function with which an attention layer turns its queries and keys."""

TOLERANCE = 1e-5
FAILURES = (TypeError, ValueError, RuntimeError, LookupError, AttributeError)

Rotation = Callable[..., tuple[torch.Tensor, torch.Tensor]]


def use_fused_layers(model: nn.Module) -> Counter[str]:
    """Let the norms and attention layers that compute the plain form do it as described above, in training mode.

    Args:
        model: changed in place: classes of modules, no names and no parameters.

    Returns:
        how many modules of which class were exchanged.
    """
    fused: dict[type[nn.Module], type[nn.Module] | None] = {}
    exchanged: Counter[str] = Counter()
    for module in model.modules():
        kind = type(module)
        if kind not in fused:
            fused[kind] = _fused_class(kind, module)
        chosen = fused[kind]
        if chosen is not None:
            module.__class__ = chosen
            exchanged[kind.__name__] += 1
    return exchanged


def rms_norm(x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
    """weight * x / sqrt(mean(x^2) + epsilon) over the last dimension (arXiv 1910.07467, equation 4).

    Args:
        x: [..., width] in float32, bfloat16 or float16; the mean and the quotient are computed in float32.
        weight: [width], of the same dtype.
    """
    if x.is_cuda:
        return functional.rms_norm(x, weight.shape, weight, epsilon)  # a kernel there, a chain of operations elsewhere
    return _RmsNorm.apply(x, weight, epsilon)


def rotate(states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """states * cos + (-second half, first half) * sin (rotary positions, arXiv 2104.09864, equation 34).

    Args:
        states: [..., D], D even.
        cos: what broadcasts to `states`, of the same dtype and without gradient; so is `sin`.
    """
    return _Rotation.apply(states, cos, sin)


def _fused_class(kind: type[nn.Module], module: nn.Module) -> type[nn.Module] | None:
    """A subclass that computes what `kind` does, of which `module` is one; None: ours would not be the same."""
    if _is_plain_norm(module):
        in_training = _norm_forward(kind.forward)
    else:
        rotation = getattr(kind.forward, "__globals__", {}).get(ROTATION)
        if not rotation or ROTATION not in kind.forward.__code__.co_names or not _is_plain_rotation(rotation):
            return None
        in_training = _with_global(kind.forward, ROTATION, _rotation(rotation))

    @functools.wraps(kind.forward)
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return (in_training if self.training else kind.forward)(self, *args, **kwargs)

    return type(kind.__name__, (kind,), {"forward": forward, "__module__": kind.__module__})


def _epsilon(norm: nn.Module) -> float | None:
    epsilon = getattr(norm, "variance_epsilon", getattr(norm, "eps", None))
    return epsilon if isinstance(epsilon, float) else None


def _is_plain_norm(module: nn.Module) -> bool:
    """Whether it is an RMS norm with a weight, and ours gives the same for random weights and states."""
    if "RMSNorm" not in type(module).__name__ or [name for name, _ in module.named_parameters()] != ["weight"]:
        return False
    weight, epsilon = module.get_parameter("weight"), _epsilon(module)
    if epsilon is None or weight.dim() != 1:
        return False
    generator = torch.Generator().manual_seed(0)
    x, other = torch.randn(2, 3, 5, len(weight), generator=generator).to(weight.device)
    trial = copy.copy(module)
    trial._parameters = {"weight": nn.Parameter(other[0, 0])}  # the copy's own: the model keeps its weight
    try:
        return _same(trial(x), rms_norm(x, other[0, 0], epsilon))
    except FAILURES:
        return False


def _norm_forward(original: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def forward(self: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        epsilon, weight = _epsilon(self), self._parameters.get("weight")  # another one of its class may have none
        fits = weight is not None and x.dtype == weight.dtype and x.dtype in DTYPES and is_whole(weight)
        if args or kwargs or epsilon is None or not fits or torch.is_autocast_enabled(x.device.type):
            return original(self, x, *args, **kwargs)
        return rms_norm(x, weight, epsilon)

    return forward


def _is_plain_rotation(rotation: Rotation) -> bool:
    """Whether ours gives the same for random queries, keys and angles."""
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 3, 5, 8, generator=generator), torch.randn(2, 1, 5, 8, generator=generator)
    cos, sin = torch.randn(2, 5, 8, generator=generator), torch.randn(2, 5, 8, generator=generator)
    try:
        expected, found = rotation(query, key, cos, sin), _rotation(rotation)(query, key, cos, sin)
        return all(_same(one, other) for one, other in zip(expected, found, strict=True))
    except FAILURES:
        return False


def _rotation(original: Rotation) -> Rotation:
    """Ours behind the signature of transformers' function, which it leaves everything but the plain case to."""

    @functools.wraps(original)
    def rotation(
        query: torch.Tensor, key: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        axis = kwargs.get("unsqueeze_dim", 1)
        states, angles = (query, key), (cos, sin)
        whole = all(of.shape[-1] == cos.shape[-1] == sin.shape[-1] and of.dtype == cos.dtype for of in states)
        constant = not any(of.requires_grad or of.dtype not in DTYPES for of in angles)
        if args or kwargs.keys() - {"unsqueeze_dim"} or not whole or not constant:
            return original(query, key, cos, sin, *args, **kwargs)
        cos, sin = cos.unsqueeze(axis), sin.unsqueeze(axis)
        return rotate(query, cos, sin), rotate(key, cos, sin)

    return rotation


def _with_global(function: Any, name: str, value: Any) -> Callable[..., Any]:
    """The same function, for which alone the global variable `name` is `value`: the library's module stays as it is."""
    variables = {**function.__globals__, name: value}
    copied = FunctionType(function.__code__, variables, function.__name__, function.__defaults__, function.__closure__)
    copied.__kwdefaults__ = function.__kwdefaults__
    return functools.update_wrapper(copied, function)


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE)


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
        wide = x.float()
        scale = torch.linalg.vecdot(wide, wide).div_(x.shape[-1]).add_(epsilon).rsqrt_().unsqueeze_(-1)
        ctx.save_for_backward(x, weight, scale)
        return (wide * scale).to(x.dtype).mul_(weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, scale = ctx.saved_tensors
        wide, of_x, of_weight = x.float(), None, None
        if ctx.needs_input_grad[1]:
            of_weight = (gradient * (wide * scale).to(x.dtype)).flatten(0, -2).sum(0)
        if ctx.needs_input_grad[0]:
            of_x = (gradient * weight).float()
            along = torch.linalg.vecdot(of_x, wide).unsqueeze_(-1).mul_(scale).mul_(scale).div_(-x.shape[-1])
            of_x = of_x.addcmul_(wide, along).mul_(scale).to(x.dtype)
        return of_x, of_weight, None


class _Rotation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        first, second = sin.chunk(2, -1)
        return _turned(states, cos, -1, first, second)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        first, second = sin.chunk(2, -1)
        return _turned(gradient, cos, 1, second, first), None, None


def _turned(
    states: torch.Tensor, cos: torch.Tensor, sign: int, to_first: torch.Tensor, to_second: torch.Tensor
) -> torch.Tensor:
    """states * cos + (sign * second half * to_first, -sign * first half * to_second)."""
    turned = states * cos
    (first, second), (into_first, into_second) = states.chunk(2, -1), turned.chunk(2, -1)
    into_first.addcmul_(second, to_first, value=sign)
    into_second.addcmul_(first, to_second, value=-sign)
    return turned
