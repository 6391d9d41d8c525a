"""Per-token losses and gradients at a large vocabulary: our head against plain logits and torch's linear_cross_entropy.

    python benchmarks/head.py                                   # frozen head, float32, 2,048 supervised tokens
    python benchmarks/head.py --trainable --dtype bfloat16 --vocabulary 151936
    python benchmarks/head.py --device cuda --dtype bfloat16 --tokens 16384 --hidden 3584 --vocabulary 151936

All get the same hidden states, head and labels and give every token's loss and the gradients of their mean, but for
"torch sum" and "Liger sum", which give no token losses. Each contender runs in a process of its own, one after the
other, `--rounds` times; the first of a process's repetitions is not counted. The losses and gradients must agree: that
is asserted. On a GPU peak MB is the GPU's, and Liger and Cut Cross-Entropy take part if they are installed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec

import torch
from resident import gpu_peak_mb, peak_mb
from side_by_side import Measurement, interleave, print_table
from torch.nn.functional import cross_entropy, linear

from mft_core.nn.head_losses import Head, head_losses
from mft_core.nn.logit_form import LogitForm

PLAIN = "plain logits"
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}
Losses = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def plain(hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """All logits at once, as Hugging Face's models do."""
    return cross_entropy(linear(hidden, weight).float(), labels, reduction="none")


def ours(hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """As the trainer calls it for a loss that is linear in the token losses."""
    weights = torch.full((len(hidden),), 1 / len(hidden), device=hidden.device) if weight.requires_grad else None
    return head_losses(hidden, Head(weight, None, LogitForm(), weight.dtype), labels, weights)


def ours_unannounced(hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """As the trainer calls it for a loss that is not (differs for a trainable head only)."""
    return head_losses(hidden, Head(weight, None, LogitForm(), weight.dtype), labels)


def torch_chunked(reduction: str, rows: int | None = None) -> Losses:
    """`linear_cross_entropy`, `rows` at a time; None: with its own choice of chunks."""
    from torch.nn import LinearCrossEntropyOptions
    from torch.nn.functional import linear_cross_entropy

    options = LinearCrossEntropyOptions(batch_chunk_size=rows)
    return lambda hidden, weight, labels: linear_cross_entropy(
        hidden, weight, labels, reduction=reduction, options=options
    ).float()


def ours_without_triton() -> Losses:
    """As on a machine where Triton is not installed; one that must be used with its effect on the process."""
    sys.modules["triton"] = None  # type: ignore[assignment]
    return ours


def liger() -> Losses:
    """Its fused head and cross-entropy, https://github.com/linkedin/Liger-Kernel."""
    from liger_kernel.transformers.functional import liger_fused_linear_cross_entropy

    return lambda hidden, weight, labels: liger_fused_linear_cross_entropy(hidden, weight, labels, reduction="sum")


def cut() -> Losses:
    """Cut Cross-Entropy (arXiv:2411.09009), without its filter of small gradients."""
    from cut_cross_entropy import linear_cross_entropy

    return lambda hidden, weight, labels: linear_cross_entropy(
        hidden, weight, labels, reduction="none", filter_eps=None
    ).float()


def contenders(trainable: bool, device: str) -> dict[str, Callable[[], Losses]]:
    """By name; those of others only where they are."""
    found: dict[str, Callable[[], Losses]] = {PLAIN: lambda: plain, "ours": lambda: ours}
    if trainable:
        found["ours, weights not known before"] = lambda: ours_unannounced
    if hasattr(torch.nn.functional, "linear_cross_entropy"):
        found["torch none"] = lambda: torch_chunked("none")
        found["torch none, 256 rows"] = lambda: torch_chunked("none", 256)
        found["torch sum"] = lambda: torch_chunked("sum")
    if device == "cuda":
        found["ours, without Triton"] = ours_without_triton
        others = {"Liger sum": ("liger_kernel", liger), "CCE none": ("cut_cross_entropy", cut)}
        found |= {name: make for name, (package, make) in others.items() if find_spec(package)}
    return found


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--vocabulary", type=int, default=49152)
    parser.add_argument("--dtype", default="float32", choices=list(TOLERANCE))
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--trainable", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=4)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments)))
        return
    gradients: dict[str, float] = {}

    def of(name: str) -> Measurement:
        command = [sys.executable, *sys.argv, "--one", name]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        gradients[name] = found.pop("gradient")
        return Measurement(**found)

    print(f"{arguments.tokens} tokens, hidden {arguments.hidden}, vocabulary {arguments.vocabulary}, "
          f"{arguments.dtype}, {'trainable' if arguments.trainable else 'frozen'} head, {arguments.device}; "
          "tokens per second")  # fmt: skip
    results = interleave(list(contenders(arguments.trainable, arguments.device)), of, arguments.rounds)
    for name, found in results.items():
        pairs = ((found[0].loss, results[PLAIN][0].loss), (gradients[name], gradients[PLAIN]))
        assert all(abs(one / other - 1) < TOLERANCE[arguments.dtype] for one, other in pairs), (name, pairs)
    print_table(results, PLAIN)


def measure(name: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Forward and backward, a few times; the rate is of the median."""
    generator = torch.Generator().manual_seed(0)
    dtype = getattr(torch, arguments.dtype)
    device = arguments.device
    hidden = torch.randn(arguments.tokens, arguments.hidden, generator=generator).to(device, dtype).requires_grad_()
    weight = torch.randn(arguments.vocabulary, arguments.hidden, generator=generator).mul_(0.05).to(device, dtype)
    weight.requires_grad_(arguments.trainable)
    labels = torch.randint(arguments.vocabulary, (arguments.tokens,), generator=generator).to(device)
    losses_of = contenders(arguments.trainable, device)[name]()
    means: list[float] = []

    def once() -> None:
        hidden.grad = weight.grad = None
        mean = losses_of(hidden, weight, labels).sum() / arguments.tokens
        mean.backward()
        means.append(mean.item())  # waits for the GPU as well

    once()
    seconds = []
    for _ in range(arguments.repetitions):
        started = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - started)
    hidden.grad = weight.grad = None
    peak = gpu_peak_mb(once) if device == "cuda" else peak_mb(once)
    assert hidden.grad is not None
    gradient = float(hidden.grad.float().norm()) + (float(weight.grad.float().norm()) if weight.grad is not None else 0)
    found = Measurement(arguments.tokens / statistics.median(seconds), means[-1], peak)
    return {**asdict(found), "gradient": gradient}


if __name__ == "__main__":
    main()
