"""One LoRA linear layer, forward and backward: ours against PEFT's, and against the frozen layer alone.

    python benchmarks/lora_linear.py                            # bfloat16, three sizes
    python benchmarks/lora_linear.py --dtype float32 --dropout 0.05
    python benchmarks/lora_linear.py --device cuda --sizes 3584x3584,3584x18944 --tokens 8192

Each contender runs in a process of its own, one after the other, `--rounds` times. Ours and PEFT's must give the same
output: that is asserted. "frozen" is the layer without LoRA, with the gradient of its input: what cannot be saved.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import asdict
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from resident import gpu_peak_mb, peak_mb
from side_by_side import Measurement, interleave, print_table
from torch import nn

from mft_core.nn.lora_linear import use_own_lora_linear

FROZEN, PEFT, OURS = "frozen", "PEFT", "ours"
SIZES = ("512x512", "512x1408", "2048x2048")
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}


class Layer(nn.Module):
    """One linear layer under a name that PEFT can find."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inner, outer, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[tokens, inner] to [tokens, outer]."""
        return self.linear(x)


def main() -> None:
    """Print a table per size as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(SIZES), help="INNERxOUTER, with commas")
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--dtype", default="bfloat16", choices=list(TOLERANCE))
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="there peak MB is the GPU's")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, size = arguments.one
        print(json.dumps(asdict(measure(name, size, arguments))))
        return
    for size in arguments.sizes.split(","):
        print(f"\n{size}, {arguments.tokens} tokens, rank {arguments.rank}, dropout {arguments.dropout}, "
              f"{arguments.dtype} on {arguments.device}; tokens per second")  # fmt: skip
        results = interleave((FROZEN, PEFT, OURS), lambda name, size=size: _apart(name, size), arguments.rounds)
        ours, theirs = results[OURS][0].loss, results[PEFT][0].loss
        assert abs(ours / theirs - 1) < TOLERANCE[arguments.dtype], (ours, theirs)
        print_table(results, FROZEN)


def _apart(name: str, size: str) -> Measurement:
    command = [sys.executable, *sys.argv, "--one", name, size]
    return Measurement(**json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def make(name: str, inner: int, outer: int, arguments: argparse.Namespace) -> Any:
    """The layer, with LoRA but for "frozen"."""
    torch.manual_seed(0)
    layer = Layer(inner, outer).to(getattr(torch, arguments.dtype)).requires_grad_(False)
    if name == FROZEN:
        return layer.to(arguments.device)
    config = LoraConfig(r=arguments.rank, lora_dropout=arguments.dropout, target_modules=["linear"])
    model = get_peft_model(layer, config)
    nn.init.normal_(layer.linear.lora_B["default"].weight, std=0.02)
    if name == OURS:
        use_own_lora_linear(model)
    return model.to(arguments.device).train()


def measure(name: str, size: str, arguments: argparse.Namespace) -> Measurement:
    """Forward and backward, many times; the rate is of the median. The "loss" is the norm of the output."""
    inner, outer = map(int, size.split("x"))
    model = make(name, inner, outer, arguments)
    form = {"dtype": getattr(torch, arguments.dtype), "device": arguments.device}
    x = torch.randn(arguments.tokens, inner, generator=torch.Generator().manual_seed(1)).to(**form).requires_grad_()
    gradient = torch.randn(arguments.tokens, outer, generator=torch.Generator().manual_seed(2)).to(**form)
    norms: list[float] = []

    def once() -> None:
        torch.manual_seed(3)
        result = model(x)
        result.backward(gradient)
        x.grad = None
        norms[:] = [float(result[0].detach().float().norm())]  # waits for a GPU as well

    seconds = []
    for _ in range(arguments.repetitions + 3):
        started = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - started)
    peak = gpu_peak_mb(once) if arguments.device == "cuda" else peak_mb(once)
    return Measurement(arguments.tokens / statistics.median(seconds[3:]), norms[0], peak)


if __name__ == "__main__":
    main()
