"""Packers: how samples share rows."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_packers() -> list[Component]:
    return [
        Component("pad", "mft_packing.padding:Pad", "one sample per row, padded to max_length"),
        Component("dynamic", "mft_packing.padding:Dynamic", "one sample per row, padded to the longest of the batch"),
        Component("sequential", "mft_packing.sequential:Sequential", "in order until a row is full (the paper's pack)"),
        Component("best-fit", "mft_packing.best_fit:BestFit", "each into the fullest row it fits: next to no padding"),
    ]
