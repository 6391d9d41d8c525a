"""The Llama family: Llama 1 to 3, CodeLlama, SmolLM, DeepSeek-Coder, Mistral, Mixtral."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_models() -> list[Component]:
    """One adapter."""
    summary = "Llama 1-3, CodeLlama, SmolLM, DeepSeek-Coder, Mistral, Mixtral"
    return [Component("llama", "mft_llama.adapter:Llama", summary, ("mistral", "mixtral"))]
