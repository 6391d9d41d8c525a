"""The StarCoder family: GPTBigCode (SantaCoder, StarCoder) and StarCoder2."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_models() -> list[Component]:
    """One adapter."""
    return [Component("starcoder", "mft_starcoder.adapter:StarCoder", "StarCoder (GPTBigCode) and StarCoder2")]
