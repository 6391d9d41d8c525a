"""Layers whose weights are stored in four bits."""

from __future__ import annotations

from bitsandbytes.nn import Linear4bit


def stored_bytes(layer: Linear4bit) -> int:
    """All that a quantised weight holds in memory."""
    state = layer.weight.quant_state
    tensors = [layer.weight.data, state.absmax, state.code]
    if state.nested:
        tensors += [state.offset, state.state2.absmax, state.state2.code]
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors)
