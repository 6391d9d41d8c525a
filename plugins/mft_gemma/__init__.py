"""The Gemma family: Gemma, CodeGemma, Gemma 2, and the text models of Gemma 3."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_models() -> list[Component]:
    """One adapter."""
    return [Component("gemma", "mft_gemma.adapter:Gemma", "Gemma, CodeGemma, Gemma 2, Gemma 3 (text)")]
