"""What a chat template puts around the turns, found by rendering them with placeholders for their contents."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mft_core.errors import RecordError
from mft_core.records import Turn
from mft_core.support.thoughts import NAMES, split_thought

Render = Callable[[Sequence[Turn], bool], str]
"""Turns and `add_generation_prompt` to text."""

PLACEHOLDER = re.compile("\ue0fe([0-9]+)(t?)\ue0ff")
CHANGES_CONTENT, REFUSES_ROLES = "template changes content", "template refuses roles"
SHOWN_AS: tuple[Callable[[str], str], ...] = (
    lambda content: content,
    str.strip,
    lambda content: content.strip("\n"),
    lambda content: content.lstrip("\n"),
    str.lstrip,
    str.rstrip,
)
"""What a template may do to a content: leave it, or strip white space."""


class Form(NamedTuple):
    """All of a turn that bears on how a template lays it out.

    Attributes:
        role: "system", "user" or "assistant".
        thought: name of the marks of the thought that an answer begins with; "": there is none.
        empty: the thought is white space.
    """

    role: str
    thought: str = ""
    empty: bool = False

    def placeholder(self, number: int) -> Turn:
        """A turn of this form, whose contents are found again in what a template makes of it."""
        said = f"\ue0fe{number}\ue0ff"
        if not self.thought:
            return Turn(self.role, said)
        thought = "" if self.empty else f"\ue0fe{number}t\ue0ff"
        return Turn(self.role, f"<{self.thought}>\n{thought}\n</{self.thought}>\n\n{said}")


class Slot(NamedTuple):
    """Where a rendered conversation shows the thought (`thought` True) or the rest of turn `turn`."""

    turn: int
    thought: bool = False

    def content(self, turns: Sequence[Turn], forms: Sequence[Form]) -> str:
        """What stands there in a conversation."""
        content = turns[self.turn].content
        parts = split_thought(content) if forms[self.turn].thought else None
        if parts is None:
            return content
        return parts.thought if self.thought else parts.said


def thoughts_known(template: str) -> frozenset[str]:
    """Names of the marks of thoughts that a template treats in its own way; others are text like any other."""
    return frozenset(name for name in NAMES if f"</{name}>" in template)


def form_of(turn: Turn, known: frozenset[str]) -> Form:
    """The form of a turn for a template that knows some thoughts."""
    parts = split_thought(turn.content) if known and turn.role == "assistant" else None
    if parts is None or parts.name not in known:
        return Form(turn.role)
    return Form(turn.role, parts.name, not parts.thought.strip())


@dataclass(frozen=True, slots=True)
class Layout:
    """The fixed text around the contents of some sequence of forms.

    Attributes:
        forms: of the turns.
        slots: where contents stand, in order. The thought of an earlier answer may be left out.
        literals: text before each slot, and after the last: one more than there are slots.
        lead_in: if the last turn is an answer: how many characters at the end of the literal before it come after the
            generation prompt and are thus the model's to write (" " in Llama 2, "<think>..." in Qwen 3).
    """

    forms: tuple[Form, ...]
    slots: tuple[Slot, ...]
    literals: tuple[str, ...]
    lead_in: int = 0

    @property
    def answer(self) -> int | None:
        """The first slot of the last turn if that is an answer."""
        last = len(self.forms) - 1
        slots = [number for number, slot in enumerate(self.slots) if slot.turn == last]
        return slots[0] if slots and self.forms[last].role == "assistant" else None

    def contents(self, rendered: str, turns: Sequence[Turn]) -> list[str] | None:
        """What stands in each slot of `rendered`; None where it is not what the turns have there."""
        if not rendered.startswith(self.literals[0]):
            return None
        found, position = [], len(self.literals[0])
        for slot, literal in zip(self.slots, self.literals[1:], strict=True):
            content = slot.content(turns, self.forms)
            for shown in dict.fromkeys(change(content) for change in SHOWN_AS):
                end = position + len(shown)
                if rendered.startswith(shown, position) and rendered.startswith(literal, end):
                    found.append(shown)
                    position = end + len(literal)
                    break
            else:
                return None
        return found if position == len(rendered) else None


def find_layout(forms: Sequence[Form], render: Render, specials: Sequence[str]) -> Layout:
    """The layout of a sequence of forms.

    Args:
        forms: of the turns.
        render: the template.
        specials: special tokens. Where one stands between the generation prompt and an answer, the template knows no
            generation prompt, and the answer starts at its content.

    Raises:
        RecordError: "template refuses roles", or "template changes content".
    """
    turns = [form.placeholder(number) for number, form in enumerate(forms)]
    rendered = render(turns, False)
    matches = list(PLACEHOLDER.finditer(rendered))
    slots = tuple(Slot(int(match[1]), bool(match[2])) for match in matches)
    _check_slots(slots, forms)
    edges = [0, *(edge for match in matches for edge in match.span()), len(rendered)]
    literals = tuple(rendered[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    layout = Layout(tuple(forms), slots, literals)
    if layout.answer is None:
        return layout
    head = rendered[: matches[layout.answer].start()]
    return Layout(layout.forms, slots, literals, _lead_in(head, render(turns[:-1], True), specials))


def fault(layout: Layout, turns: Sequence[Turn], render: Render) -> str:
    """Which turn a template does not show as it is, in words: the first that it changes among placeholders.

    Raises:
        RecordError: "template refuses roles".
    """
    calm = [form.placeholder(number) for number, form in enumerate(layout.forms)]
    for number, turn in enumerate(turns):
        alone = [*calm[:number], turn, *calm[number + 1 :]]
        rendered = render(alone, False)
        if layout.contents(rendered, alone) is None:
            which = f"of the {turn.role} turn {number + 1}"
            return (
                which if turn.content.strip() not in rendered else f"it adds text that depends on the contents {which}"
            )
    return "it adds text that depends on the contents"


def _check_slots(slots: Sequence[Slot], forms: Sequence[Form]) -> None:
    """Every turn is shown once, in order; so is the thought of the last, while those before it may be left out."""
    by_turn: dict[int, list[bool]] = defaultdict(list)
    for slot in slots:
        by_turn[slot.turn].append(slot.thought)
    for number, form in enumerate(forms):
        shown = by_turn[number]
        thinks = bool(form.thought) and not form.empty
        if shown not in ([False], [True, False]):
            raise RecordError(CHANGES_CONTENT, f"it shows a {form.role} turn not once")
        if thinks and number == len(forms) - 1 and len(shown) == 1:
            raise RecordError(CHANGES_CONTENT, f"it leaves out the thought of the {form.role} turn {number + 1}")
    if [slot.turn for slot in slots] != sorted(slot.turn for slot in slots):
        raise RecordError(CHANGES_CONTENT, "it changes the order of the turns")


def _lead_in(head: str, prompt: str, specials: Sequence[str]) -> int:
    if not head.startswith(prompt):
        raise RecordError(REFUSES_ROLES, "what it shows before an answer is not what it shows when it asks for one")
    lead_in = head[len(prompt) :]
    return 0 if any(special in lead_in for special in specials) else len(lead_in)
