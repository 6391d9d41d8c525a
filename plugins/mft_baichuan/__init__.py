"""The Baichuan family: Baichuan and Baichuan 2, 7B and 13B."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_models() -> list[Component]:
    """One adapter."""
    return [Component("baichuan", "mft_baichuan.adapter:Baichuan", "Baichuan and Baichuan 2, 7B and 13B")]
