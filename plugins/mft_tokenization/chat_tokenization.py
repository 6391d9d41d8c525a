"""One machinery for every chat template: render, check by round trip, encode without role injection, supervise."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from jinja2 import TemplateError

from mft_core.data.tool_text import in_text
from mft_core.errors import MftError, RecordError
from mft_core.interfaces import Tokenization
from mft_core.records import Record, Sample, Turn
from mft_tokenization.layout import (
    CHANGES_CONTENT,
    REFUSES_ROLES,
    Form,
    fault,
    find_layout,
    form_of,
    thoughts_known,
)
from mft_tokenization.messages import Messages, find_message_form
from mft_tokenization.plan import NO_ANSWER, Plan, Writer, make_plan, pieces
from mft_tokenization.segments import written_segments
from mft_tokenization.templates import FIXED_DATE
from mft_tokenization.text_encoder import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MOST_PLANS_WITH_TOOLS = 64
TEMPLATE_FAULTS = (TemplateError, TypeError, ValueError, KeyError)
"""What a template raises for messages that it does not take, by itself or by what it does with them."""

VERSION = "4"
"""Part of the fingerprint: to be raised when `encode` changes."""

ROUNDS = (
    Turn("user", "Write a function.\n\n  Then: test it"),
    Turn("assistant", "def f(): pass"),
    Turn("user", "Now another."),
    Turn("assistant", "def g(): pass"),
    Turn("user", "Thanks.\nThe last"),
)
"""What a tokenizer is asked when it is bound, after one, two and three questions."""


class ChatTokenization(Tokenization):
    """Tokenization by a chat template.

    Supervised are, in every assistant turn, the tokens that the model has to write: from the end of the generation
    prompt up to and including the end token. Text is split into pieces at the control tokens of the template and where
    an answer starts, and each piece is encoded alone. So a prompt has the same ids in training as at inference,
    and what looks like a control token in a turn's content stays text; but the marks of a thought that an answer begins
    with are the template's, where it knows them.
    """

    takes_tools: ClassVar[bool] = True
    takes_segments: ClassVar[bool] = True

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
        self._messages = find_message_form(self._template, self._tried)
        self._thoughts = thoughts_known(tokenizer.chat_template) | ({"think"} if self._messages.thought_key else set())
        self._marks = {mark for name in self._thoughts for mark in (f"<{name}>", f"</{name}>")}
        self._plans: dict[tuple[Form, ...], Plan] = {}
        self._plans_with_tools: dict[tuple[Form, ...], Plan] = {}
        self._beginning = beginning_ids(tokenizer)
        self._self_test()

    def encode(self, record: Record) -> Sample:
        """Ids and supervision of a record; plain text is supervised whole, with an end token.

        Where the template shows an earlier answer in another form than the one that it is asked for in, only the last
        answer is supervised; `samples` has them all.
        """
        if record.segments:
            writer = written_segments(record, self._encoder)
            return _sample(writer.ids, np.array(writer.answers) != NO_ANSWER, weighted=False)
        if record.text is not None:
            ids = [*self._beginning, *self._encoder.encode(record.text, "start"), self._tokenizer.eos_token_id]
            return _sample(ids, [float(len(self._beginning) <= position) for position in range(len(ids))], False)
        return self._conversation(self._ready(record.turns))

    def samples(self, record: Record) -> list[Sample]:
        """One sample for as many answers as stand in it in the form in which each is asked for, and one for each later
        answer, with the conversation before it as `apply_chat_template` shows it when it asks.
        """
        ready = self._ready(record.turns)
        if record.text is not None or self._plan(ready).whole:
            return [self.encode(record)]
        upto = [ready[: number + 1] for number, turn in enumerate(ready) if turn.role == "assistant"]
        together = max(number for number, turns in enumerate(upto) if self._plan(turns).whole)
        samples = [self._conversation(turns) for turns in upto[together:]]
        return [sample for sample in samples if sample.supervised.any()]  # of an answer of weight 0 there is nothing

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Ids up to where the next answer starts; a prefix of what `encode` gives with that answer.

        Contents that the template changes are no error here: they are asked as `apply_chat_template` asks them.
        """
        turns = self._ready(turns)
        answered = [*turns, Turn("assistant", "\ue0fe\ue0ff")]
        writer = Writer(self._encoder)
        try:
            plan = self._plan(answered)
            contents = self._contents(plan, answered)
        except RecordError as error:
            if error.reason != CHANGES_CONTENT:
                raise
            return self._changed_prompt(turns)
        writer.write(plan.steps[: plan.asked], contents)
        return writer.ids

    @cached_property
    def end_tokens(self) -> tuple[int, ...]:
        """The token that ends an answer; where the template has none, the tokenizer's, and that which the template
        shows right after an earlier answer, such as the next role's.
        """
        plan = self._plan(ROUNDS[:2])
        if plan.has_end:
            return (plan.end_token_id,)
        try:
            later = self._plan(ROUNDS[:4]).layout.literals[2]
        except RecordError:
            return (plan.end_token_id,)
        following = [control for _, control in self._encoder.split(later) if control is not None]
        return tuple(dict.fromkeys([plan.end_token_id, *following[:1]]))

    @cached_property
    def lead_in(self) -> str:
        """What the template shows between the generation prompt and an answer, as it is decoded."""
        plan = self._plan(ROUNDS[:2])
        literal = plan.layout.literals[1]
        shown = self._encoder.split(literal[len(literal) - plan.layout.lead_in :])
        return "".join(text for text, control in shown if control is None or text not in self._encoder.specials)

    @property
    def fingerprint(self) -> str:
        """Of the template and of this code; the tokenizer has a fingerprint of its own."""
        return hashlib.sha256(f"{VERSION}\n{self._tokenizer.chat_template}".encode()).hexdigest()

    def _ready(self, turns: Sequence[Turn]) -> tuple[Turn, ...]:
        """The turns as the template takes them: tools, calls and results as they are, with control tokens typed in them
        hidden, or as text.
        """
        if not self._messages.tools:
            return in_text(turns)
        return tuple(self._hidden(turn) if turn.calls or turn.role in ("tools", "tool") else turn for turn in turns)

    def _hidden(self, turn: Turn) -> Turn:
        def hidden(text: str) -> str:
            return json.dumps(self._encoder.hidden_in(json.loads(text)), ensure_ascii=False) if text else ""

        if turn.role == "tools":
            return turn._replace(content=hidden(turn.content))
        call_id, name = (self._encoder.hide(each, ()) for each in (turn.call_id, turn.name))
        return turn._replace(calls=hidden(turn.calls), call_id=call_id, name=name)

    def _conversation(self, turns: Sequence[Turn]) -> Sample:
        plan = self._plan(turns)
        writer = Writer(self._encoder)
        writer.write(plan.steps, self._contents(plan, turns))
        weights = [turn.weight for turn in turns]
        by_turn = np.array([*weights, 0.0])  # the last is `NO_ANSWER`'s
        return _sample(writer.ids, by_turn[writer.answers], weighted=any(weight != 1.0 for weight in weights))

    def _contents(self, plan: Plan, turns: Sequence[Turn]) -> list[str]:
        found = plan.layout.contents(self._render(turns, False), turns)
        if found is None:
            raise RecordError(CHANGES_CONTENT, fault(plan.layout, turns, self._render))
        return found

    def _render(self, turns: Sequence[Turn], generate: bool) -> str:
        messages, tools = self._messages.messages(turns)
        try:
            return self._apply(messages, tools, generate)
        except TEMPLATE_FAULTS as error:
            raise RecordError(REFUSES_ROLES, str(error)) from error

    def _apply(self, messages: Messages, tools: list[Any] | None, generate: bool = False) -> str:
        text: str = self._tokenizer.apply_chat_template(
            messages, tools=tools, chat_template=self._template, tokenize=False, add_generation_prompt=generate
        )
        return text

    def _tried(self, messages: Messages, tools: list[Any] | None) -> str | None:
        try:
            return self._apply(messages, tools)
        except TEMPLATE_FAULTS:
            return None

    def _plan(self, turns: Sequence[Turn]) -> Plan:
        forms = tuple(form_of(turn, self._thoughts) for turn in turns)
        plans = self._plans
        if any(form.given for form in forms):  # each record has its own
            plans = self._plans_with_tools
            if forms not in plans and len(plans) > MOST_PLANS_WITH_TOOLS:
                plans.clear()
        if forms in plans:
            return plans[forms]
        ends = [number for number, form in enumerate(forms, 1) if form.role == "assistant" and number < len(forms)]
        plan = None
        for end in (*ends, len(forms)):  # one after the other: a conversation may be longer than Python's stack is deep
            if forms[:end] not in plans:
                plans[forms[:end]] = self._made_plan(forms[:end], plan)
            plan = plans[forms[:end]]
        return plans[forms]

    def _made_plan(self, forms: tuple[Form, ...], earlier: Plan | None) -> Plan:
        specials = [text for text in self._encoder.specials if text not in self._marks]
        layout = find_layout(forms, self._render, specials)
        return make_plan(layout, earlier, self._encoder, self._tokenizer.eos_token_id)

    def _changed_prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Ids of what the template makes of turns that it changes. Control tokens typed in them are hidden from it and
        stay text, but not the marks of thoughts.
        """
        hidden = [
            turn if turn.role == "tools" else turn._replace(content=self._encoder.hide(turn.content, self._marks))
            for turn in turns
        ]
        steps = pieces(self._render(hidden, True), self._encoder)
        writer = Writer(self._encoder)
        writer.write(steps)
        return writer.ids

    def _self_test(self) -> None:
        """Prompts must have the ids that transformers, and so every server, gives them."""
        name = type(self).__name__.lower()
        hint = 'Use another data.tokenization, such as "mftcoder" or "chatml".'
        for asked in (ROUNDS[:1], ROUNDS[:3], ROUNDS):
            try:
                self._conversation([*asked, ROUNDS[1]])
                ours = self.prompt(asked)
                text = self._render(asked, True)
            except RecordError as error:
                if len(asked) > 1 and error.reason == REFUSES_ROLES:
                    return  # A template of one round: records of more are refused with its own words.
                raise MftError(f"The chat template of this tokenizer cannot be used ({name}): {error}", hint) from error
            theirs = self._tokenizer(text, add_special_tokens=False, split_special_tokens=False)["input_ids"]
            if not self._same(ours, theirs, exactly=len(asked) == 1):
                raise MftError(f"This tokenizer splits a chat prompt in a way mft cannot follow ({name}).", hint)

    def _same(self, ours: list[int], theirs: list[int], exactly: bool) -> bool:
        """Whether our prompt begins as theirs; after an answer up to white space, since answers are encoded alone."""
        if exactly:
            return ours[: len(theirs)] == theirs
        mine, others = ("".join(self._tokenizer.decode(ids).split()) for ids in (ours, theirs))
        return mine.startswith(others)


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


def _sample(ids: Sequence[int], weights: npt.ArrayLike, weighted: bool) -> Sample:
    """A sample whose targets are the tokens that have a weight; it is kept where it is not 1."""
    of_tokens = np.array(weights, np.float64)
    of_tokens[:1] = 0.0
    return Sample(np.array(ids, np.int64), of_tokens > 0, of_tokens if weighted else None)
