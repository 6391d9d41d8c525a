"""Muon (arXiv 2502.16982): each matrix steps along its momentum, made orthogonal; AdamW steps beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mft_core.interfaces import Optimizer, Options, ParameterGroup
from mft_optimizers.adamw import Beta

if TYPE_CHECKING:
    import torch
    from torch import nn


class MuonOptions(Options):
    """Options of muon."""

    momentum: float = Field(0.95, ge=0, lt=1, description="of the running mean of gradients")
    nesterov: bool = Field(True, description="look ahead along the momentum")
    ns_steps: int = Field(5, ge=1, description="rounds of Newton-Schulz that make a step orthogonal")
    scale: Literal["match_rms_adamw", "original"] = Field(
        "match_rms_adamw",
        description="how long a step is: as AdamW's, for its learning rates; or as published",
    )
    betas: tuple[Beta, Beta] = Field((0.9, 0.95), description="AdamW's")
    eps: float = Field(1e-8, gt=0, description="AdamW's")


class Muon(Optimizer[MuonOptions]):
    """torch's Muon for matrices, torch's AdamW for the embeddings, the head and what is no matrix."""

    def build(self, groups: Sequence[ParameterGroup], rate: float) -> torch.optim.Optimizer:
        """Both as one."""
        import torch

        from mft_optimizers.side_by_side import SideBySide

        options = self.options
        parts: list[torch.optim.Optimizer] = []
        if matrices := _dicts(groups, of_matrices=True):
            parts.append(
                torch.optim.Muon(
                    matrices,
                    lr=rate,
                    momentum=options.momentum,
                    nesterov=options.nesterov,
                    ns_steps=options.ns_steps,
                    adjust_lr_fn=options.scale,
                )
            )
        if others := _dicts(groups, of_matrices=False):
            parts.append(torch.optim.AdamW(others, lr=rate, betas=options.betas, eps=options.eps, fused=True))
        return SideBySide(parts)

    def state_bytes(self, group: ParameterGroup) -> int:
        """One number for each of a matrix, two for each of what is none."""
        return sum((1 if _is_muons(each, group) else 2) * each.nbytes for each in group.parameters)


def _dicts(groups: Sequence[ParameterGroup], of_matrices: bool) -> list[dict[str, Any]]:
    """The groups as torch takes them, with those of their parameters that are, or are not, Muon's."""
    chosen = [(group, [each for each in group.parameters if _is_muons(each, group) == of_matrices]) for group in groups]
    return [{**group.as_dict(), "params": parameters} for group, parameters in chosen if parameters]


def _is_muons(parameter: nn.Parameter, group: ParameterGroup) -> bool:
    return parameter.ndim == 2 and not group.vocabulary
