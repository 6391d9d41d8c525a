"""Adapters added into a model's weights, and the proof that each layer computes what it did, but for rounding."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel

ROUNDINGS = 8
"""Times the unit of rounding, relative to what random signs make of a row's products, that a layer may be off."""
FINEST = 1e-5
"""What sums in float32, in which adapters are held, may be off in any dtype."""
UNMERGEABLE = "Nothing was exported. Use --format adapter, which leaves the adapter beside the base."


@dataclass(frozen=True, slots=True)
class Call:
    """What a layer was given, and what it made of it."""

    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    output: torch.Tensor


def merge(model: nn.Module) -> PreTrainedModel:
    """A model without adapters that computes what `model` does; the adapters are added into its weights, in place.

    A head and embeddings that share one matrix, of which the adapter changes one or both, get a matrix each; they share
    it again if both came out equal.

    Args:
        model: with dense weights; quantised ones would be rounded to four bits again.

    Raises:
        MftError: the adapter is of a kind that is no change of weights, or it makes some of them infinite.
    """
    from peft import PeftModel

    if not isinstance(model, PeftModel):
        return model
    kind = model.peft_config[model.active_adapter].peft_type
    if not hasattr(model.base_model, "merge_and_unload"):
        raise MftError(f"An adapter of the kind {kind} cannot be merged into weights.", UNMERGEABLE)
    tied = _separate_tied(model.get_base_model())
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Input and output embeddings are no longer tied")  # we see to that
            merged = model.merge_and_unload(safe_merge=True)
    except (ValueError, RuntimeError) as error:
        raise MftError(f"PEFT cannot merge this adapter: {error}", UNMERGEABLE) from error
    if tied:
        _tie_if_equal(merged)
    return merged


@contextmanager
def recorded_calls(model: nn.Module) -> Iterator[dict[str, Call]]:
    """The first call in this block of each layer that an adapter changes, of the embeddings and of the head, by name.

    Args:
        model: PEFT's wrapper; of any other model nothing is recorded.
    """
    from peft import PeftModel

    calls: dict[str, Call] = {}
    handles = []

    def record(name: str) -> Any:
        def hook(_: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> None:
            calls.setdefault(name, Call(arguments, keywords, _first_tensor(output)))

        return hook

    if isinstance(model, PeftModel):
        for name, module in _changed_layers(model.get_base_model()).items():
            handles.append(module.register_forward_hook(record(name), with_kwargs=True))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def check_merged(merged: PreTrainedModel, calls: Mapping[str, Call]) -> None:
    """Have each layer answer the calls it got before merging.

    Args:
        merged: what `merge` made of the model whose `calls` were recorded; of any dtype.

    Raises:
        MftError: one computes something else than rounding to the dtypes explains; the message names the worst.
    """
    import torch

    excesses = {}
    for name, call in calls.items():
        with torch.inference_mode():
            excesses[name] = _excess(merged.get_submodule(name), call)
    worst = max(excesses, key=lambda name: excesses[name], default="")
    if worst and excesses[worst] > 1:
        how_far = f"numbers {excesses[worst]:.2g} times as far from those beside the adapter as rounding explains"
        raise MftError(
            "Merging would change what the model computes: "
            f"{worst} gives {how_far if isfinite(excesses[worst]) else 'numbers that are not finite'}.",
            UNMERGEABLE,
        )


def _excess(layer: nn.Module, call: Call) -> float:
    """How far the layer's answer is from the recorded one, in the most that rounding explains; inf if not finite."""
    import torch

    dtype = next(layer.parameters()).dtype
    inputs = _in_dtype(call.arguments, dtype)
    found = _first_tensor(layer(*inputs, **_in_dtype(dict(call.keywords), dtype))).double()
    expected = call.output.double()
    unit = max(torch.finfo(each).eps / 2 for each in (dtype, call.output.dtype))
    scale = _typical(layer, inputs, expected) + expected.abs()
    allowed = max(ROUNDINGS * unit, FINEST) * scale.clamp(min=torch.finfo(torch.float32).tiny)
    return float(((found - expected).abs() / allowed).nan_to_num(nan=inf).max())


def _typical(layer: nn.Module, inputs: tuple[Any, ...], expected: torch.Tensor) -> torch.Tensor:
    """What the sums of a linear layer would be if the signs of its products were random; else the largest output."""
    from torch import nn

    if not isinstance(layer, nn.Linear):
        return expected.abs().max()
    return (inputs[0].double().square() @ layer.weight.double().square().t()).sqrt()


def _changed_layers(model: nn.Module) -> dict[str, nn.Module]:
    """The outermost modules that PEFT has put in place of others, the embeddings and the head, by name."""
    ends = (model.get_input_embeddings(), model.get_output_embeddings())  # type: ignore[operator]
    found: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in found)
        if not inside and (_is_wrapper(module) or any(module is end for end in ends)):
            found[name] = module
    return found


def _is_wrapper(module: nn.Module) -> bool:
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    return isinstance(module, BaseTunerLayer | AuxiliaryTrainingWrapper)


def _separate_tied(model: PreTrainedModel) -> bool:
    """Give the head a matrix of its own where it shares that of the embeddings and an adapter changes either."""
    from torch import nn

    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    if None in ends or not any(map(_is_wrapper, ends)):
        return False
    embeddings, head = map(_unwrapped, ends)
    if head.weight is not embeddings.weight:
        return False
    head.weight = nn.Parameter(head.weight.detach().clone(), requires_grad=False)  # type: ignore[operator]
    return True


def _unwrapped(module: Any) -> nn.Module:
    """The base's module inside PEFT's wrappers."""
    from peft.utils.other import AuxiliaryTrainingWrapper

    while _is_wrapper(module):
        module = module.original_module if isinstance(module, AuxiliaryTrainingWrapper) else module.base_layer
    return module


def _tie_if_equal(model: PreTrainedModel) -> None:
    """One matrix for head and embeddings again, or a configuration that says there are two."""
    import torch

    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    equal = torch.equal(embeddings.weight, head.weight)
    if equal:
        head.weight = embeddings.weight
    model.config.tie_word_embeddings = equal


def _first_tensor(output: Any) -> torch.Tensor:
    return output[0] if isinstance(output, tuple) else output


def _in_dtype(value: Any, dtype: torch.dtype) -> Any:
    """Numbers with a fraction, however nested in tuples and dictionaries, in `dtype`; everything else as it is."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, tuple):
        return tuple(_in_dtype(each, dtype) for each in value)
    if isinstance(value, dict):
        return {key: _in_dtype(each, dtype) for key, each in value.items()}
    return value
