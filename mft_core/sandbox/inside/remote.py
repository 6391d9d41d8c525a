"""The candidate as the tests see it: functions to call, values that came back, objects that stayed over there."""

from __future__ import annotations

import ast
import builtins
from itertools import islice

from mft_core.sandbox.inside.crossing import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

TESTS_MODULE = "tests"
MOST_ITEMS = 1_000_000
# The first three would end a loop of the tests quietly, and its assertions with it; the last takes more arguments.
NEVER_RAISED = (StopIteration, StopAsyncIteration, GeneratorExit, Warning, UnicodeError)


class CandidateEnded(BaseException):
    """No answer comes any more. No test catches it: it is no Exception."""


class CannotCross(BaseException):
    """The tests pass an object that is no literal, no function, no iterator and of no class of theirs."""


class CandidateError(Exception):
    """An exception of the candidate that has no safe counterpart among the built-in ones."""


class Candidate:
    """Asks the candidate's process, by lines of literals; believes nothing but literals of a bounded size."""

    def __init__(self, requests: BinaryIO, replies: BinaryIO, longest_reply: int) -> None:
        self.requests, self.replies, self.longest_reply = requests, replies, longest_reply
        self.given: list[Any] = []
        self.ended = False
        self.failed_callback = ""
        self.out_of_memory = False

    def wait_until_ready(self) -> None:
        """Raises what the candidate's source raised."""
        self.result(self.receive(), ())

    def name(self, name: str) -> tuple[Any, ...]:
        """What the candidate has under a global name: a tuple with it, or an empty one."""
        reply = self.ask(["name", name])
        return () if reply[0] == "missing" else (self.result(reply, ()),)

    def call(self, number: int, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
        names = {name: self.form(value) for name, value in named.items()}
        return self.result(self.ask(["call", number, [self.form(value) for value in positional], names]), positional)

    def ask(self, request: list[Any]) -> list[Any]:
        self.send(request)
        reply = self.receive()
        while reply[0] == "ask":
            self.send(self.serve(*reply[1:]))
            reply = self.receive()
        return reply

    def result(self, reply: list[Any], arguments: tuple[Any, ...]) -> Any:
        if reply[0] == "raise":
            raise self.exception(str(reply[1]), str(reply[2]))
        for place, form in (reply[2] if len(reply) > 2 else {}).items():
            _replace(arguments[int(place)], self.value(form))
        return self.value(reply[1])

    def exception(self, name: str, message: str) -> Exception:
        kind = getattr(builtins, name, None)
        self.out_of_memory |= kind is MemoryError
        if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, NEVER_RAISED):
            return kind(message)
        return CandidateError(f"{name}: {message}")

    def serve(self, what: str, number: int, *arguments: Any) -> list[Any]:
        """Uses a function or an object that the tests gave to the candidate. A failed assertion in it cannot be
        swallowed there."""
        try:
            return ["returned", self.form(getattr(self, f"serve_{what}")(self.given[number], *arguments))]
        except Exception as error:  # noqa: BLE001 - the candidate may expect any
            if isinstance(error, AssertionError):
                self.failed_callback = f"in a function given to the candidate: {error}"
            kind = next(base for base in type(error).__mro__ if base.__module__ == "builtins")
            return ["raised", kind.__name__, str(error)]

    def serve_call(self, function: Any, positional: list[Any], named: dict[str, Any]) -> Any:
        names = {str(name): self.value(form) for name, form in named.items()}
        return function(*[self.value(form) for form in positional], **names)

    def serve_get(self, target: Any, name: str) -> Any:
        _check_attribute(target, name)
        return getattr(target, name)

    def serve_set(self, target: Any, name: str, form: Any) -> None:
        _check_attribute(target, name)
        if hasattr(type(target), name) and not hasattr(getattr(type(target), name), "__set__"):
            raise AttributeError(f"{name!r} belongs to the class")
        setattr(target, name, self.value(form))

    def serve_iterate(self, target: Any) -> Any:
        _check_attribute(target, "")
        return iter(target)

    def serve_length(self, target: Any) -> int:
        _check_attribute(target, "")
        return len(target)

    def send(self, message: list[Any]) -> None:
        try:
            self.requests.write(repr(message).encode() + b"\n")
            self.requests.flush()
        except BrokenPipeError:
            self.end("it reads no requests")

    def receive(self) -> list[Any]:
        line = self.replies.readline(self.longest_reply)
        if not line.endswith(b"\n"):
            self.end(f"a reply has more than {self.longest_reply} bytes" if line else "it has ended")
        try:
            reply = ast.literal_eval(line.decode("utf-8", "surrogatepass"))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            self.end("it wrote no literal")
        if not isinstance(reply, list) or not reply:
            self.end("it wrote no reply")
        return list(reply)

    def end(self, reason: str) -> None:
        self.ended = True
        raise CandidateEnded(reason)

    def form(self, value: Any) -> Any:
        return encode(value, self.describe)

    def describe(self, value: Any) -> dict[str, Any]:
        if type(value) is RemoteObject:
            return {"object": object.__getattribute__(value, "_number")}
        if getattr(value, "__module__", None) == "builtins" and hasattr(builtins, getattr(value, "__name__", "")):
            return {"builtin": value.__name__}
        if type(value).__module__ == TESTS_MODULE or callable(value):
            kind = "function" if type(value).__module__ != TESTS_MODULE else "given"
            return {kind: self.number(value)}
        if hasattr(value, "__next__"):
            return {"iterator": [self.form(item) for item in islice(value, MOST_ITEMS)]}
        raise CannotCross(f"the tests give the candidate a {type(value).__name__}")

    def number(self, value: Any) -> int:
        for number, known in enumerate(self.given):
            if known is value:
                return number
        self.given.append(value)
        return len(self.given) - 1

    def value(self, form: Any) -> Any:
        return decode(form, self.restore)

    def restore(self, kind: str, argument: Any) -> Any:
        if kind == "given":
            return self.given[argument]
        if kind != "object":
            raise ValueError(f"the candidate wrote a value of the kind {kind!r}")
        number, name = argument
        return RemoteObject(self, int(number), str(name))


def _check_attribute(target: Any, name: str) -> None:
    """The candidate may use public attributes of instances of the tests' classes, and nothing of functions, classes or
    frames: from these a way leads to the tests themselves."""
    if type(target).__module__ != TESTS_MODULE or name.startswith("_"):
        raise AttributeError(f"{type(target).__name__!r} object has no attribute {name!r} for the candidate")


def _replace(argument: Any, value: Any) -> None:
    """Does to an argument of the tests what the candidate did to its copy."""
    if type(argument) is not type(value):
        return
    if isinstance(argument, (list, bytearray)):
        argument[:] = value
    elif isinstance(argument, (dict, set)):
        argument.clear()
        argument.update(value)


class RemoteObject:
    """An object of the candidate. It can be called, iterated, measured and asked for attributes; it has no opinion on
    anything: two are equal when they are the same object, and no operator reaches the candidate's methods."""

    __slots__ = ("_candidate", "_kind", "_number")

    def __init__(self, candidate: Candidate, number: int, kind: str) -> None:
        object.__setattr__(self, "_candidate", candidate)
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_kind", kind)

    def __call__(self, *positional: Any, **named: Any) -> Any:
        return self._candidate.call(self._number, positional, named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._candidate.result(self._candidate.ask(["get", self._number, name]), ())

    def __setattr__(self, name: str, value: Any) -> None:
        candidate = self._candidate
        candidate.result(candidate.ask(["set", self._number, name, candidate.form(value)]), ())

    def __iter__(self) -> Iterator[Any]:
        candidate = self._candidate
        return iter(candidate.result(candidate.ask(["iterate", self._number]), ())._items, _END)

    def _items(self) -> Any:
        reply = self._candidate.ask(["next", self._number])
        return _END if reply[0] == "missing" else self._candidate.result(reply, ())

    def __next__(self) -> Any:
        item = self._items()
        if item is _END:
            raise StopIteration
        return item

    def __len__(self) -> int:
        return int(self._candidate.result(self._candidate.ask(["length", self._number]), ()))

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return type(other) is RemoteObject and object.__getattribute__(other, "_number") == self._number

    def __hash__(self) -> int:
        return hash(self._number)

    def __repr__(self) -> str:
        return f"<{self._kind} of the candidate>"


_END = object()
