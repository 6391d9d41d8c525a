"""A model in training is wrapped so that no forward waits for another rank; test_rank_pace.py sees that it does not."""

from __future__ import annotations

from accelerate.state import AcceleratorState

from mft_core.training.accelerators import training_accelerator


def test_buffers_are_not_sent_and_the_precision_is_what_was_asked_for() -> None:
    AcceleratorState._reset_state(True)
    accelerator = training_accelerator(cpu=True, precision="bf16")
    assert (accelerator.device.type, accelerator.mixed_precision) == ("cpu", "bf16")
    assert accelerator.ddp_handler is not None
    assert not accelerator.ddp_handler.broadcast_buffers
    AcceleratorState._reset_state(True)
    assert training_accelerator(cpu=True).mixed_precision == "no"
    AcceleratorState._reset_state(True)
