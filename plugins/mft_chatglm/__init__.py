"""The ChatGLM family: ChatGLM2, ChatGLM3, CodeGeeX2 and GLM-4."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_models() -> list[Component]:
    """One adapter."""
    summary = "ChatGLM2, ChatGLM3, CodeGeeX2 and their 32k variants, GLM-4"
    return [Component("chatglm", "mft_chatglm.adapter:ChatGLM", summary, aliases=("codegeex2", "glm4"))]
