"""What of a model is trained."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_tuners() -> list[Component]:
    return [
        Component("lora", "mft_tuners.lora:Lora", "low-rank adapters beside linear layers (LoRA)"),
        Component("qlora", "mft_tuners.qlora:QLora", "the same beside weights in four bits (QLoRA)"),
        Component("full", "mft_tuners.full:Full", "every weight"),
        Component("freeze", "mft_tuners.freeze:Freeze", "the last layers; norms, head or embeddings if asked"),
        Component("peft", "mft_tuners.peft_type:PeftType", "other adapters that PEFT has: IA3, OFT, VERA, LOKR, ..."),
    ]
