"""What the base could and the model in training cannot any more, by tasks that are only measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from mft_core.support.lists import first_few

OnForgetting = Literal["warn", "stop"]


class ForgettingWarning(NamedTuple):
    """What a user should know of watched tasks: fields of a "warning" event."""

    kind: str
    tasks: tuple[str, ...]
    message: str


class Forgetting:
    """Compares the losses of watched tasks with those of the base, the model of step 0.

    Args:
        most: the share by which they may exceed these; 0: any.
        on_forgetting: whether the run stops beyond it.

    Attributes:
        exceeded: whether a run that stops has been beyond it.
        within: steps of the evaluations that were not, where the run stops.
    """

    def __init__(self, most: float = 0.0, on_forgetting: OnForgetting = "warn") -> None:
        self._most = most
        self.stops = most > 0 and on_forgetting == "stop"
        self.exceeded = False
        self.within: list[int] = []
        self._base: dict[str, float] = {}
        self._said: set[str] = set()

    def after_evaluation(self, step: int, watched: Mapping[str, Mapping[str, Any]]) -> ForgettingWarning | None:
        """Take in one evaluation; returns what is new of it.

        Args:
            step: optimizer steps done.
            watched: by task, "loss", which is not finite where the model is lost, and "tokens".
        """
        losses = {name: float(task["loss"]) for name, task in watched.items() if task["tokens"]}
        if step == 0:
            self._base = losses
        rise = {name: loss / self._base[name] - 1 for name, loss in losses.items() if self._base.get(name)}
        beyond = {name: share for name, share in rise.items() if not share <= self._most}
        if not self._most or not beyond:
            self.within += [step] if self.stops else []
            return None
        self.exceeded = self.stops
        new = sorted(beyond.keys() - self._said, key=lambda name: (-_comparable(beyond[name]), name))
        self._said.update(new)
        return ForgettingWarning("forgets", tuple(new), self._words(new, beyond)) if new else None

    def _words(self, names: list[str], rise: Mapping[str, float]) -> str:
        shown = first_few((f"{name!r} {_percent(rise[name])}" for name in names), of_what="tasks")
        what = f"watched loss more than {self._most:.1%} above that of the base: {shown}"
        if not self.stops:
            return what
        kept = (
            f"the result is a model within it, of step {self.within[-1]} or better"
            if self.within
            else "no model is within it"
        )
        return f"{what}. The run stops; {kept}"

    def kept(self) -> set[int]:
        """Steps whose checkpoints must stay: the last one within."""
        return set(self.within[-1:])

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        said = sorted(self._said)
        return {"base": self._base, "said": said, "within": self.within, "exceeded": self.exceeded}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self._base = dict(state["base"])
        self._said = set(state["said"])
        self.within = list(state["within"])
        self.exceeded = state["exceeded"] and self.stops


def _comparable(share: float) -> float:
    return share if math.isfinite(share) else math.inf


def _percent(share: float) -> str:
    return f"{share:+.1%}" if math.isfinite(share) else "not finite"
