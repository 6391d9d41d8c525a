"""Budgets of arms."""

from __future__ import annotations

from mft_core.comparison.arms import passes


def test_passes_count_parts_of_an_epoch() -> None:
    from mft_core.batching.batch_plan import BatchPlan

    class Rows:
        """Four steps an epoch."""

        locate = staticmethod(lambda step: divmod(step, 4))
        epoch = staticmethod(lambda number: type("Epoch", (), {"steps": 4}))

    plan: BatchPlan = Rows()  # type: ignore[assignment]
    assert [passes(plan, steps) for steps in (1, 4, 5, 8, 10)] == [0.25, 1.0, 1.25, 2.0, 2.5]
