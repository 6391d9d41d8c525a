"""How to write conversations of one sequence of forms, step by step, and which steps are supervised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mft_tokenization.layout import Layout
from mft_tokenization.text_encoder import Place, PlacedText, TextEncoder

NO_ANSWER = -1


@dataclass(frozen=True, slots=True)
class Step:
    """One step of writing a conversation: literal `text`, a control token (`text` and `control`), the content of
    `slot`, or the start (`answer`: the number of its turn) or end (`NO_ANSWER`) of what an answer is to say.
    """

    text: str = ""
    control: int | None = None
    slot: int | None = None
    answer: int | None = None


class Piece(NamedTuple):
    """What is encoded alone: a piece of text, or a control token by its id; `answer` is the turn that it is an answer
    of, `NO_ANSWER` where it is none's."""

    answer: int
    text: PlacedText | None
    control: int = 0


@dataclass(slots=True)
class Writer:
    """Cuts a conversation into pieces; a control token or an answer's edge ends a text.

    Attributes:
        pieces: in their order.
        answering: of what is written now, as `Piece` has it.
    """

    encoder: TextEncoder
    pieces: list[Piece] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    place: Place = "start"
    answering: int = NO_ANSWER
    strip_left: bool = False

    def write(self, steps: Sequence[Step], contents: Sequence[str] = ()) -> None:
        """Carry out the steps; `contents` are those of the slots."""
        for step in steps:
            if step.answer is not None:
                self.flush()
                self.answering = step.answer
            elif step.control is not None:
                self.control(step.text, step.control)
            else:
                self.text.append(step.text if step.slot is None else contents[step.slot])
        self.flush()

    def flush(self, strip_right: bool = False) -> None:
        """End the text that has come together."""
        text = "".join(self.text)
        self.text.clear()
        if self.answering == NO_ANSWER:
            text = text.lstrip() if self.strip_left else text
            text = text.rstrip() if strip_right else text
        if text:
            self.pieces.append(Piece(self.answering, PlacedText(text, self.place)))
            self.place, self.strip_left = "continuation", False

    def control(self, token: str, number: int) -> None:
        """Append a control token, and do to the text around it what the token does; "": one the template lacks."""
        self.flush(strip_right=bool(token) and self.encoder.strips(token, "lstrip"))
        self.pieces.append(Piece(self.answering, None, number))
        self.place, self.strip_left = "after control", bool(token) and self.encoder.strips(token, "rstrip")


@dataclass(frozen=True, slots=True)
class Plan:
    """How to write conversations of one sequence of forms.

    Attributes:
        layout: the template's.
        steps: all of it.
        asked: steps up to where the last answer starts.
        answered: steps up to where it has ended.
        end: of the last literal: the text up to and with the end token of the last answer.
        end_token_id: that token; the tokenizer's own where the template has none.
        has_end: the template has one.
        whole: every answer stands here as it is asked for, and is supervised; else only the last one is.
    """

    layout: Layout
    steps: tuple[Step, ...]
    asked: int
    answered: int
    end: str
    end_token_id: int
    has_end: bool
    whole: bool

    def leads_to(self, layout: Layout) -> bool:
        """Whether a longer conversation begins as this one does, up to the end of its answer."""
        count = len(self.layout.slots)
        begins = (self.layout.slots, self.layout.literals[:count]) == (layout.slots[:count], layout.literals[:count])
        return self.whole and self.has_end and begins and layout.literals[count].startswith(self.end)


def make_plan(layout: Layout, earlier: Plan | None, encoder: TextEncoder, end_token_id: int) -> Plan:
    """The plan for a layout.

    Args:
        layout: of the conversation.
        earlier: of the conversation up to the answer before the last; None: the last answer is the first.
        encoder: knows the control tokens.
        end_token_id: of the tokenizer's end token, put behind an answer where the template has none.
    """
    steps: list[Step] = []
    first, literals = 0, list(layout.literals)
    continues = earlier is not None and earlier.leads_to(layout)
    if earlier is not None and continues:
        steps += earlier.steps[: earlier.answered]
        first = len(earlier.layout.slots)
        literals[first] = literals[first].removeprefix(earlier.end)
    asked, tail = 0, ""
    for number in range(first, len(literals)):
        tail = literals[number]
        if number == layout.answer:
            start = len(tail) - layout.lead_in
            steps += pieces(tail[:start], encoder)
            asked, tail = len(steps), tail[start:]
            steps.append(Step(answer=len(layout.forms) - 1))
        if number < len(layout.slots):
            steps += [*pieces(tail, encoder), Step(slot=number)]
    calls = bool(layout.forms[-1].given)
    closing = _closing_of_calls(tail, encoder) if calls else _closing(tail, encoder)
    shown, token = closing or (tail.rstrip() if calls else "", end_token_id)
    if layout.answer is not None:
        steps += [*pieces(shown, encoder), *([] if closing else [Step(control=token)]), Step(answer=NO_ANSWER)]
    answered = len(steps)
    rest = tail.removeprefix(shown) if layout.answer is not None else tail
    steps += pieces(rest, encoder)
    upto = layout.literals[-1].removesuffix(rest)
    whole = earlier is None or continues
    return Plan(layout, tuple(steps), asked, answered, upto, token, closing is not None, whole)


def _closing(literal: str, encoder: TextEncoder) -> tuple[str, int] | None:
    """The text after an answer up to and with its end token, and that token's id; None where there is none."""
    shown = ""
    for text, control in encoder.split(literal):
        shown += text
        if control is not None:
            return shown, control
    return None


def _closing_of_calls(literal: str, encoder: TextEncoder) -> tuple[str, int] | None:
    """The text from calls on up to and with the end token: a special one, with nothing but white space behind it."""
    split = encoder.split(literal)
    while split and split[-1][1] is None and not split[-1][0].strip():
        split.pop()
    if not split or split[-1][1] is None or split[-1][0] not in encoder.ends:
        return None
    return "".join(text for text, _ in split), split[-1][1]


def pieces(literal: str, encoder: TextEncoder) -> list[Step]:
    """Steps that write a template's text: its control tokens, and the text between them, with what was hidden."""
    return [
        Step(encoder.unhide(text) if control is None else text, control) for text, control in encoder.split(literal)
    ]
