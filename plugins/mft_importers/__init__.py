"""Configurations of other tools, made into recipes."""

from __future__ import annotations

from collections.abc import Sequence

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_importers() -> Sequence[Component]:
    """The bundled importers."""
    return [
        Component("llama-factory", "mft_importers.llama_factory:LlamaFactory", "LLaMA-Factory's YAML or JSON"),
        Component(
            "llama-factory-v1", "mft_importers.llama_factory_v1:LlamaFactoryV1", "LLaMA-Factory's YAML of examples/v1"
        ),
        Component("axolotl", "mft_importers.axolotl:Axolotl", "axolotl's YAML"),
        Component("ms-swift", "mft_importers.ms_swift:MsSwift", "ms-swift's arguments, as a script or a YAML file"),
        Component("mftcoder", "mft_importers.mftcoder:MftCoder", "MFTCoder's JSON"),
        Component("trl", "mft_importers.trl:Trl", "TRL's YAML for `trl sft`"),
    ]
