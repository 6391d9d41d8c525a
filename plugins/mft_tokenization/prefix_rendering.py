"""Every beginning of a conversation as a chat template shows it, in the time of a few renderings.

Exact, since nothing is guessed: a beginning is put together from one pass over a longer conversation only where what
stands before the template's loop, carried out for that beginning, ends in the same state, and where no more was looked
at for a message than those up to the next. Where it is otherwise, the template is rendered for each beginning.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import TemplateError, Undefined
from jinja2.utils import Namespace

from mft_core.records import Turn
from mft_tokenization.prefix_template import ASKED, PREFIX, PrefixTemplate

MARK = "\ue0f0\ue0f1\ue0f0"
PARTS = 4
"""Of each message: as the last one, what is behind it unasked and asked, as one that others follow."""
WORTH_IT = 3
"""A pass costs as much as a few renderings."""
KEPT = 4
"""Texts of beginnings that are rendered one by one: a layout asks for the same few more than once."""
FAULTS = (TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What a template may raise."""
Data = Mapping[str, Any]
"""What a template is given but for whether an answer is asked for; "messages" is a list of objects."""


ASKED_FOR = ("value", bool, True)


class Watched:
    """The messages while one that others follow is shown: those up to the next are seen, others are noted as a fault.

    Args:
        items: some last messages of the conversation.
        seen: how many of them may be looked at.
        fault: called when more is asked for.
    """

    def __init__(self, items: Sequence[Any], seen: int, fault: Callable[[], None]) -> None:
        self._items, self._seen, self._fault = items, seen, fault

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, int) and 0 <= place < self._seen:
            return self._items[place]
        return self._refuse()

    def __bool__(self) -> bool:
        return True  # there is one, or the loop would not be carried out

    def _refuse(self, *_: Any) -> Any:
        self._fault()
        raise TypeError("only the next message is known")

    __len__ = __iter__ = __contains__ = __reversed__ = __add__ = __str__ = __repr__ = _refuse
    __eq__ = __ne__ = _refuse
    __hash__ = None  # type: ignore[assignment]


class Pass:
    """What a rewritten template calls while it is carried out.

    Args:
        messages: all that it is given.

    Attributes:
        state: of the names that the loop reads, before it.
        offset: the message that the loop starts at.
        sound: nothing was looked at that a shorter conversation does not have.
    """

    def __init__(self, messages: Sequence[Any]) -> None:
        self._messages = messages
        self._now = 0
        self.state: tuple[Any, ...] = ()
        self.offset: int | None = None
        self.sound = True

    def calls(self) -> dict[str, Callable[..., Any]]:
        """By the names that the template calls."""
        given = (self.start, self.iterated, self.mark, self.watch, self.cut)
        return {PREFIX + each.__name__: each for each in given}

    def start(self, *values: Any) -> str:
        """Keep the state."""
        self.state = tuple(map(self._known, values))
        return ""

    def iterated(self, value: Any) -> str:
        """Keep what the loop goes over, which must be the last messages."""
        self.offset = self._from(value)
        return ""

    def mark(self, place: int) -> str:
        """Part two parts."""
        self._now = (self.offset or 0) + place
        return MARK

    def watch(self, value: Any) -> Any:
        """What a message that others follow may see."""
        start = self._from(value)
        return value if start is None else Watched(value, self._now + 2 - start, self._noted)

    def cut(self, value: Any, index: int) -> Any:
        """What the last message sees; a namespace is another one, so that what is set there is not seen later."""
        if isinstance(value, Namespace):
            return type(value)(_attributes(value))
        start = self._from(value)
        return value if start is None else value[: (self.offset or 0) + index - start]

    def _noted(self) -> None:
        self.sound = False

    def _from(self, value: Any) -> int | None:
        """The message that a list starts at which has all from there on; None: it is no such list."""
        if not isinstance(value, list) or not 0 < len(value) <= len(self._messages):
            return None
        start = len(self._messages) - len(value)
        same = all(mine is other for mine, other in zip(value, self._messages[start:], strict=True))
        return start if same else None

    def _known(self, value: Any) -> Any:
        start = self._from(value)
        if start is not None:
            return "messages", start
        if isinstance(value, Namespace):
            return "namespace", _attributes(value)
        return "undefined" if isinstance(value, Undefined) else ("value", type(value), value)


class PrefixRendering:
    """The beginnings of one conversation.

    Args:
        turns: all of it.
        render: the template.
        counts: of turns, of the beginnings that will be asked for.
        template: rewritten; None: there is none.
        data: gives what the template is given for all turns.
    """

    def __init__(
        self,
        turns: Sequence[Turn],
        render: Callable[[Sequence[Turn], bool], str],
        counts: Sequence[int],
        template: PrefixTemplate | None,
        data: Callable[[], Data],
    ) -> None:
        self._turns, self._render = list(turns), render
        self._rendered: dict[tuple[tuple[Turn, ...], bool], str] = {}
        self._parts: dict[int, tuple[list[str], int, str]] = {}
        if template is not None and len(counts) >= WORTH_IT:
            try:
                self._find(counts, template, data())
            except FAULTS:  # for a beginning that may never be asked for
                self._parts.clear()

    def render(self, turns: Sequence[Turn], generate: bool) -> str:
        """As the template renders them, whether or not they are a beginning.

        Raises:
            RecordError: as the template's.
        """
        found = self._parts.get(len(turns))
        if found is not None and list(turns) == self._turns[: len(turns)]:
            parts, count, before = found
            return _joined(parts, count, before, generate)
        key = (tuple(turns), generate)
        if key not in self._rendered:
            while len(self._rendered) >= KEPT:
                del self._rendered[next(iter(self._rendered))]
            self._rendered[key] = self._render(turns, generate)
        return self._rendered[key]

    def _find(self, counts: Sequence[int], template: PrefixTemplate, data: Data) -> None:
        """The passes that are needed, from the longest beginning on: one for each state that the loop starts in."""
        messages = data["messages"]
        hidden = len(self._turns) - len(messages)  # tools are no message
        left = {count: _started(template, data, messages[: count - hidden]) for count in counts if count > hidden}
        while left:
            longest = max(left)
            started, _ = left[longest]
            alike = {
                count: before for count, (each, before) in left.items()
                if each.offset == started.offset and each.state == started.state
            }  # fmt: skip
            if len(alike) >= WORTH_IT and started.offset is not None:
                parts = _passed(template, data, messages[: longest - hidden])
                start = hidden + started.offset
                self._parts |= {
                    count: (parts, count - start, before) for count, before in alike.items() if parts and count > start
                }
            left = {count: each for count, each in left.items() if count not in alike}
        whole = len(self._turns)
        if whole in self._parts and self.render(self._turns, False) != self._render(self._turns, False):
            self._parts.clear()


def plain_data(names: Sequence[str], show: Callable[[str], str]) -> Data:
    """What a template finds under some names, as transformers has prepared it.

    Args:
        names: of what it is given.
        show: what a template shows.
    """
    return dict(zip(names, json.loads(show("{{ [" + ", ".join(names) + "] | tojson }}")), strict=True))


def _started(template: PrefixTemplate, data: Data, messages: list[Any]) -> tuple[Pass, str]:
    """What stands before the loop, and the state there, which must not depend on whether an answer is asked for."""
    unasked = Pass(messages)
    text = template.start.render({**data, "messages": messages, ASKED: False, **unasked.calls()})
    if template.asks:
        asked = Pass(messages)
        other = template.start.render({**data, "messages": messages, ASKED: True, **asked.calls()})
        if text != other or unasked.state[:-1] != asked.state[:-1] or asked.state[-1] != ASKED_FOR:
            unasked.offset = None
    return unasked, text


def _passed(template: PrefixTemplate, data: Data, messages: list[Any]) -> list[str]:
    """The parts of all messages; none where the pass is not sound."""
    passed = Pass(messages)
    text = template.every.render({**data, "messages": messages, ASKED: False, **passed.calls()})
    _, *parts = text.split(MARK)
    sound = passed.sound and passed.offset is not None
    return parts if sound and len(parts) == PARTS * (len(messages) - (passed.offset or 0)) else []


def _joined(parts: Sequence[str], count: int, before: str, generate: bool) -> str:
    """The beginning of `count` messages of the loop."""
    last = PARTS * (count - 1)
    return "".join((before, *parts[PARTS - 1 : last : PARTS], parts[last], parts[last + 1 + generate]))


def _attributes(namespace: Namespace) -> dict[str, Any]:
    attributes: dict[str, Any] = object.__getattribute__(namespace, "_Namespace__attrs")
    return dict(attributes)
