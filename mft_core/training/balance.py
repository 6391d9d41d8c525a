"""Watching the balance of tasks: who converges how far, and who needs a word to the user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mft_core.objective.running_mean import RunningMean, finite_or_none, nan_for_none
from mft_core.support.lists import first_few

OVERFIT_RISE, STALL_FALL = 0.02, 0.005
PATIENCE, STALL_STEPS = 3, 50
LOW_WEIGHT, LOW_WEIGHT_STEPS = 0.01, 50
RISES_DECAY = 0.8


class BalanceWarning(NamedTuple):
    """What a user should know of some tasks.

    Attributes:
        kind: "lost", "overfits", "stalls" or "starved".
        tasks: whom it is said of, the worst first; each is said once.
        message: the same for people, however many they are.
    """

    kind: str
    tasks: tuple[str, ...]
    message: str


class BalanceWatch:
    """Follows every task's validation loss, weight and share of the supervised tokens.

    Args:
        names: the tasks, in task-id order.

    A task *overfits* when its validation loss lies more than 2% above its lowest in three evaluations in a row. It is
    *starved* when it had less than 1% of the weight (half of an even share where that is less) in fifty steps in a
    row. It is *lost* when its validation loss is not finite.

    It *stalls* when fifty steps that trained it, and three evaluations, brought its validation loss no fall worth the
    name: none of more than 0.5%, nor of more than its noise. A loss that only moves to and fro rises as much as it
    falls, so its noise is twice the mean rise from one evaluation to the next, those further back counting less.

    Attributes:
        left: tasks that were left out on purpose; of them only "lost" is said.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        tasks = len(names)
        self.left: frozenset[str] = frozenset()
        self._names = names
        self._first = np.full(tasks, np.nan)
        self._best = np.full(tasks, np.nan)
        self._latest = np.full(tasks, np.nan)
        self._mark = np.full(tasks, np.nan)
        self._rises = RunningMean(tasks, RISES_DECAY)
        self._best_step = np.zeros(tasks, np.int64)
        self._rising = np.zeros(tasks, np.int64)
        self._standing = np.zeros(tasks, np.int64)
        self._trained = np.zeros(tasks, np.int64)
        self._starved = np.zeros(tasks, np.int64)
        self._seen = np.zeros(tasks, np.int64)
        self._said: set[str] = set()

    def after_step(self, weights: np.ndarray, tokens: np.ndarray) -> list[BalanceWarning]:
        """Take in a step's task weights and supervised tokens, [N]; returns new warnings.

        Between two evaluations they are few: of one kind only when there are as many new ones as all before.
        """
        low = weights < min(LOW_WEIGHT, 0.5 / len(self._names))
        self._starved = np.where(low, self._starved + 1, 0)
        self._trained += tokens > 0
        self._seen += tokens
        said = sum(entry.startswith("starved ") for entry in self._said)
        new = self._new("starved", self._starved >= LOW_WEIGHT_STEPS)
        return self._say_starved() if len(new) >= max(said, 1) else []

    def after_evaluation(self, step: int, losses: np.ndarray, measured: np.ndarray) -> list[BalanceWarning]:
        """Take in every task's validation loss, float64 [N], where it is `measured`, bool [N]; returns new warnings."""
        lost = measured & ~np.isfinite(losses)
        losses = np.where(np.isfinite(losses), losses, np.nan)
        self._first = np.where(np.isnan(self._first), losses, self._first)
        rising = losses > self._best * (1 + OVERFIT_RISE)
        better = np.isnan(self._best) | (losses < self._best)
        self._best_step = np.where(better, step, self._best_step)
        self._best = np.where(better, losses, self._best)
        self._rising = np.where(rising, self._rising + 1, 0)
        stalled = self._stalled(losses) & (self._rising < PATIENCE)
        self._latest = losses
        above = losses / self._best - 1
        not_finite = "a validation loss that is not finite: such an evaluation is never the best"
        return [
            *self._say("lost", lost, self._seen, "has", "have", not_finite),
            *self._say(
                "overfits", self._rising >= PATIENCE, above, "overfits", "overfit",
                f"validation loss more than {OVERFIT_RISE:.0%} above its lowest in {PATIENCE} evaluations",
            ),
            *self._say(
                "stalls", stalled, self._trained, "stalls", "stall",
                f"no fall of the validation loss beyond its noise in {STALL_STEPS} steps or more that trained it",
            ),
            *self._say_starved(),
        ]  # fmt: skip

    def _stalled(self, losses: np.ndarray) -> np.ndarray:
        """bool [N]: which tasks no longer fall; counts again from where one did."""
        self._rises.update(np.maximum(losses / self._latest - 1, 0))
        noise = np.maximum(2 * np.nan_to_num(self._rises.value), STALL_FALL)
        fell = np.isnan(self._mark) | (losses < self._mark * (1 - noise))
        self._mark = np.where(fell, losses, self._mark)
        self._trained = np.where(fell, 0, self._trained)
        self._standing = np.where(fell, 0, self._standing + 1)
        return (self._standing >= PATIENCE) & (self._trained >= STALL_STEPS)

    def _say_starved(self) -> list[BalanceWarning]:
        text = f"less than {LOW_WEIGHT:.0%} of the weight for {LOW_WEIGHT_STEPS} steps, hardly trained"
        return self._say("starved", self._starved >= LOW_WEIGHT_STEPS, self._starved, "had", "had", text)

    def _new(self, kind: str, which: np.ndarray) -> list[int]:
        chosen = np.flatnonzero(which).tolist()
        excused = self.left if kind != "lost" else frozenset()
        unsaid = [index for index in chosen if f"{kind} {self._names[index]}" not in self._said]
        return [index for index in unsaid if self._names[index] not in excused]

    def _say(
        self, kind: str, which: np.ndarray, badness: np.ndarray, one: str, many: str, text: str
    ) -> list[BalanceWarning]:
        """One warning for all tasks of `which`, bool [N], of whom this was not said yet, by falling `badness`, [N]."""
        new = sorted(self._new(kind, which), key=lambda index: -badness[index])
        if not new:
            return []
        names = tuple(self._names[index] for index in new)
        self._said.update(f"{kind} {name}" for name in names)
        colon = "" if one in ("has", "had") else ":"
        if len(names) == 1:
            return [BalanceWarning(kind, names, f"task {names[0]!r} {one}{colon} {text}")]
        listed = first_few(map(repr, names), of_what="tasks")
        return [BalanceWarning(kind, names, f"{len(names)} tasks {many}{colon} {text}; the worst first: {listed}")]

    def facts(self) -> dict[str, dict[str, Any]]:
        """Per task: "relative", validation loss over its first; "best", "best_step"; "share" of supervised tokens."""
        share = self._seen / max(int(self._seen.sum()), 1)
        columns = {
            "relative": finite_or_none(self._latest / self._first),
            "best": finite_or_none(self._best),
            "best_step": self._best_step.tolist(),
            "share": share.tolist(),
        }
        return {name: {key: values[index] for key, values in columns.items()} for index, name in enumerate(self._names)}

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "losses": [finite_or_none(values) for values in (self._first, self._best, self._latest, self._mark)],
            "rises": self._rises.state_dict(),
            "counts": [values.tolist() for values in self._counts()],
            "said": sorted(self._said),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        if "rises" not in state:
            state = self._with_what_is_watched_since(state)
        self._first, self._best, self._latest, self._mark = (nan_for_none(values) for values in state["losses"])
        self._rises.load_state_dict(state["rises"])
        counts = (np.array(values, np.int64) for values in state["counts"])
        self._best_step, self._rising, self._standing, self._trained, self._starved, self._seen = counts
        self._said = set(state["said"])

    def _with_what_is_watched_since(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """A state from before stalls were told from noise, with which they are watched for from here on."""
        best_step, rising, _, starved, seen = state["counts"]
        none = [0] * len(self._names)
        return {
            "losses": [*state["losses"], state["losses"][-1]],
            "rises": self._rises.state_dict(),
            "counts": [best_step, rising, none, none, starved, seen],
            "said": state["said"],
        }

    def _counts(self) -> tuple[np.ndarray, ...]:
        return self._best_step, self._rising, self._standing, self._trained, self._starved, self._seen
