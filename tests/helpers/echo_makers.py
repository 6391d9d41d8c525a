"""Makers that ask one short question a seed, well or badly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from helpers.drafts import draft
from mft_core.making.author import USER, Author
from mft_core.making.draft import Draft, Refused, Seed
from mft_core.making.maker import Maker, SeedRequest


class Echo(Maker):
    """One question a seed; the record is the answer."""

    questions_per_seed = 1.0
    per_round = 100
    rounds = 1

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[SeedRequest] = []

    def seeds(self, request: SeedRequest) -> Iterator[Seed]:
        self.requests.append(request)
        if request.round < self.rounds:
            for number in range(self.per_round):
                yield Seed(f"{request.round}/{number}", f"question {request.round} {number}", f"topic {number % 3}")

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        return [draft(seed.text, author.ask("echo", [(USER, seed.text)]))]


class ThreeARound(Echo):
    per_round = 3
    rounds = 100


class Repeats(Echo):
    """Of every ten seeds, two say what an earlier one says."""

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        number = int(seed.text.split()[-1])
        text = f"question about {'sorting' if number % 10 in (3, 7) else number}"
        return [draft(text, author.ask("echo", [(USER, text)]))]


class Raises(Echo):
    """At some seeds it has a fault."""

    def __init__(self, at: set[int]) -> None:
        super().__init__()
        self._at = at

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        if int(seed.text.split()[-1]) in self._at:
            raise KeyError("no such thing")
        return super().make(seed, author)


class Refuses(Echo):
    """Nothing comes of any seed."""

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        raise Refused("not today", seed.text)


class Empty(Echo):
    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        return []


class Yields(Echo):
    """The same thing at every seed."""

    def __init__(self, what: object) -> None:
        super().__init__()
        self._what = what

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        return [self._what]  # type: ignore[list-item]


class Exits(Echo):
    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        raise SystemExit(3)


class Endless(Echo):
    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        while True:
            yield draft("the same question", "the same answer")


class BadSeeds(Echo):
    """After some seeds, it yields something else, or raises."""

    def __init__(self, what: object) -> None:
        super().__init__()
        self._what = what

    def seeds(self, request: SeedRequest) -> Iterator[Seed]:
        yield from [Seed("0", "question one"), Seed("1", "question two")]
        if isinstance(self._what, BaseException):
            raise self._what
        yield self._what  # type: ignore[misc]
