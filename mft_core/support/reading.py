"""How the files of a task are read, and the records in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class ReaderChoice(NamedTuple):
    """A reader by its name, and its options (JSON values)."""

    name: str
    options: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class RecordForm:
    """How the records of a task are read, where their keys alone do not say it.

    Attributes:
        columns: what is learned and where it stands: pairs of a key of a known form, such as "prompt", and the name of
            a column, or a template with columns in braces. Empty: the record has keys of a known form.
        reasoning: which thoughts are learned: "all"; "last", of a conversation that the chat template makes several
            samples of, with its last answer alone; "none".
        preference: "chosen": of a pair of answers the chosen one is learned; "refuse": neither.
        render_json: lists and objects in place of a text are its compact JSON, rather than refused.
        system: the system turn of every conversation that has none of its own; "": none.
    """

    columns: tuple[tuple[str, str], ...] = ()
    reasoning: str = "all"
    preference: str = "refuse"
    render_json: bool = False
    system: str = ""


class TaskSampling(NamedTuple):
    """Which samples a task has and how often they are used, where that is not as for all tasks (None: it is).

    Attributes:
        max_samples: the most training samples; 0: all.
        valid_fraction: the share that validates where there are no validation files.
        max_length: the most tokens of a sample; no more than a row may hold.
        repeat: passes over its training samples in an epoch; in the objective they count as often.
        watched: none of them trains: the records of all its files validate.
    """

    max_samples: int | None = None
    valid_fraction: float | None = None
    max_length: int | None = None
    repeat: float = 1.0
    watched: bool = False


EVERY_SAMPLE = TaskSampling()
"""A task is sampled as all of them are."""
AS_IT_IS = RecordForm()
"""Records are read by their keys alone."""
