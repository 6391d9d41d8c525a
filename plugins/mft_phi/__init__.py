"""The Phi family: Phi-1, Phi-1.5, Phi-2, Phi-3 and Phi-4."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_models() -> list[Component]:
    """One adapter."""
    return [Component("phi", "mft_phi.adapter:Phi", "Phi-1, Phi-1.5, Phi-2, Phi-3, Phi-4 (text)")]
