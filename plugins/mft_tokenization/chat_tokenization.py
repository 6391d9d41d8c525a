"""One machinery for every chat template: render, check by round trip, encode without role injection, supervise."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

from mft_core.data.tool_text import in_text
from mft_core.errors import MftError, RecordError
from mft_core.interfaces import Tokenization
from mft_core.records import Record, Sample, Turn
from mft_tokenization.asking import Render
from mft_tokenization.beginning import beginning_ids
from mft_tokenization.drafts import Draft, ids_of, or_error, samples_of, text_draft, texts_of
from mft_tokenization.layout import (
    CHANGES_CONTENT,
    REFUSES_ROLES,
    Form,
    fault,
    find_layout,
    form_of,
    thoughts_known,
)
from mft_tokenization.plan import Plan, Writer, make_plan, pieces
from mft_tokenization.rendering import Rendering
from mft_tokenization.segments import segments_draft
from mft_tokenization.text_encoder import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MOST_PLANS_WITH_TOOLS = 64
Part = str | Record | tuple[Turn, ...]
"""A text, or the turns of a conversation as the template takes them."""

VERSION = "6"
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
        self._tokenizer = tokenizer
        self._encoder = TextEncoder(tokenizer)
        self._rendering = Rendering(tokenizer)
        self._thoughts = thoughts_known(tokenizer.chat_template) | (
            {"think"} if self._rendering.form.thought_key else set()
        )
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
        return self._finished([self._whole(record)])[0]

    def samples(self, record: Record) -> list[Sample]:
        """One sample for as many answers as stand in it in the form in which each is asked for, and one for each later
        answer, with the conversation before it as `apply_chat_template` shows it when it asks.
        """
        parts = self._parts(record)
        return [self.encode(record)] if len(parts) == 1 else self._finished(parts)

    def batch(self, records: Sequence[Record]) -> list[list[Sample] | RecordError]:
        """What `samples` gives for each; all of them are rendered together, and their texts encoded together."""
        own = type(self)
        if own.encode is not ChatTokenization.encode or own.samples is not ChatTokenization.samples:
            return super().batch(records)  # it makes them in its own way
        parts = [or_error(self._parts, record) for record in records]
        given = chain.from_iterable(each for each in parts if not isinstance(each, RecordError))
        turns = [part for part in given if isinstance(part, tuple)]
        rendered = dict(zip(map(id, turns), self._rendering.together(turns), strict=True))

        drafts = partial(self._drafts, rendered=rendered)
        drafted = [each if isinstance(each, RecordError) else or_error(drafts, each) for each in parts]
        found = chain.from_iterable(each for each in drafted if not isinstance(each, RecordError))
        finished = partial(samples_of, encoded=self._encoder.encode(texts_of(found)))
        return [each if isinstance(each, RecordError) else or_error(finished, each) for each in drafted]

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Ids up to where the next answer starts; a prefix of what `encode` gives with that answer.

        Contents that the template changes are no error here: they are asked as `apply_chat_template` asks them.
        """
        turns = self._ready(turns)
        answered = [*turns, Turn("assistant", "\ue0fe\ue0ff")]
        writer = Writer(self._encoder)
        try:
            plan = self._plan(answered)
            contents = self._contents(plan, answered, self._rendering.render)
        except RecordError as error:
            if error.reason != CHANGES_CONTENT:
                raise
            return self._changed_prompt(turns)
        writer.write(plan.steps[: plan.asked], contents)
        return self._ids(writer)

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
        if not self._rendering.form.tools:
            return in_text(turns, self._rendering.takes_system)
        return tuple(self._hidden(turn) if turn.calls or turn.role in ("tools", "tool") else turn for turn in turns)

    def _hidden(self, turn: Turn) -> Turn:
        def hidden(text: str) -> str:
            return json.dumps(self._encoder.hidden_in(json.loads(text)), ensure_ascii=False) if text else ""

        if turn.role == "tools":
            return turn._replace(content=hidden(turn.content))
        call_id, name = (self._encoder.hide(each, ()) for each in (turn.call_id, turn.name))
        return turn._replace(calls=hidden(turn.calls), call_id=call_id, name=name)

    def _whole(self, record: Record) -> Part:
        if record.segments:
            return record
        return self._ready(record.turns) if record.text is None else record.text

    def _parts(self, record: Record) -> list[Part]:
        """What the samples of a record are made of."""
        ready = self._whole(record)
        if not isinstance(ready, tuple) or self._plan(ready).whole:
            return [ready]
        upto = [ready[: number + 1] for number, turn in enumerate(ready) if turn.role == "assistant"]
        together = max(number for number, turns in enumerate(upto) if self._plan(turns).whole)
        return list(upto[together:])

    def _drafts(self, parts: Sequence[Part], rendered: Mapping[int, str | None]) -> list[Draft]:
        """Of the parts of a record, of which some have been rendered, by their `id`."""
        render: Render = self._rendering.render
        if isinstance(parts[-1], tuple) and any(rendered.get(id(part)) is None for part in parts):
            counts = [len(part) for part in parts if isinstance(part, tuple)]
            render = self._rendering.beginnings(parts[-1], counts).render
        return [self._draft(part, rendered.get(id(part)), render) for part in parts]

    def _draft(self, part: Part, rendered: str | None, render: Render) -> Draft:
        """Of a text, a text in segments or a conversation, which may have been rendered."""
        if isinstance(part, str):
            return text_draft(part, self._beginning, self._tokenizer.eos_token_id)
        if isinstance(part, Record):
            return segments_draft(part, self._encoder)
        plan = self._plan(part)
        writer = Writer(self._encoder)
        writer.write(plan.steps, self._contents(plan, part, render, rendered))
        return Draft(writer.pieces, [turn.weight for turn in part])

    def _finished(self, parts: Sequence[Part]) -> list[Sample]:
        drafts = self._drafts(parts, {})
        return samples_of(drafts, self._encoder.encode(texts_of(drafts)))

    def _ids(self, writer: Writer) -> list[int]:
        encoded = self._encoder.encode(texts_of([Draft(writer.pieces, ())]))
        return [number for ids in ids_of(writer.pieces, encoded) for number in ids.tolist()]

    def _contents(self, plan: Plan, turns: Sequence[Turn], render: Render, rendered: str | None = None) -> list[str]:
        if rendered is None or plan.layout.asking is not None:
            rendered = plan.layout.render(turns, render)
        found = plan.layout.contents(rendered, turns)
        if found is None:
            raise RecordError(CHANGES_CONTENT, fault(plan.layout, turns, self._rendering.render))
        return found

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
        new = [end for end in (*ends, len(forms)) if forms[:end] not in plans]
        turns = [form.placeholder(number) for number, form in enumerate(forms)]
        counts = sorted({count for end in new for count in (end - 1, end)})
        render = self._rendering.beginnings(turns, counts).render
        for end in (*ends, len(forms)):  # one after the other: a conversation may be longer than Python's stack is deep
            if forms[:end] not in plans:
                plans[forms[:end]] = self._made_plan(forms[:end], plan, render)
            plan = plans[forms[:end]]
        return plans[forms]

    def _made_plan(self, forms: tuple[Form, ...], earlier: Plan | None, render: Render) -> Plan:
        specials = [text for text in self._encoder.specials if text not in self._marks]
        layout = find_layout(forms, render, specials)
        return make_plan(layout, earlier, self._encoder, self._tokenizer.eos_token_id)

    def _changed_prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Ids of what the template makes of turns that it changes. Control tokens typed in them are hidden from it and
        stay text, but not the marks of thoughts.
        """
        hidden = [
            turn if turn.role == "tools" else turn._replace(content=self._encoder.hide(turn.content, self._marks))
            for turn in turns
        ]
        steps = pieces(self._rendering.render(hidden, True), self._encoder)
        writer = Writer(self._encoder)
        writer.write(steps)
        return self._ids(writer)

    def _self_test(self) -> None:
        """Prompts must have the ids that transformers, and so every server, gives them."""
        name = type(self).__name__.lower()
        hint = 'Use another data.tokenization, such as "mftcoder" or "chatml".'
        for asked in (ROUNDS[:1], ROUNDS[:3], ROUNDS):
            try:
                self._finished([(*asked, ROUNDS[1])])
                ours = self.prompt(asked)
                text = self._rendering.render(asked, True)
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
