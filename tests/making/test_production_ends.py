"""When a making ends, and how little is asked until then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import pytest

from helpers.echo_makers import Echo, Empty, Refuses, ThreeARound
from helpers.lean_endpoint import LeanEndpoint, lean_endpoint
from helpers.productions import produce
from mft_core.making.author import Author
from mft_core.making.draft import Draft, Refused, Seed
from mft_core.making.made import ENOUGH, FRUITLESS, NO_MORE, PATIENCE
from mft_core.making.maker import SeedRequest
from mft_core.making.production import FRUITLESS_ROUNDS


@pytest.fixture
def endpoint() -> Iterator[LeanEndpoint]:
    with lean_endpoint() as one:
        yield one


@pytest.mark.parametrize(("maker", "reason"), [(Refuses(), "not today"), (Empty(), "nothing made of it")])
def test_refusals_in_a_row_end_it_and_the_commonest_reason_is_known(
    tmp_path: Path, endpoint: LeanEndpoint, maker: Echo, reason: str
) -> None:
    made = produce(tmp_path, endpoint, maker, 7, patience=30)
    assert (made.ended, made.in_a_row) == (PATIENCE, 30)
    assert made.reasons == {("maker", reason): 30}
    assert made.commonest is not None
    assert (made.commonest[0].reason, made.commonest[1]) == (reason, 30)
    assert len(maker.requests) == 1


def test_a_record_that_is_kept_gives_new_patience_and_without_any_limit_it_goes_on(
    tmp_path: Path, endpoint: LeanEndpoint
) -> None:
    class Seldom(Echo):
        """Something comes of every tenth seed."""

        def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
            if int(seed.text.split()[-1]) % 10 == 9:
                return super().make(seed, author)
            raise Refused("too early")

    made = produce(tmp_path, endpoint, Seldom(), 7, patience=10)
    assert (made.ended, len(made.kept), made.seeds.total()) == (ENOUGH, 7, 70)
    made = produce(tmp_path, endpoint, Seldom(), 7, patience=9)
    assert (made.ended, len(made.kept), made.seeds.total()) == (PATIENCE, 0, 9)
    refuses = Refuses()
    made = produce(tmp_path, endpoint, refuses, 7, patience=0)
    assert (made.ended, made.seeds.total()) == (NO_MORE, refuses.per_round)


@pytest.mark.parametrize(("wanted", "patience"), [(9, 60), (40, 7)])
def test_what_is_kept_and_refused_does_not_depend_on_how_many_are_in_work(
    tmp_path: Path, endpoint: LeanEndpoint, wanted: int, patience: int
) -> None:
    class Uneven(Echo):
        """Refuses more and more of what it is told."""

        def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
            drafts = list(super().make(seed, author))
            number = int(seed.text.split()[-1])
            if number % (2 + number // 10) != 0:
                raise Refused("not this one")
            return drafts

    one, many = (
        produce(tmp_path / str(number), endpoint, Uneven(), wanted, concurrency=number, patience=patience)
        for number in (1, 16)
    )
    assert (one.kept, one.refused, one.ended) == (many.kept, many.refused, many.ended)
    assert one.ended == (ENOUGH if patience == 60 else PATIENCE)


def test_with_little_patience_little_is_asked(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    class Asks(Refuses):
        """Nothing comes of what it asks."""

        def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
            list(Echo.make(self, seed, author))
            return super().make(seed, author)

    produce(tmp_path, endpoint, Asks(), 2, concurrency=16, patience=25)
    assert len(endpoint.keys) == 25


def test_after_refusals_no_more_is_asked_than_is_still_needed(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    class FirstRefused(Echo):
        """Nothing comes of the first two."""

        def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
            drafts = list(super().make(seed, author))
            if seed.key in ("0/0", "0/1"):
                raise Refused("not yet")
            return drafts

    made = produce(tmp_path, endpoint, FirstRefused(), 4, concurrency=16)
    assert (len(made.kept), len(endpoint.keys)) == (4, 6)


def test_some_short_rounds_may_bring_nothing(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    class Late(ThreeARound):
        """Nothing comes of its first two rounds, nor of those after the fourth."""

        def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
            if seed.key[0] in "23":
                return super().make(seed, author)
            raise Refused("too early or too late")

    maker = Late()
    made = produce(tmp_path, endpoint, maker, 50)
    assert (made.ended, len(made.kept)) == (FRUITLESS, 6)
    assert len(maker.requests) == 4 + FRUITLESS_ROUNDS


def test_a_round_without_an_end_and_without_a_record_ends(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    class Endless(Refuses):
        def seeds(self, request: SeedRequest) -> Iterator[Seed]:
            return (Seed(str(number), "question") for number in count())

    made = produce(tmp_path, endpoint, Endless(), 7)
    assert (made.ended, made.seeds.total()) == (PATIENCE, 60)
