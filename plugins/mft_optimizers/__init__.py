"""Optimizers: what takes the steps."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl

EIGHT_BIT = "mft_optimizers.eight_bit"


@hookimpl
def mft_optimizers() -> list[Component]:
    return [
        Component("adamw", "mft_optimizers.adamw:AdamW", "Adam with decoupled weight decay, fused"),
        Component("adamw-8bit", f"{EIGHT_BIT}:AdamW8Bit", "AdamW with states of 8 bits, or in pages (bitsandbytes)"),
        Component("adafactor", "mft_optimizers.adafactor:Adafactor", "second moments by row and column: next to none"),
        Component("lion", f"{EIGHT_BIT}:Lion", "the sign of a running mean: half of AdamW's states (bitsandbytes)"),
        Component("muon", "mft_optimizers.muon:Muon", "orthogonal steps for matrices, AdamW for what is none"),
        Component(
            "schedule-free",
            "mft_optimizers.schedule_free:ScheduleFree",
            "AdamW that averages its weights instead of lowering its rate",
            requires=("schedulefree",),
            extra="schedule-free",
        ),
        Component("sgd", "mft_optimizers.sgd:Sgd", "plain, or with momentum"),
    ]
