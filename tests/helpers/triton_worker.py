"""Computes FOLDER/cases.pt with the head's Triton kernel, in Triton's interpreter: FOLDER/results.pt.

Started with TRITON_INTERPRET=1, which counts where the kernel is defined: in a process of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from mft_core.nn import chunk_losses_triton
from mft_core.nn import head_losses as head_losses_module
from mft_core.nn.chunk_losses import chunk_losses, triton_difference, triton_works
from mft_core.nn.half_precision import HALVES
from mft_core.nn.head_losses import Head, head_losses
from mft_core.nn.logit_form import LogitForm

CPU = torch.device("cpu")


def of_kernel(case: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses, and what became of the scores."""
    scores = case["scores"]
    form = LogitForm(*case["form"])
    return chunk_losses_triton.losses_(scores, case["labels"], case["gradients"], case["bias"], form), scores


def of_head(case: dict[str, Any]) -> list[torch.Tensor]:
    """Losses and gradients, of the hidden states first, through the whole of `head_losses`."""
    hidden, weight, bias = (case[name] for name in ("hidden", "weight", "bias"))
    trainable = [part.requires_grad_() for part in (weight, bias) if case["trainable"] and part is not None]
    hidden.requires_grad_()
    head = Head(weight, bias, LogitForm(*case["form"]), weight.dtype)
    losses = head_losses(hidden, head, case["labels"], case["announced"])
    with torch.no_grad():
        assert torch.equal(head_losses(hidden, head, case["labels"]), losses)
    return [losses.detach(), *torch.autograd.grad((losses * case["weights"]).sum(), [hidden, *trainable])]


def as_on_cuda(form: LogitForm, bias: torch.Tensor | None, vocabulary: int, like: torch.Tensor) -> Any:
    """What `chunk_losses` chooses on a GPU; that includes the self-test."""
    chosen = chunk_losses(form, bias, vocabulary, SimpleNamespace(is_cuda=True, device=CPU, dtype=like.dtype))
    assert chosen.func is chunk_losses_triton.losses_
    return chosen


def far_rows(file: Path) -> bool:
    """Whether rows more than 2**31 elements apart are computed as the same rows side by side are."""
    room = torch.from_file(str(file), shared=True, size=2**31 + 64, dtype=torch.bfloat16)  # a hole but for three rows
    apart, labels = room.as_strided((3, 61), (2**30, 1)), torch.tensor([0, 30, 60])
    near = apart.normal_(generator=torch.Generator().manual_seed(0)).clone()
    losses = [chunk_losses_triton.losses_(scores, labels, True, None, LogitForm()) for scores in (apart, near)]
    return torch.equal(*losses) and torch.equal(apart, near)


def with_a_fault(dtype: torch.dtype) -> list[bool]:
    """Whether the self-test passes a kernel whose last logit is not written, and one whose losses are of other rows."""
    right, passed = chunk_losses_triton.losses_, []

    def forgets(scores: torch.Tensor, *others: Any) -> torch.Tensor:
        last = scores[:, -1].clone()
        losses = right(scores, *others)
        scores[:, -1] = last
        return losses

    for fault in (forgets, lambda *arguments: right(*arguments).roll(1)):
        chunk_losses_triton.losses_ = fault
        triton_works.cache_clear()
        passed.append(triton_works(CPU, dtype, 100, LogitForm(), False))
    chunk_losses_triton.losses_ = right
    return passed


def main(folder: Path) -> None:
    cases = torch.load(folder / "cases.pt")
    head_losses_module.chunk_losses = as_on_cuda
    head_losses_module.chunk_rows = lambda *_: 3
    results = {
        "kernel": {name: of_kernel(case) for name, case in cases["kernel"].items()},
        "head": {name: of_head(case) for name, case in cases["head"].items()},
        "difference": {
            str(dtype): triton_difference(CPU, dtype, 100, LogitForm(0.7, 2.5), True)
            for dtype in (torch.float32, *HALVES)
        },
        "far": far_rows(folder / "far"),
        "fault": with_a_fault(torch.bfloat16),
    }
    torch.save(results, folder / "results.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
