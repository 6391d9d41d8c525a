"""The values of a comparison's outcome: losses with intervals, differences with verdicts, cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LOWER, HIGHER, UNDECIDED, UNKNOWN = "lower", "higher", "no difference shown", "unknown"


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm on one task, or on the mean over tasks. None: cannot be said.

    Attributes:
        loss: validation loss, nats per supervised token, mean over seeds.
        low, high: 95% interval of `loss`.
        by_seed: the loss of each seed.
        difference: to the reference arm.
        difference_low, difference_high: its paired 95% interval.
        verdict: "lower" or "higher" than the reference where that interval is below or above 0, else "no difference
            shown"; "unknown" where there is no interval; "" for the reference itself. A loss that is not finite is
            the higher one.
        p: that of the difference, for itself; None where it is not said.
        p_corrected: after Holm's correction for all tasks and arms; of the mean over tasks, for all pairs of arms.
        corrected: the verdict that the correction leaves; "" for the reference and for the base model, which are in no
            family of comparisons.
    """

    loss: float | None
    low: float | None
    high: float | None
    by_seed: tuple[float | None, ...]
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    verdict: str = ""
    p: float | None = None
    p_corrected: float | None = None
    corrected: str = ""


@dataclass(frozen=True, slots=True)
class PairResult:
    """Two arms on the mean over tasks; `verdict` and `corrected` are of `one`, against `other`. As in `ArmResult`."""

    one: str
    other: str
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    verdict: str
    p: float | None
    p_corrected: float | None = None
    corrected: str = ""


def is_same(result: ArmResult | PairResult) -> bool:
    """Whether both sides are the same, sample by sample: "mix" is as "mixed" where its law supports no change."""
    return result.difference == result.difference_low == result.difference_high == 0


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """One task.

    Attributes:
        name: the task; "" for the mean over the tasks that were trained.
        unseen: no arm trained it.
        samples, tokens: validation samples, and supervised tokens in them.
        arms: by name, "base" (the model before training) first; an arm that cannot be measured here is absent.
    """

    name: str
    unseen: bool
    samples: int
    tokens: int
    arms: Mapping[str, ArmResult]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one seed of an arm takes on average, all its runs together.

    `seconds` are those of the optimizer steps with all that a loss adds to them; loading, evaluating and drawing, which
    are alike for all arms, are left out. `tokens` are not padding.
    """

    runs: int
    steps: float
    tokens: float
    seconds: float
