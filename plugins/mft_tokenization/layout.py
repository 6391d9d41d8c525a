"""What a chat template puts around the turns, found by rendering them with placeholders for their contents."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from mft_core.errors import RecordError
from mft_core.records import Turn
from mft_core.support.thoughts import NAMES, split_thought
from mft_tokenization.asking import Asking, Render, find_asking
from mft_tokenization.messages import bare_said, bare_thought

PLACEHOLDER = re.compile("\ue0fe([0-9]+)(t?)\ue0ff")
CHANGES_CONTENT, REFUSES_ROLES = "template changes content", "template refuses roles"
NOT_AS_ASKED = "what it shows before an answer is not what it shows when it asks for one"
SHOWN_AS: tuple[Callable[[str], str], ...] = (
    lambda content: content,
    str.strip,
    lambda content: content.strip("\n"),
    lambda content: content.lstrip("\n"),
    str.lstrip,
    str.rstrip,
    bare_thought,
    bare_said,
)
"""What a template may do to a content: leave it, or strip white space."""


def _as_json(content: str) -> str:
    """As it stands in a JSON text, where some templates show what a tool answered."""
    return json.dumps(content, ensure_ascii=False)[1:-1]


class Form(NamedTuple):
    """All of a turn that bears on how a template lays it out.

    Attributes:
        role: as `Turn` has it.
        thought: name of the marks of the thought that an answer begins with; "": there is none.
        empty: the thought is white space.
        silent: an answer says nothing beside its calls.
        given: what stands in a layout as it is: the calls of an answer, or the tools.
        call_id: of a result.
        name: of a result.
    """

    role: str
    thought: str = ""
    empty: bool = False
    silent: bool = False
    given: str = ""
    call_id: str = ""
    name: str = ""

    def placeholder(self, number: int) -> Turn:
        """A turn of this form, whose contents are found again in what a template makes of it."""
        if self.role == "tools":
            return Turn(self.role, self.given)
        content = "" if self.silent else f"\ue0fe{number}\ue0ff"
        if self.thought:
            thought = "" if self.empty else f"\ue0fe{number}t\ue0ff"
            content = f"<{self.thought}>\n{thought}\n</{self.thought}>\n\n{content}"
        return Turn(self.role, content, calls=self.given, call_id=self.call_id, name=self.name)

    @property
    def contents(self) -> list[bool]:
        """Which contents it has: True for a thought, False for the rest."""
        return [True] * (bool(self.thought) and not self.empty) + [False] * (self.role != "tools" and not self.silent)


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
    if turn.role == "tools":
        return Form(turn.role, given=turn.content)
    parts = split_thought(turn.content) if known and turn.role == "assistant" else None
    if parts is None or parts.name not in known:
        silent = bool(turn.calls) and not turn.content.strip()
        return Form(turn.role, "", False, silent, turn.calls, turn.call_id, turn.name)
    silent = bool(turn.calls) and not parts.said.strip()
    return Form(turn.role, parts.name, not parts.thought.strip(), silent, turn.calls)


@dataclass(frozen=True, slots=True)
class Layout:
    """The fixed text around the contents of some sequence of forms.

    Attributes:
        forms: of the turns.
        slots: where contents stand, in order. The thought of an earlier answer may be left out.
        literals: text before each slot, and after the last: one more than there are slots.
        lead_in: if the last turn is an answer: how many characters at the end of the literal in which it starts come
            after the generation prompt and are thus the model's to write (" " in Llama 2, "<think>..." in Qwen 3).
        asking: how the template asks for the last answer, where it shows another prompt before it.
    """

    forms: tuple[Form, ...]
    slots: tuple[Slot, ...]
    literals: tuple[str, ...]
    lead_in: int = 0
    asking: Asking | None = None

    @property
    def answer(self) -> int | None:
        """If the last turn is an answer, the literal in which it starts: that before its first slot, or the last one
        where it has none, as calls alone have."""
        last = len(self.forms) - 1
        if self.forms[last].role != "assistant":
            return None
        return next((number for number, slot in enumerate(self.slots) if slot.turn == last), len(self.slots))

    def render(self, turns: Sequence[Turn], render: Render) -> str:
        """What the template makes of turns of these forms, with the last answer as it is asked for."""
        if self.asking is None:
            return render(turns, False)
        return self.asking.render(turns, self.forms[-1].placeholder(len(self.forms) - 1), render)

    def contents(self, rendered: str, turns: Sequence[Turn]) -> list[str] | None:
        """What stands in each slot of `rendered`; None where it is not what the turns have there."""
        if not rendered.startswith(self.literals[0]):
            return None
        found, position = [], len(self.literals[0])
        for slot, literal in zip(self.slots, self.literals[1:], strict=True):
            content = slot.content(turns, self.forms)
            changes = (*SHOWN_AS, _as_json) if turns[slot.turn].role == "tool" else SHOWN_AS
            for change in changes:
                shown = change(content)
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
        specials: special tokens. Where one stands before an answer of a template that knows no generation prompt, the
            answer starts at its content.

    Raises:
        RecordError: "template refuses roles", or "template changes content".
    """
    turns = [form.placeholder(number) for number, form in enumerate(forms)]
    asking = find_asking(turns, render) if forms[-1].role == "assistant" else None
    layout = Layout(tuple(forms), (), (), asking=asking)
    rendered = layout.render(turns, render)
    matches = list(PLACEHOLDER.finditer(rendered))
    slots = tuple(Slot(int(match[1]), bool(match[2])) for match in matches)
    _check_slots(slots, forms)
    edges = [0, *(edge for match in matches for edge in match.span()), len(rendered)]
    literals = tuple(rendered[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    layout = replace(layout, slots=slots, literals=literals)
    if layout.answer is None:
        return layout
    head = rendered[: matches[layout.answer].start()] if layout.answer < len(slots) else rendered
    lead_in = len(head) - _start(head, turns, render, specials)
    if lead_in > len(literals[layout.answer]):
        raise RecordError(REFUSES_ROLES, NOT_AS_ASKED)
    layout = replace(layout, lead_in=lead_in)
    _check_calls(layout)
    return layout


def fault(layout: Layout, turns: Sequence[Turn], render: Render) -> str:
    """Which turn a template does not show as it is, in words: the first that it changes among placeholders.

    Raises:
        RecordError: "template refuses roles".
    """
    calm = [form.placeholder(number) for number, form in enumerate(layout.forms)]
    for number, turn in enumerate(turns):
        alone = [*calm[:number], turn, *calm[number + 1 :]]
        rendered = layout.render(alone, render)
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
        shown, said = by_turn[number], [each for each in form.contents if not each]
        if shown not in (said, form.contents):
            if form.given and not shown:
                raise RecordError(
                    CHANGES_CONTENT, f"it leaves out what turn {number + 1} says beside its calls of tools"
                )
            raise RecordError(CHANGES_CONTENT, f"it shows a {form.role} turn not once")
        if number == len(forms) - 1 and shown != form.contents:
            raise RecordError(CHANGES_CONTENT, f"it leaves out the thought of the {form.role} turn {number + 1}")
    if [slot.turn for slot in slots] != sorted(slot.turn for slot in slots):
        raise RecordError(CHANGES_CONTENT, "it changes the order of the turns")


def _check_calls(layout: Layout) -> None:
    """The tools are shown, and so are the calls of the last turn where it is the model's to write them."""
    number = len(layout.forms)
    for form in (layout.forms[0], layout.forms[-1]):
        shown = "".join(layout.literals) if form.role == "tools" else layout.literals[-1]
        for given in json.loads(form.given) if form.given else ():
            function = given.get("function", given)
            if any(word not in shown for word in (function["name"], *function.get("arguments", ()))):
                where = "tools" if form.role == "tools" else f"calls of the assistant turn {number}"
                raise RecordError(CHANGES_CONTENT, f"it leaves out {function['name']!r} among the {where}")


def _start(head: str, turns: Sequence[Turn], render: Render, specials: Sequence[str]) -> int:
    """Where the last answer starts in what the template shows up to its first content: after the generation prompt, or,
    where the template knows none, after the special tokens that it shows before an answer that only says something.
    """
    prompt = render(turns[:-1], True)
    if not head.startswith(prompt):
        raise RecordError(REFUSES_ROLES, NOT_AS_ASKED)
    if prompt != render(turns[:-1], False):
        return len(prompt)
    said = Form("assistant").placeholder(len(turns) - 1)
    before, _, _ = render([*turns[:-1], said], False).partition(said.content)
    known = not any(special in before.removeprefix(prompt) for special in specials)
    return len(prompt) if known or not head.startswith(before) else len(before)
