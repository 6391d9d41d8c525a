"""The Qwen family: Qwen v1, 1.5, 2, 2.5 and 3."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_models() -> list[Component]:
    """One adapter."""
    return [Component("qwen", "mft_qwen.adapter:Qwen", "Qwen v1, 1.5, 2, 2.5 (Coder) and 3, dense and MoE")]
