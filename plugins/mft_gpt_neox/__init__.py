"""The GPT-NeoX family: GPT-NeoX, Pythia, CodeFuse-13B."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_models() -> list[Component]:
    """One adapter."""
    return [Component("gpt_neox", "mft_gpt_neox.adapter:GPTNeoX", "GPT-NeoX, Pythia, CodeFuse-13B", ("gpt-neox",))]
