"""What a loss decides after an evaluation, carried out: tasks leave, and the run goes back to an earlier model.

Killed at any moment, a run comes to the same end: before the checkpoint with the new state is written it goes on from
an earlier one, and comes to the same decision again; after that it goes on from it. The log follows the checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from mft_core.errors import MftError
from mft_core.events import EventLog, read_events
from mft_core.objective.decision import GO_ON
from mft_core.objective.loss import Loss
from mft_core.objective.running_mean import finite_or_none
from mft_core.training.checkpoint import Checkpoint, CheckpointFolder
from mft_core.training.mixture import Mixture


class Rollback:
    """Asks the loss, and follows its decisions within bounds.

    Args:
        loss: started.
        checkpoints: those of the run.
        most: optimizer steps that may be done again, in all.
        log: of the run.
        emit: writes an event: its name and its fields; nothing on ranks other than the first.

    Attributes:
        mixture: which tasks are trained.
    """

    def __init__(
        self, loss: Loss, checkpoints: CheckpointFolder, most: int, log: EventLog, emit: Callable[..., None]
    ) -> None:
        self.mixture = Mixture(loss)
        self._loss = loss
        self._checkpoints = checkpoints
        self._most = most
        self._log = log
        self._emit = emit
        self._extra = 0
        self._decisions: list[dict[str, Any]] = []
        self._needed: dict[int, list[int]] = {}

    @property
    def needs_models(self) -> bool:
        """Whether every evaluated model has to be saved."""
        return self._loss.may_go_back_to is not None

    def after_evaluation(self, step: int, losses: np.ndarray) -> Checkpoint | None:
        """Ask the loss, and let tasks leave.

        Args:
            step: optimizer steps done.
            losses: float64 [N]; NaN: none.

        Returns:
            what the run goes back to; None: it goes on from where it is.
        """
        decision = self._loss.after_evaluation(step, losses)
        leavers = self.mixture.new_leavers(decision.leave_out)
        if decision == GO_ON or (decision.back_to is None and not leavers):
            return None
        if not self.mixture.may_leave(leavers):
            self._emit("warning", message="the loss leaves out every task: not followed, the last one never leaves")
            return None
        checkpoint, hindrance = self._earlier(step, decision.back_to)
        if checkpoint is None and hindrance and not leavers:
            self._emit("warning", message=f"the loss goes back to step {decision.back_to}: not followed, {hindrance}")
            return None
        self.mixture.leave(leavers)
        self._extra += step - checkpoint.step if checkpoint else 0
        self._note(step, checkpoint.step if checkpoint else step, leavers, losses, hindrance)
        if checkpoint is None:
            self.tell()
        return checkpoint

    def _earlier(self, step: int, back_to: int | None) -> tuple[Checkpoint | None, str]:
        """The newest whole checkpoint up to `back_to`, and why it is not another one, or there is none."""
        problems: list[str] = []
        if back_to is None or back_to >= step:
            return None, ""
        for candidate in reversed([saved for saved in self._checkpoints.steps() if saved <= back_to]):
            if self._extra + step - candidate > self._most:
                return None, f"more than {self._most} steps in all would be done again (train.max_extra_steps)"
            try:
                return self._checkpoints.load(candidate), "; ".join(problems)
            except MftError as error:
                problems.append(error.message)
        return None, "; ".join([*problems, "there is no checkpoint of then"])

    def _note(self, step: int, to_step: int, leavers: list[int], losses: np.ndarray, hindrance: str) -> None:
        names = self._loss.counts.names
        leaving = [names[task] for task in leavers]
        evaluations = [
            {
                "step": event["step"],
                "loss": event["loss"],
                "tasks": {name: event["tasks"][name]["loss"] for name in leaving},
            }
            for event in read_events(self._log.path)
            if event["event"] == "eval" and to_step <= event["step"] <= step
        ]
        self._decisions.append({
            "number": len(self._decisions) + 1,
            "left_out": leaving,
            "remaining": [name for name in names if name not in self.mixture.left],
            "from_step": step,
            "to_step": to_step,
            "extra_steps": self._extra,
            "most_extra_steps": self._most,
            "losses": dict(zip(names, finite_or_none(losses), strict=True)),
            "back_at": next((one for one in evaluations if one["step"] == to_step), None),
            "given_up": [one for one in evaluations if one["step"] > to_step],
            "hindrance": hindrance,
        })  # fmt: skip

    def tell(self) -> None:
        """Write down the decisions that the log lacks: new ones, those it was rewound beyond, and the one of a process
        that ended between its checkpoint and its log. To be called on the first rank."""
        told = {event.get("number") for event in read_events(self._log.path) if event["event"] == "decision"}
        for decision in self._decisions:
            if decision["number"] not in told:
                self._emit("decision", **decision)

    def kept(self, step: int, selected: Collection[int]) -> set[int]:
        """Steps whose checkpoints must stay when that of `step` is saved.

        A run that goes back has the bests of then: the checkpoints that these are must be there as well.

        Args:
            selected: the bests of now.
        """
        back = self._loss.may_go_back_to
        if back is None:
            return set(selected)
        kept = {*selected, *back}
        kept |= {needed for one in kept for needed in self._needed.get(one, ())}
        self._needed[step] = sorted(kept)
        there = {*kept, *self._checkpoints.steps(), step}
        self._needed = {one: needed for one, needed in self._needed.items() if one in there and one <= step}
        return kept

    def state_dict(self) -> dict[str, Any]:
        """JSON values: "left_out", per task, and "rollback"."""
        own = {"extra": self._extra, "decisions": self._decisions, "needed": list(self._needed.items())}
        return {"left_out": self.mixture.state_dict(), "rollback": own}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.mixture.load_state_dict(state["left_out"])
        own = state["rollback"]
        self._extra = own["extra"]
        self._decisions = list(own["decisions"])
        self._needed = {step: list(needed) for step, needed in own["needed"]}
