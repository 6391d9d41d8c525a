"""Instructions that are like earlier ones are left out before anybody pays for their solutions, in the seeds' order."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("rapidfuzz", reason="ROUGE-L needs the extra make")

from helpers.drafts import draft
from helpers.echo_makers import Echo
from helpers.lean_endpoint import LeanEndpoint, lean_endpoint
from helpers.productions import instructions, produce, production
from mft_core.audit.leakage import Problem
from mft_core.making.admission import Admission
from mft_core.making.author import USER, Author
from mft_core.making.draft import Draft, Refused, Seed
from mft_core.making.filters.chain import FilterChain
from mft_core.making.filters.leakage import LeakageFilter
from mft_core.making.made import ENOUGH, Made, MakingProgress
from mft_core.making.production import OnProgress

SHELF = "Write a function that returns, for shelf {0} of shop {0}, the sum of all prices on it in cents"

NO_FILTERS = FilterChain([], [])


@pytest.fixture
def endpoint() -> Iterator[LeanEndpoint]:
    with lean_endpoint() as one:
        yield one


class Shelves(Echo):
    """A question words an instruction, another one solves it; of every ten, three are one of two, in other words.

    Args:
        slow: seconds that a seed may take until it has its instruction, drawn anew in every making.
    """

    def __init__(self, slow: float = 0.0) -> None:
        super().__init__()
        self._slow = slow

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        number = int(seed.text.split()[-1])
        author.ask("wording", [(USER, f"word {number}")])
        time.sleep(random.uniform(0, self._slow))
        text = f"{number} {number * 7} {number * 11} {number * 13} {number * 17}"
        if number % 10 in (2, 5, 7):
            text = SHELF.format(number % 2) + ", please" * (number % 3)
        return [draft(one, author.ask("solution", [(USER, f"solve {one}")])) for one in author.fresh([text])]


def counts(made: Made) -> tuple[list[str], Counter[tuple[str, str]], list[tuple[str, str]]]:
    return instructions(made), made.reasons, [(one.seed.key, one.detail) for one in made.refused]


def test_what_is_like_an_earlier_instruction_is_not_solved(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    made = produce(tmp_path, endpoint, Shelves(), 50, rouge=0.7)
    assert made.ended == ENOUGH
    assert set(made.reasons) == {("rouge", "like an earlier instruction"), ("duplicates", "duplicate instruction")}
    solutions = len(endpoint.keys) - made.seeds.total()
    # Beyond the last record, some seeds are still in work when there are enough.
    assert 50 <= solutions <= 50 + 16
    assert len(made.refused) > 15
    assert made.refused[0].draft is not None
    assert made.refused[0].draft.instruction.startswith("Write a function")


@pytest.mark.parametrize("concurrency", [1, 3, 32])
def test_it_follows_from_the_order_of_the_seeds_alone(tmp_path: Path, endpoint: LeanEndpoint, concurrency: int) -> None:
    expected = counts(produce(tmp_path / "one", endpoint, Shelves(), 40, rouge=0.7, concurrency=1))
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        with suppress(KeyboardInterrupt), production(folder, endpoint, Shelves(0.01), 40, rouge=0.7) as one:
            one.run(_interrupt_after(attempt * 9))
        found = produce(folder, endpoint, Shelves(0.01), 40, rouge=0.7, concurrency=concurrency)
        assert counts(found) == expected


def _interrupt_after(results: int) -> OnProgress:
    left = iter(range(results))

    def count(progress: MakingProgress) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    return count


def test_one_whose_solution_came_to_nothing_is_earlier_all_the_same(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    class Unsolved(Echo):
        per_round = 2

        def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
            for _ in author.fresh(["Write a sum."]):
                author.ask("solution", [(USER, "solve")])
                raise Refused("no code block")
            return []

    made = produce(tmp_path, endpoint, Unsolved(), 5)
    assert made.reasons == {("maker", "no code block"): 1, ("duplicates", "duplicate instruction"): 1}
    assert len(endpoint.keys) == 1


def test_seeds_that_ask_for_nothing_or_fail_hold_nobody_up(tmp_path: Path, endpoint: LeanEndpoint) -> None:
    class Some(Shelves):
        def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
            number = int(seed.text.split()[-1])
            if number % 4 == 0:
                raise KeyError("no such thing")
            return [draft(f"plain {number}", "a")] if number % 4 == 1 else super().make(seed, author)

    made = produce(tmp_path, endpoint, Some(), 30, rouge=0.7)
    assert (made.ended, len(made.kept)) == (ENOUGH, 30)


def test_a_leaked_problem_is_counted_as_such_every_time_and_never_solved(
    tmp_path: Path, endpoint: LeanEndpoint
) -> None:
    problem = "Given the heights of all towers, count those from which the setting sun can be seen by a visitor."

    class Leaks(Shelves):
        def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
            if int(seed.text.split()[-1]) % 5 != 3:
                return super().make(seed, author)
            assert not author.fresh([problem])
            return []

    filters = [LeakageFilter([Problem("exam", "exam/0", (problem,))], 0.5)]
    made = produce(tmp_path, endpoint, Leaks(), 20, check=filters)
    assert made.reasons["leakage", "problem of a published set"] == sum(
        1 for number in range(made.seeds.total()) if number % 5 == 3
    )
    assert ("maker", "raised AssertionError") not in made.reasons


def test_within_a_seed_an_instruction_is_let_through_once_and_refusals_are_left_to_the_solving() -> None:
    turn = Admission(0.7, NO_FILTERS).turn()
    refusal = "I'm sorry, but I cannot help with that."
    asked = ["Write a sum.", "write  a SUM.", refusal, refusal, "Sort the words of a text by length, please."]
    assert turn.fresh(asked) == [asked[0], refusal, refusal, asked[4]]
    assert [one.reason for one in turn.refused] == ["duplicate instruction"]
    assert turn.fresh(asked) == asked, "decided once"


@pytest.mark.parametrize("rouge", [0.0, 1.0])
def test_without_rouge_equal_instructions_alone_are_left_out(rouge: float) -> None:
    turn = Admission(rouge, NO_FILTERS).turn()
    assert turn.fresh([SHELF.format(1), SHELF.format(1) + ".", SHELF.format(1)]) == [
        SHELF.format(1),
        SHELF.format(1) + ".",
    ]


def test_when_it_is_over_nobody_waits() -> None:
    admission = Admission(0.7, NO_FILTERS)
    admission.turn()
    second = admission.turn()
    waiting = threading.Thread(target=second.fresh, args=(["Write a sum."],))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    admission.close()
    waiting.join(10)
    assert not waiting.is_alive()
