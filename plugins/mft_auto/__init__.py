"""Any causal language model that transformers knows and no family claims."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_models() -> list[Component]:
    """One adapter, for what is no family's."""
    summary = "any other causal language model of transformers, as far as its self-tests hold"
    return [Component("auto", "mft_auto.adapter:Auto", summary, last=True)]
