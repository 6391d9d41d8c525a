"""Muon beside AdamW: which parameters are whose, and steps equal to torch's own."""

from __future__ import annotations

import torch

from mft_core.recipe.schema import TrainSection
from mft_core.testing.optimizers import small_model, take_step
from mft_core.training.parameter_groups import parameter_groups
from mft_optimizers.muon import Muon, MuonOptions

RATE = 1e-3


def test_matrices_are_muons_and_embeddings_head_and_norms_adamws() -> None:
    model = small_model()
    optimizer = Muon().build(parameter_groups(model, TrainSection()), RATE)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    kinds = {names[id(each)]: group["kind"] for group in optimizer.param_groups for each in group["params"]}
    assert len(kinds) == len(names)
    others = {name for name, kind in kinds.items() if kind == "AdamW"}
    assert others == {name for name in kinds if "embed" in name or "lm_head" in name or "norm" in name}


def test_steps_are_those_of_torchs_own_side_by_side() -> None:
    model, other = small_model(), small_model()
    settings = TrainSection(weight_decay=0.1)
    optimizer = Muon(MuonOptions(momentum=0.9)).build(parameter_groups(model, settings), RATE)
    matrices = [p for n, p in other.named_parameters() if p.ndim == 2 and "embed" not in n and "lm_head" not in n]
    ends = [p for n, p in other.named_parameters() if "embed" in n or "lm_head" in n]
    vectors = [p for p in other.parameters() if p.ndim == 1]
    muon = torch.optim.Muon(matrices, lr=RATE, weight_decay=0.1, momentum=0.9, adjust_lr_fn="match_rms_adamw")
    groups = [{"params": ends, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.95), fused=True)
    for _ in range(3):
        take_step(model, optimizer, RATE)
        step_by_hand(other, muon, adamw)
    for (name, found), expected in zip(model.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(found, expected), name


def step_by_hand(model: torch.nn.Module, *optimizers: torch.optim.Optimizer) -> None:
    """The gradients of `take_step`, and a step of each."""
    nothing = torch.optim.SGD([{"params": list(model.parameters()), "rate_factor": 1.0}], lr=0.0)
    gradients: dict[str, torch.Tensor] = {}
    handles = [
        parameter.register_post_accumulate_grad_hook(
            lambda each, name=name: gradients.update({name: each.grad.clone()})
        )
        for name, parameter in model.named_parameters()
    ]
    take_step(model, nothing, 0.0)
    for handle in handles:
        handle.remove()
    for name, parameter in model.named_parameters():
        parameter.grad = gradients[name]
    for optimizer in optimizers:
        optimizer.step()
    model.zero_grad()
