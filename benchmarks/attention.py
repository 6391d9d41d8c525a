"""Attention over packed rows, forward and backward: documents apart, against one causal attention over the whole row.

    python benchmarks/attention.py                              # a row of 1,024 and one of 4,096 tokens, float32
    python benchmarks/attention.py --device cuda --dtype bfloat16 --tokens 8192,32768

"contaminated" lets every document see those before it in its row, as plain packing does; "block mask" keeps them apart
by a dense mask, as can be done anywhere; "flash-attn" is that package's variable-length kernel, on a GPU where it is
installed. All but the first must agree: that is asserted. The contenders take turns in one process, `--rounds` times.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from side_by_side import Measurement, interleave, print_table
from torch.nn.functional import scaled_dot_product_attention

from mft_core.nn.document_attention import Scoring, attend_documents, lay_out

CONTAMINATED, MASKED, OURS, FLASH = "contaminated", "block mask", "ours", "flash-attn"
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}
Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def main() -> None:
    """Print a table per row length as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", default="1024,4096", help="lengths of the rows, with commas")
    parser.add_argument("--mean", type=int, default=200, help="mean length of a document")
    parser.add_argument("--heads", type=int, default=16)
    parser.add_argument("--key-value-heads", type=int, default=4)
    parser.add_argument("--width", type=int, default=64, help="of a head")
    parser.add_argument("--dtype", default="float32", choices=list(TOLERANCE))
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=10)
    arguments = parser.parse_args()
    for tokens in map(int, arguments.tokens.split(",")):
        documents = cut(tokens, arguments.mean)
        print(f"\n{tokens:,} tokens in {len(documents)} documents, {arguments.dtype} on {arguments.device}")
        print_table(compare(documents, arguments), CONTAMINATED)


def cut(tokens: int, mean: int) -> list[tuple[int, int, int]]:
    """A full row of documents (row, start, end) of random lengths."""
    lengths = np.random.default_rng(0).integers(mean // 4, 2 * mean, size=tokens)
    ends = np.minimum(lengths.cumsum(), tokens)
    ends = ends[: np.searchsorted(ends, tokens) + 1]
    return [(0, int(start), int(end)) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def compare(documents: list[tuple[int, int, int]], arguments: argparse.Namespace) -> dict[str, list[Measurement]]:
    """All contenders, in turn."""
    tokens, dtype = documents[-1][2], getattr(torch, arguments.dtype)
    torch.manual_seed(0)
    sizes = (arguments.heads, arguments.key_value_heads, arguments.key_value_heads)
    inputs = [
        torch.randn(1, heads, tokens, arguments.width, dtype=dtype, device=arguments.device, requires_grad=True)
        for heads in sizes
    ]
    attentions = contenders(documents, tokens, arguments.width, arguments.device)
    found = {name: attention(*inputs).float() for name, attention in attentions.items()}
    for name in attentions.keys() & {OURS, FLASH}:
        torch.testing.assert_close(found[name], found[MASKED], rtol=0, atol=TOLERANCE[arguments.dtype])
    return interleave(
        list(attentions), lambda name: measure(attentions[name], inputs, arguments.repetitions), arguments.rounds
    )


def contenders(documents: list[tuple[int, int, int]], tokens: int, width: int, device: str) -> dict[str, Attention]:
    """By name; each gives [1, tokens, heads, width]."""
    layout, scoring = lay_out(documents, 1, tokens), Scoring(scale=width**-0.5)
    lengths = torch.tensor([end - start for _, start, end in documents])
    number = torch.arange(len(documents)).repeat_interleave(lengths).to(device)
    mask = (number[:, None] == number[None]) & torch.ones(tokens, tokens, dtype=torch.bool, device=device).tril()

    def dense(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **how: object) -> torch.Tensor:
        return scaled_dot_product_attention(query, key, value, enable_gqa=True, **how).transpose(1, 2)  # type: ignore[arg-type]

    found: dict[str, Attention] = {
        CONTAMINATED: lambda *inputs: dense(*inputs, is_causal=True),
        MASKED: lambda *inputs: dense(*inputs, attn_mask=mask),
        OURS: lambda query, key, value: attend_documents(query, key, value, layout, scoring),
    }
    return found | ({FLASH: flash(lengths)} if device == "cuda" and find_spec("flash_attn") else {})


def flash(lengths: torch.Tensor) -> Attention:
    """The flash-attn package's kernel for documents of these lengths, https://github.com/Dao-AILab/flash-attention."""
    from flash_attn import flash_attn_varlen_func

    bounds, longest = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)]).int().cuda(), int(lengths.max())

    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        in_line = (states[0].transpose(0, 1) for states in (query, key, value))
        return flash_attn_varlen_func(*in_line, bounds, bounds, longest, longest, causal=True)[None]

    return attend


def measure(attention: Attention, inputs: list[torch.Tensor], repetitions: int) -> Measurement:
    """Forward and backward, `repetitions` times; the first is not counted."""
    seconds = []
    for _ in range(repetitions + 1):
        synchronize(inputs[0])
        started = time.perf_counter()
        output = attention(*inputs)
        torch.autograd.grad(output.float().square().sum(), inputs)
        synchronize(inputs[0])
        seconds.append(time.perf_counter() - started)
    mean = float(output.detach().float().square().mean())
    peak = torch.cuda.max_memory_allocated() / 2**20 if inputs[0].is_cuda else float("nan")
    return Measurement(inputs[0].shape[2] * repetitions / sum(seconds[1:]), mean, peak)


def synchronize(tensor: torch.Tensor) -> None:
    """Wait until a GPU has done what it was given."""
    if tensor.is_cuda:
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
