"""Balancers of gradient-based multi-task learning; TorchJD (arXiv 2406.16232) finds their weights from a Gramian."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


def _component(name: str, target: str, summary: str, *solvers: str) -> Component:
    return Component(name, f"mft_torchjd.{target}", summary, requires=("torchjd", *solvers), extra="torchjd")


@hookimpl
def mft_losses() -> list[Component]:
    return [
        _component("mgda", "mgda:Mgda", "the shortest combination of the tasks' gradients (MGDA)"),
        _component("pcgrad", "pcgrad:PcGrad", "gradients that conflict are projected off each other (PCGrad)"),
        _component("gradvac", "gradvac:GradVac", "gradients are turned to their usual angles (GradVac)"),
        _component(
            "cagrad", "cagrad:CaGrad", "the best worst task near the mean gradient (CAGrad)", "cvxpy", "clarabel"
        ),
        _component("imtl-g", "imtl_g:ImtlG", "equal progress along every task's gradient (IMTL-G)"),
        _component("aligned-mtl", "aligned_mtl:AlignedMtl", "principal components of the gradients made equally long"),
        _component("nash-mtl", "nash_mtl:NashMtl", "the Nash bargain between tasks (Nash-MTL)", "cvxpy", "ecos"),
        _component(
            "upgrad", "upgrad:UpGrad", "gradients projected so that no task loses (UPGrad)", "qpsolvers", "quadprog"
        ),
        _component("fairgrad", "fairgrad:FairGrad", "alpha-fair progress of the tasks (FairGrad)", "scipy"),
    ]
