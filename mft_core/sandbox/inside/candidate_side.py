"""The candidate's process: runs its source, then does what the tests ask. Nothing in here is trusted.

Requests come as lines of literals from descriptor 5, replies go to descriptor 6:

    ["name", name]                  -> ["value", form] or ["missing"]
    ["call", number, args, kwargs]  -> ["value", form, changed arguments by position] or ["raise", class, message]
    ["get", number, name], ["set", number, name, form], ["iterate", number], ["next", number], ["length", number]
"""

from __future__ import annotations

import builtins
import os
import sys

from mft_core.sandbox.inside.crossing import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

REQUESTS, REPLIES = 5, 6
SOURCE = "candidate.py"
MUTABLE = (list, dict, set, bytearray)


class CandidateSide:
    """The objects of the candidate by their numbers, and the ways to use them."""

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self.requests, self.replies = requests, replies
        self.objects: list[Any] = []
        self.namespace: dict[str, Any] = {}

    def start(self) -> None:
        module = type(sys)("candidate")
        module.__file__ = SOURCE
        sys.modules["candidate"] = module
        self.namespace = module.__dict__
        try:
            with open(SOURCE, "rb") as file:  # noqa: PTH123 - `pathlib` takes long to import
                exec(compile(file.read(), SOURCE, "exec"), self.namespace)
        except BaseException as error:  # noqa: BLE001 - whatever the candidate raises is its answer
            self.reply(self.raised(error))
            raise SystemExit(1) from None
        self.reply(["value", None])

    def serve(self) -> None:
        for line in self.requests:
            self.reply(self.answer(message_of(line)))

    def answer(self, request: list[Any]) -> list[Any]:
        what, *arguments = request
        try:
            return list(getattr(self, f"do_{what}")(*arguments))
        except BaseException as error:  # noqa: BLE001 - see above
            return self.raised(error)

    def do_name(self, name: str) -> list[Any]:
        return ["value", self.form(self.namespace[name])] if name in self.namespace else ["missing"]

    def do_call(self, number: int, positional: list[Any], named: dict[str, Any]) -> list[Any]:
        arguments = [self.value(form) for form in positional]
        result = self.objects[number](*arguments, **{name: self.value(form) for name, form in named.items()})
        reply = self.form(result)
        changed = {}
        for place, argument in enumerate(arguments):
            if isinstance(argument, MUTABLE):
                form = self.form(argument)
                if form != positional[place]:
                    changed[str(place)] = form
        return ["value", reply, changed]

    def do_get(self, number: int, name: str) -> list[Any]:
        return ["value", self.form(getattr(self.objects[number], name))]

    def do_set(self, number: int, name: str, form: Any) -> list[Any]:
        setattr(self.objects[number], name, self.value(form))
        return ["value", None]

    def do_iterate(self, number: int) -> list[Any]:
        return ["value", self.describe(iter(self.objects[number]))]

    def do_next(self, number: int) -> list[Any]:
        try:
            return ["value", self.form(next(self.objects[number]))]
        except StopIteration:
            return ["missing"]

    def do_length(self, number: int) -> list[Any]:
        return ["value", self.form(len(self.objects[number]))]

    def form(self, value: Any) -> Any:
        return encode(value, self.describe)

    def describe(self, value: Any) -> dict[str, Any]:
        if type(value) is TestsObject:
            return {"given": value._number}
        for number, known in enumerate(self.objects):
            if known is value:
                return {"object": [number, type(value).__name__]}
        self.objects.append(value)
        return {"object": [len(self.objects) - 1, type(value).__name__]}

    def value(self, form: Any) -> Any:
        return decode(form, self.restore)

    def restore(self, kind: str, argument: Any) -> Any:
        if kind == "object":
            return self.objects[argument]
        if kind == "iterator":
            return iter([self.value(form) for form in argument])
        if kind == "builtin":
            return getattr(builtins, argument)
        if kind == "given":
            return TestsObject(self, argument)
        return lambda *positional, **named: self.call(argument, positional, named)

    def call(self, number: int, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
        names = {name: self.form(value) for name, value in named.items()}
        return self.ask("call", number, [self.form(value) for value in positional], names)

    def ask(self, what: str, number: int, *arguments: Any) -> Any:
        """Uses something of the tests, who may ask for other things before they answer."""
        self.reply(["ask", what, number, *arguments])
        for line in self.requests:
            message = message_of(line)
            if message[0] == "returned":
                return self.value(message[1])
            if message[0] == "raised":
                raise getattr(builtins, message[1])(message[2])
            self.reply(self.answer(message))
        raise EOFError("the tests have ended")

    def raised(self, error: BaseException) -> list[Any]:
        builtin = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
        return ["raise", builtin.__name__, f"{error}"[:1000]]

    def reply(self, message: list[Any]) -> None:
        self.replies.write(repr(message).encode() + b"\n")
        self.replies.flush()


class TestsObject:
    """An object of a class of the tests: its public attributes, its items, a call. Two are equal when they are one."""

    _side: CandidateSide
    _number: int

    def __init__(self, side: CandidateSide, number: int) -> None:
        self.__dict__.update(_side=side, _number=number)

    def __getattr__(self, name: str) -> Any:
        return self._side.ask("get", self._number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._side.ask("set", self._number, name, self._side.form(value))

    def __call__(self, *positional: Any, **named: Any) -> Any:
        return self._side.call(self._number, positional, named)

    def __iter__(self) -> Any:
        return self._side.ask("iterate", self._number)

    def __len__(self) -> int:
        return int(self._side.ask("length", self._number))

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return type(other) is TestsObject and other._number == self._number

    def __hash__(self) -> int:
        return self._number


def message_of(line: bytes) -> Any:
    """What the tests ask. They are the trusted side: a literal of theirs may be evaluated."""
    return eval(line, {"__builtins__": {}})


def main() -> None:
    side = CandidateSide(os.fdopen(REQUESTS, "rb"), os.fdopen(REPLIES, "wb"))
    side.start()
    side.serve()
