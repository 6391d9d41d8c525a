"""FAMO on validation loss: tasks whose validation loss falls slowly gain weight."""

from __future__ import annotations

from pydantic import Field

from mft_core.interfaces import ProbeRequest
from mft_losses.task_logits import TaskLogitOptions, TaskLogits


class FamoOptions(TaskLogitOptions):
    """Options of `famo`."""

    guard: bool = Field(True, description="a task whose validation loss is rising (overfitting) gains no weight")
    probe_samples: int = Field(8, ge=1, description="validation samples per task in the probe")
    every: int = Field(1, ge=1, description="optimizer steps between updates of the weights (one validation forward)")
    rotate_every: int = Field(50, ge=0, description="optimizer steps until other samples are probed; 0: never")


class Famo(TaskLogits[FamoOptions]):
    """FAMO (arXiv 2306.03792) driven by validation losses, as MFTCoder's equation 4 asks.

    With z = softmax(xi), the coming step trains with omega_i ~ z_i / max(L_i, rho * mean L), normalised to sum 1; with
    `divide_by = "nothing"` with omega = z, under which slow tasks gain from the first step on (see `TaskLogits`).
    After every k steps the same validation probe is measured again; with delta = log L_before - log L_after,
    xi descends along d = z * (delta - <z, delta>) with Adam, so that tasks with small decrease gain weight.
    A task without validation data keeps its logit and counts with the mean loss of the others.
    """

    @property
    def probe(self) -> ProbeRequest | None:
        """A stratified probe, every task present."""
        return ProbeRequest(self.options.probe_samples, self.options.every, self.options.rotate_every)
