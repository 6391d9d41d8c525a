"""The loop of a making: what is kept follows from the order of the seeds, and money is spent on no more than needed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from helpers.echo_makers import BadSeeds, Echo, Endless, Exits, Raises, Repeats, ThreeARound, Yields
from helpers.lean_endpoint import LeanEndpoint, lean_endpoint
from helpers.productions import instructions, produce, production
from mft_core.errors import MftError
from mft_core.making.author import Author
from mft_core.making.draft import Draft, Refused, Seed
from mft_core.making.made import BUDGET, ENOUGH, PATIENCE, MakingProgress
from mft_core.making.maker import SeedRequest
from mft_core.making.production import FAILURES_IN_A_ROW
from mft_core.records import Turn


@pytest.fixture
def endpoint() -> Iterator[LeanEndpoint]:
    with lean_endpoint() as one:
        yield one


def test_the_first_seeds_are_kept_in_their_order_whatever_comes_first(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    made = produce(tmp_path / "many", endpoint, Echo(), 20, concurrency=16)
    assert made.ended == ENOUGH
    assert instructions(made) == [f"question 0 {number}" for number in range(20)]
    assert instructions(produce(tmp_path / "one", endpoint, Echo(), 20, concurrency=1)) == instructions(made)


def test_no_more_is_asked_than_is_likely_to_be_needed(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    produce(tmp_path, endpoint, Echo(), 5, concurrency=64)
    assert len(endpoint.keys) == 5


def test_rounds_go_on_until_there_are_enough_and_know_what_was_kept(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    maker = ThreeARound()
    made = produce(tmp_path, endpoint, maker, 7)
    assert instructions(made) == [f"question {n // 3} {n % 3}" for n in range(7)]
    assert [(request.round, len(request.kept)) for request in maker.requests] == [
        (0, 0), (1, 3), (2, 6),
    ]  # fmt: skip


def test_repetitions_are_counted_under_the_filter_that_found_them(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    made = produce(tmp_path, endpoint, Repeats(), 41)
    assert len(set(instructions(made))) == 41
    assert {name for name, _ in made.reasons} == {"duplicates"}
    # Two of every ten seeds say the same, of which the first is kept.
    assert made.seeds.total() == 50
    assert len(made.refused) == 9


def test_a_seed_at_which_the_maker_fails_is_counted_with_the_place(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    made = produce(tmp_path, endpoint, Raises({1, 4}), 10)
    assert instructions(made) == [f"question 0 {number}" for number in (0, 2, 3, 5, 6, 7, 8, 9, 10, 11)]
    assert made.reasons == {("maker", "raised KeyError"): 2}
    assert "echo_makers.py:" in made.refused[0].detail


def test_a_maker_that_fails_again_and_again_ends_the_making(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    failing = set(range(3, 3 + FAILURES_IN_A_ROW))
    with production(tmp_path, endpoint, Raises(failing), 50) as one:
        with pytest.raises(MftError, match="raised at 5 seeds in a row"):
            one.run(lambda progress: None)
        assert instructions(one.made) == ["question 0 0", "question 0 1", "question 0 2"]
    assert len(endpoint.keys) < 50


@pytest.mark.parametrize(
    "what",
    [
        "text", Draft(()), Draft((Turn("user", "why?"),)), Draft((Turn("assistant", "so."), Turn("user", "why?"))),
        Draft((Turn("narrator", "once"), Turn("assistant", "so."))), Draft((Turn("user", 5), Turn("assistant", "so."))),  # type: ignore[arg-type]
        Draft((Turn("user", "why \ud800?"), Turn("assistant", "so."))),
    ],
)  # fmt: skip
def test_what_is_no_draft_is_counted(tmp_path: Path, endpoint: LeanEndpoint, what: object) -> None:
    made = produce(tmp_path, endpoint, Yields(what), 5)
    assert not made.kept
    assert set(made.reasons) == {("maker", "malformed draft")}


def test_a_maker_that_exits_is_counted_like_one_that_raises(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    with pytest.raises(MftError, match="raised SystemExit"):
        produce(tmp_path, endpoint, Exits(), 5)


@pytest.mark.parametrize("what", [ValueError("no such file"), SystemExit(3), "text", Seed(5, "text")])  # type: ignore[arg-type]
def test_seeds_that_cannot_be_had_end_it_with_what_there_is(
    tmp_path: Path, endpoint: LeanEndpoint, what: object
) -> None:
    with production(tmp_path, endpoint, BadSeeds(what), 5, concurrency=1) as one:
        with pytest.raises(MftError, match="the maker's seeds"):
            one.run(lambda progress: None)
        assert one.made.seeds.total() <= 2


def test_a_seed_of_which_drafts_never_end(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    maker = Endless()
    maker.per_round = 1
    made = produce(tmp_path, endpoint, maker, 2)
    assert (len(made.kept), made.ended) == (1, PATIENCE)


def test_a_spent_budget_ends_it_and_a_larger_one_goes_on(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    first = produce(tmp_path, endpoint, Echo(), 20, concurrency=1, budget_requests=8)
    assert (first.ended, len(first.kept)) == (BUDGET, 8)
    assert len(endpoint.keys) == 8
    second = produce(tmp_path, endpoint, Echo(), 20)
    assert (second.ended, len(second.kept)) == (ENOUGH, 20)
    assert len(endpoint.keys) == len(set(endpoint.keys)) == 20
    assert instructions(second)[:8] == instructions(first)


class Particular(Echo):
    """Refuses the answers to every third question, until it likes them."""

    refuses = True

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        drafts = list(super().make(seed, author))
        if self.refuses and int(seed.text.split()[-1]) % 3 == 0:
            raise Refused("no code block")
        return drafts


def test_asked_again_seeds_that_came_to_nothing_are_asked_for_anew_once(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    first = produce(tmp_path, endpoint, Particular(), 6)
    assert (len(first.kept), first.by_answers) == (6, 3)
    asked = len(endpoint.keys)
    assert produce(tmp_path, endpoint, Particular(), 6).kept == first.kept
    assert len(endpoint.keys) == asked
    again = produce(tmp_path, endpoint, Particular(), 6, ask_again=True)
    assert (again.kept, again.by_answers) == (first.kept, 3)
    keys = endpoint.keys[asked:]
    # Beyond the last record, some seeds are still in work when there are enough.
    assert len(keys) == len(set(keys)) >= 3
    assert {key.rpartition("-")[0] for key in keys if key.endswith("-1")} <= set(endpoint.keys[:asked])
    liked = Particular()
    liked.refuses = False
    asked = len(endpoint.keys)
    assert instructions(produce(tmp_path, endpoint, liked, 6)) == [f"question 0 {number}" for number in range(6)]
    assert len(endpoint.keys) == asked


def test_what_was_answered_before_holds_where_there_is_no_budget_to_ask_again(
    tmp_path: Path, endpoint: LeanEndpoint
) -> None:
    first = produce(tmp_path, endpoint, Particular(), 6)
    asked = len(endpoint.keys)
    again = produce(tmp_path, endpoint, Particular(), 6, ask_again=True, budget_requests=asked)
    assert (again.kept, again.ended, again.unaffordable) == (first.kept, ENOUGH, 3)
    assert len(endpoint.keys) == asked


def test_progress_counts_what_was_made_kept_and_spent(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    seen: list[MakingProgress] = []
    with production(tmp_path, endpoint, Repeats(), 41) as one:
        one.run(seen.append)
    last = seen[-1]
    assert (last.wanted, last.kept, last.made) == (41, 41, 50)
    assert last.reasons.total() == 9
    # A question that is asked beyond the last record is still under way.
    assert 5 * 41 <= last.spending.completion_tokens <= 5 * len(endpoint.keys)
    assert last.seconds_left == 0


def test_when_it_is_over_no_thread_asks_anything_more(tmp_path: Path) -> None:
    released = threading.Event()

    class Slow(Echo):
        """All seeds but the first wait until the making is over, then ask."""

        def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
            if not seed.text.endswith(" 0"):
                released.wait(20)
            return super().make(seed, author)

        def seeds(self, request: SeedRequest) -> Iterator[Seed]:
            return iter([Seed("0", "question 0"), Seed("1", "question 1"), Seed("2", "question 2")])

    with lean_endpoint() as endpoint, production(tmp_path, endpoint, Slow(), 2) as one:

        def interrupt(progress: MakingProgress) -> None:
            threading.Timer(0.3, released.set).start()
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            one.run(interrupt)
        assert len(endpoint.keys) == 1
        assert len(one.made.kept) == 1
