"""One machinery for every chat template: render, check by round trip, encode without role injection, supervise."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import TemplateError

from mft_core.errors import MftError, RecordError
from mft_core.interfaces import Tokenization
from mft_core.records import Record, Sample, Turn
from mft_tokenization.layout import Layout, find_layout
from mft_tokenization.templates import FIXED_DATE
from mft_tokenization.text_encoder import Place, TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

VERSION = "2"
"""Part of the fingerprint: to be raised when `encode` changes."""


class ChatTokenization(Tokenization):
    """Tokenization by a chat template.

    Supervised are, in every assistant turn, the tokens that the model has to write: from the end of the generation
    prompt up to and including the end token. Text is split into pieces at the control tokens of the template and where
    an answer starts, and each piece is encoded alone. So a prompt has the same ids in training as at inference,
    and what looks like a control token in a turn's content stays text.
    """

    @abstractmethod
    def template(self, tokenizer: PreTrainedTokenizerBase) -> str:
        """The Jinja template to use with `tokenizer`.

        Raises:
            MftError: it cannot be used with it.
        """

    def bind(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Set the template on the tokenizer and check that it can be followed exactly."""
        if not getattr(tokenizer, "is_fast", False):
            raise MftError("Data can be tokenised with a fast tokenizer only.", "Convert it to a tokenizer.json.")
        if tokenizer.eos_token_id is None:
            raise MftError("This model's tokenizer has no end token.", "Set eos_token in its tokenizer_config.json.")
        tokenizer.chat_template = self.template(tokenizer)
        self._template = (FIXED_DATE if "strftime_now" in tokenizer.chat_template else "") + tokenizer.chat_template
        self._tokenizer = tokenizer
        self._encoder = TextEncoder(tokenizer)
        self._layouts: dict[tuple[str, ...], _Plan] = {}
        self._beginning = beginning_ids(tokenizer)
        self._self_test()

    def encode(self, record: Record) -> Sample:
        """Ids and supervision of a record; plain text is supervised whole, with an end token."""
        if record.text is not None:
            ids = [*self._beginning, *self._encoder.encode(record.text, "start"), self._tokenizer.eos_token_id]
            return _sample(ids, [len(self._beginning) <= position for position in range(len(ids))])
        plan = self._plan(tuple(turn.role for turn in record.turns))
        contents = plan.layout.contents(self._render(record.turns, False), record.turns)
        writer = _Writer(self._encoder)
        plan.write(writer, contents, len(plan.steps))
        return _sample(writer.ids, writer.supervised)

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Ids up to where the next answer starts; a prefix of what `encode` gives with that answer."""
        answered = [*turns, Turn("assistant", "\ue0fe\ue0ff")]
        plan = self._plan(tuple(turn.role for turn in answered))
        contents = plan.layout.contents(self._render(answered, False), answered)
        writer = _Writer(self._encoder)
        plan.write(writer, contents, plan.last_answer)
        return writer.ids

    @property
    def end_token_id(self) -> int:
        """The token that ends an answer: where generation stops."""
        return self._plan(("user", "assistant")).end_token_id

    @property
    def fingerprint(self) -> str:
        """Of the template and of this code; the tokenizer has a fingerprint of its own."""
        return hashlib.sha256(f"{VERSION}\n{self._tokenizer.chat_template}".encode()).hexdigest()

    def _render(self, turns: Sequence[Turn], generate: bool) -> str:
        messages = [{"role": turn.role, "content": turn.content} for turn in turns]
        try:
            return self._tokenizer.apply_chat_template(
                messages, chat_template=self._template, tokenize=False, add_generation_prompt=generate
            )
        except TemplateError as error:
            raise RecordError("template refuses roles", str(error)) from error

    def _plan(self, roles: tuple[str, ...]) -> _Plan:
        if roles not in self._layouts:
            layout = find_layout(roles, self._render, self._encoder.specials)
            self._layouts[roles] = _make_plan(layout, roles, self._encoder, self._tokenizer.eos_token_id)
        return self._layouts[roles]

    def _self_test(self) -> None:
        """A prompt must have the ids that transformers, and so every server, gives it."""
        turns = [Turn("user", "Write a function.\n\n  Then: test it")]
        name = type(self).__name__.lower()
        hint = 'Use another data.tokenization, such as "mftcoder" or "chatml".'
        try:
            ours = self.prompt(turns)
            text = self._render(turns, True)
        except RecordError as error:
            raise MftError(f"The chat template of this tokenizer cannot be used ({name}): {error}", hint) from error
        theirs = self._tokenizer(text, add_special_tokens=False, split_special_tokens=False)["input_ids"]
        if ours[: len(theirs)] != theirs:
            raise MftError(f"This tokenizer splits a chat prompt in a way mft cannot follow ({name}).", hint)


def beginning_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """What the tokenizer puts before every text by itself: the beginning token, or nothing."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    starts = [start for start in range(len(full)) if full[start : start + len(bare)] == bare]
    return full[: starts[0]] if starts else []


def beginning_text(tokenizer: PreTrainedTokenizerBase) -> str:
    """What a template must write so that a text begins as the tokenizer begins it: `<s>` in Llama, `[gMASK]<sop>` in
    ChatGLM, or nothing.
    """
    return "".join(tokenizer.convert_ids_to_tokens(beginning_ids(tokenizer)))


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of writing a conversation: literal `text`, a control token (`text` and `control`), the content of turn
    `slot`, or the start (`answer` True) or end (False) of what is supervised.
    """

    text: str = ""
    control: int | None = None
    slot: int | None = None
    answer: bool | None = None


@dataclass(slots=True)
class _Writer:
    """Collects ids; text is encoded when a control token or an answer's edge ends it."""

    encoder: TextEncoder
    ids: list[int] = field(default_factory=list)
    supervised: list[bool] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    place: Place = "start"
    answering: bool = False
    strip_left: bool = False

    def flush(self, strip_right: bool = False) -> None:
        text = "".join(self.text)
        self.text.clear()
        if not self.answering:
            text = text.lstrip() if self.strip_left else text
            text = text.rstrip() if strip_right else text
        if text:
            self.add(self.encoder.encode(text, self.place))
            self.place, self.strip_left = "continuation", False

    def add(self, ids: Sequence[int]) -> None:
        self.ids.extend(ids)
        self.supervised.extend([self.answering] * len(ids))

    def control(self, token: str, number: int) -> None:
        self.flush(strip_right=bool(token) and self.encoder.strips(token, "lstrip"))
        self.add([number])
        self.place, self.strip_left = "after control", bool(token) and self.encoder.strips(token, "rstrip")

    def answer(self, starts: bool) -> None:
        self.flush()
        self.answering = starts


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to write conversations of one sequence of roles."""

    layout: Layout
    steps: tuple[_Step, ...]
    last_answer: int
    end_token_id: int

    def write(self, writer: _Writer, contents: Sequence[str], until: int) -> None:
        for step in self.steps[:until]:
            if step.answer is not None:
                writer.answer(step.answer)
            elif step.control is not None:
                writer.control(step.text, step.control)
            else:
                writer.text.append(step.text if step.slot is None else contents[step.slot])
        writer.flush()


def _make_plan(layout: Layout, roles: Sequence[str], encoder: TextEncoder, eos: int) -> _Plan:
    last = max((number for number, role in enumerate(roles) if role == "assistant"), default=len(roles) - 1)
    shown = [control for _, control in encoder.split(layout.literals[last + 1]) if control is not None]
    closing = shown[0] if shown else eos
    steps: list[_Step] = []
    last_answer = 0
    answering = False
    for number in range(len(roles) + 1):
        literal = layout.literals[number]
        lead_in = layout.lead_ins[number] if number < len(roles) else 0
        prompt, own = literal[: len(literal) - lead_in], literal[len(literal) - lead_in :]
        pieces = [_Step(text, control) for text, control in encoder.split(prompt)]
        steps += _closed(pieces, closing) if answering else pieces
        answering = number < len(roles) and roles[number] == "assistant"
        if answering:
            last_answer = len(steps)
            steps += [_Step(answer=True), *(_Step(text, control) for text, control in encoder.split(own))]
        if number < len(roles):
            steps.append(_Step(slot=number))
    return _Plan(layout, tuple(steps), last_answer, closing)


def _closed(pieces: list[_Step], closing: int) -> list[_Step]:
    """The literal after an answer, with the answer's end after its end token, which is put in where it is missing."""
    controls = [position for position, piece in enumerate(pieces) if piece.control is not None]
    if controls and pieces[controls[0]].control == closing:
        end = controls[0] + 1
        return [*pieces[:end], _Step(answer=False), *pieces[end:]]
    return [_Step(control=closing), _Step(answer=False), *pieces]


def _sample(ids: Sequence[int], supervised: Sequence[bool]) -> Sample:
    mask = np.array(supervised, bool)
    mask[:1] = False
    return Sample(np.array(ids, np.int64), mask)
