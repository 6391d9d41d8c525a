"""The Llama family: Llama 1 to 3, CodeLlama, SmolLM, DeepSeek-Coder."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_models() -> list[Component]:
    """One adapter."""
    return [Component("llama", "mft_llama.adapter:Llama", "Llama 1-3, CodeLlama, SmolLM, DeepSeek-Coder")]
