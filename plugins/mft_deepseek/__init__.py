"""The DeepSeek family with latent attention: V2, V2.5, Coder-V2, V3, R1. DeepSeek-Coder and DeepSeek-LLM are Llamas."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_models() -> list[Component]:
    """One adapter."""
    summary = "DeepSeek-V2, Coder-V2, V3 (the first Coder: llama)"
    return [Component("deepseek", "mft_deepseek.adapter:DeepSeek", summary)]
