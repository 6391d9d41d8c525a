"""What goes through a making: seeds, drafts made of them, and the reasons why some are not kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mft_core.records import Turn


@dataclass(frozen=True, slots=True)
class Seed:
    """What one record, or a few, are made of.

    Attributes:
        key: its own, the same in every call of the same recipe. Records of one seed are all on the same side, for
            training or for validation.
        text: a knowledge point, a snippet of code, an instruction.
        topic: under which the report counts what was made of it.
        facts: what else the maker wants to know of it.
    """

    key: str
    text: str
    topic: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Code:
    """What of a draft can be run.

    Attributes:
        source: a module that is claimed to be right.
        language: it is written in; only Python is run.
        function: the one that is asked for; "": the last that `source` defines.
        tests: assertions on it, of the model; "": there are none.
        inputs: calls that two solutions must agree on, the arguments of each as in a call: "[1, 2], key=3".
        other: a second solution, made without a look at the first; "": there is none.
    """

    source: str
    language: str = "python"
    function: str = ""
    tests: str = ""
    inputs: tuple[str, ...] = ()
    other: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A record that may become part of the data.

    Attributes:
        turns: user and assistant in alternation, perhaps after a system turn; ending with assistant.
        code: what of it can be run; None: nothing.
        topic: under which the report counts it; "": that of its seed.
        worded: whether a model worded the instruction; false: it is a fixed sentence with the user's own code or point,
            and such are alike by right.
    """

    turns: tuple[Turn, ...]
    code: Code | None = None
    topic: str = ""
    worded: bool = True

    @property
    def instruction(self) -> str:
        """What the user says, all turns of it."""
        return "\n".join(turn.content for turn in self.turns if turn.role == "user")

    @property
    def answer(self) -> str:
        """What the assistant says, all turns of it."""
        return "\n".join(turn.content for turn in self.turns if turn.role == "assistant")


class Refused(Exception):  # noqa: N818 - a verdict, counted; no error of ours
    """Nothing comes of a seed, or a draft is not kept.

    Args:
        reason: a short stable phrase, such as "no code block", under which it is counted.
        detail: what exactly, with this one.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


def fault_of(draft: object) -> str:
    """What is wrong with what a maker yields as a draft; "": nothing."""
    if not isinstance(draft, Draft):
        return f"{draft!r:.80} is no Draft"
    if not all(isinstance(turn, Turn) and isinstance(turn.content, str) for turn in draft.turns):
        return "a turn that is no Turn with a text"
    roles = [turn.role for turn in draft.turns]
    spoken = roles[1:] if roles[:1] == ["system"] else roles
    if not spoken or spoken != ["user", "assistant"] * (len(spoken) // 2):
        return f"the roles {', '.join(map(str, roles)) or 'of no turn'}, not user and assistant in alternation"
    try:
        "".join(turn.content for turn in draft.turns).encode()
    except UnicodeEncodeError:
        return "half of a surrogate pair, which no file can hold"
    return ""
