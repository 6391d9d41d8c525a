"""The GLM of 2022 (GLM-10B and its relatives): blank infilling with two-dimensional positions."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_models() -> list[Component]:
    """One adapter."""
    return [Component("glm", "mft_glm.adapter:Glm", "GLM of 2022 (GLM-10B): block positions, prompts read both ways")]
