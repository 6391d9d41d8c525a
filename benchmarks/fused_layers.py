"""An RMS norm and a rotation of queries and keys, forward and backward: ours against transformers' own.

    python benchmarks/fused_layers.py
    python benchmarks/fused_layers.py --hidden 4096 --head 128 --dtype bfloat16 --device cuda

Both in one process, turn by turn, over several layers' worth of states, so that none of them finds its input in the
cache. Results must agree: that is asserted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from side_by_side import Measurement, interleave, print_table
from transformers.models.llama.modeling_llama import LlamaRMSNorm, apply_rotary_pos_emb

from mft_core.nn.fused_layers import rms_norm, rotate
from mft_core.support.threads import set_threads

LAYERS = 6
EPSILON = 1e-5
TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2}
THEIRS, OURS = "transformers", "ours"
Function = Callable[[torch.Tensor], torch.Tensor]


def main() -> None:
    """Print a table for each of the two as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--hidden", type=int, default=576)
    parser.add_argument("--head", type=int, default=64)
    parser.add_argument("--dtype", default="float32", choices=list(TOLERANCE))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    set_threads()
    torch.manual_seed(0)
    tolerance = TOLERANCE[arguments.dtype]
    for title, functions, shape in (norms(arguments), rotations(arguments)):
        layers = [torch.randn(shape).to(arguments.device, getattr(torch, arguments.dtype)) for _ in range(LAYERS)]
        expected, found = (function(layers[0]) for function in functions.values())
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
        print(f"\n{title} of {list(shape)}, {arguments.dtype}; tokens per second")
        results = interleave(list(functions), measuring(functions, layers, arguments.tokens), arguments.rounds)
        assert abs(results[OURS][0].loss / results[THEIRS][0].loss - 1) < tolerance
        print_table(results, THEIRS)


def norms(arguments: argparse.Namespace) -> tuple[str, dict[str, Function], tuple[int, ...]]:
    """transformers' module and our function, with a frozen weight."""
    theirs = LlamaRMSNorm(arguments.hidden, EPSILON).to(arguments.device, getattr(torch, arguments.dtype))
    theirs.requires_grad_(False)
    functions: dict[str, Function] = {THEIRS: theirs, OURS: lambda x: rms_norm(x, theirs.weight, EPSILON)}
    return "RMS norm", functions, (1, arguments.tokens, arguments.hidden)


def rotations(arguments: argparse.Namespace) -> tuple[str, dict[str, Function], tuple[int, ...]]:
    """Both of one tensor, as of queries; it lies as a projection leaves it."""
    angles = torch.randn(1, arguments.tokens, arguments.head // 2).repeat(1, 1, 2)
    cos, sin = (of(angles).to(arguments.device, getattr(torch, arguments.dtype)) for of in (torch.cos, torch.sin))

    def theirs(states: torch.Tensor) -> torch.Tensor:
        query = states.transpose(1, 2)
        return apply_rotary_pos_emb(query, query[:, :0], cos, sin)[0].transpose(1, 2)

    def ours(states: torch.Tensor) -> torch.Tensor:
        return rotate(states.transpose(1, 2), cos[:, None], sin[:, None]).transpose(1, 2)

    heads = arguments.hidden // arguments.head
    return "Rotation", {THEIRS: theirs, OURS: ours}, (1, arguments.tokens, heads, arguments.head)


def measuring(functions: dict[str, Function], layers: list[torch.Tensor], tokens: int) -> Callable[[str], Measurement]:
    """Forward through all layers, then backward; the "loss" is the size of a gradient."""

    def measure(name: str) -> Measurement:
        inputs, gradients = [layer.detach().requires_grad_() for layer in layers], [layer.flip(-1) for layer in layers]
        _wait(inputs[0])
        started = time.perf_counter()
        results = [functions[name](states) for states in inputs]
        for result, gradient in zip(results, gradients, strict=True):
            result.backward(gradient)
        _wait(inputs[0])
        rate = tokens * len(layers) / (time.perf_counter() - started)
        of_states = inputs[0].grad
        assert of_states is not None
        return Measurement(rate, float(of_states.float().norm()), 0)

    for name in functions:
        measure(name)  # the first time is no measure
    return measure


def _wait(states: torch.Tensor) -> None:
    if states.is_cuda:
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
