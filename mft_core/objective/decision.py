"""What a loss may answer after an evaluation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """How the run goes on.

    Attributes:
        leave_out: ids of tasks whose weight is 0 from here on. The last task that is trained never leaves.
        back_to: the step of an earlier evaluation whose model the run goes on from; None: from where it is.
    """

    leave_out: tuple[int, ...] = ()
    back_to: int | None = None


GO_ON = Decision()
"""As before."""
