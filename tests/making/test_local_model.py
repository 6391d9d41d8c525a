"""A model on this machine: asked by many threads, answering in batches, each question once and for itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from helpers.chat_bases import write_chat_base
from mft_core.endpoint.client import Unanswered
from mft_core.endpoint.spending import Allowance, BudgetSpent
from mft_core.errors import MftError
from mft_core.generation.answering import Answer, Prompt, Sampling
from mft_core.generation.assistant import Assistant
from mft_core.generation.opening import open_assistant
from mft_core.making.local_model import LocalModel, LocalSettings, open_local_model
from mft_core.registry.catalog import Catalog

Open = Callable[..., LocalModel]


class Watched:
    """An assistant that notes the batches it is given.

    Attributes:
        batches: how many questions each had, and how they were sampled.
        held: until it is set, no batch is begun.
    """

    def __init__(self, assistant: Assistant) -> None:
        self.assistant = assistant
        self.batches: list[tuple[int, Sampling]] = []
        self.begun, self.held = threading.Event(), threading.Event()
        self.held.set()

    def answer_many(self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[Any]) -> list[Answer]:
        self.batches.append((len(prompts), sampling))
        self.begun.set()
        assert self.held.wait(60)
        return self.assistant.answer_many(prompts, sampling, seeds)


@pytest.fixture(scope="module")
def tiny() -> Assistant:
    from mft_core.registry.discovery import discover
    from mft_core.registry.workspace import Workspace

    return open_assistant("tiny", discover(Workspace()).catalog, "llama")


@pytest.fixture
def watched(tiny: Assistant) -> Watched:
    return Watched(tiny)


@pytest.fixture
def opened(watched: Watched, tmp_path: Path) -> Iterator[Open]:
    """Opens the model with settings of its own, and closes it."""
    with ExitStack() as stack:

        def open_one(journal: str = "journal.jsonl", **settings: Any) -> LocalModel:
            given = LocalSettings(**{"base": "tiny", "temperature": 1.0, "max_tokens": 6, **settings})
            return stack.enter_context(closing(LocalModel(watched, given, tmp_path / journal)))  # type: ignore[arg-type]

        yield open_one


def question(number: int) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"Count to {number}."}]


def test_waiting_questions_are_answered_together_and_each_for_itself(watched: Watched, opened: Open) -> None:
    together, alone = opened(batch_size=4), opened("alone.jsonl", batch_size=1)
    watched.held.clear()
    with ThreadPoolExecutor(12) as pool:
        waiting = [pool.submit(together.ask, "one", question(number)) for number in range(12)]
        assert watched.begun.wait(60)
        while len(together._waiting) + watched.batches[0][0] < 12:
            threading.Event().wait(0.005)
        watched.held.set()
        many = [one.result() for one in waiting]
    sizes = [size for size, _ in watched.batches]
    assert (max(sizes), sum(sizes)) == (4, 12)
    watched.batches.clear()
    assert [alone.ask("one", question(number)) for number in reversed(range(12))] == many[::-1]
    assert [size for size, _ in watched.batches] == [1] * 12
    assert len({reply.text for reply in many}) > 1
    assert together.models == {"tiny"}
    assert together.spending == alone.spending
    assert (together.spending.requests, together.spending.estimated) == (12, 0)


def test_what_is_in_the_journal_is_not_answered_again(watched: Watched, opened: Open) -> None:
    first = opened()
    replies = [first.ask("one", question(1), sample=sample) for sample in range(4)]
    assert len({reply.text for reply in replies}) > 1, "samples are drawn apart"
    assert [opened().ask("one", question(1), sample=sample) for sample in range(4)] == replies
    assert len(watched.batches) == 4
    assert opened().spending == first.spending
    assert first.spending.completion_tokens > 0


def test_questions_that_are_sampled_in_another_way_are_not_mixed(watched: Watched, opened: Open) -> None:
    model = opened(batch_size=8)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: model.ask("one", question(number), max_tokens=2 + number % 2), range(8)))
    assert {sampling.max_new_tokens for _, sampling in watched.batches} == {2, 3}
    assert sum(size for size, _ in watched.batches) == 8
    greedy = [model.ask("one", question(1), sample=sample, temperature=0.0).text for sample in range(2)]
    assert greedy[0] == greedy[1]
    with pytest.raises(TypeError, match="takes no top_p"):
        model.ask("one", question(1), top_p=0.5)


def test_an_answer_that_does_not_end_was_cut_off_and_one_that_says_nothing_is_none(
    watched: Watched, opened: Open
) -> None:
    too_long = [{"role": "user", "content": "1" * 9000}]
    model = opened()
    assert (model.ask("one", question(1)).end, model.ask("one", too_long).end) == ("length", "length")
    watched.answer_many = lambda *_: [Answer("", 20, 1, True)]  # type: ignore[method-assign]
    with pytest.raises(Unanswered, match="without text"):
        model.ask("one", question(2))
    watched.answer_many = lambda *_: [Answer("two", 20, 2, True)]  # type: ignore[method-assign]
    assert model.ask("one", question(2)).end == "stop"


def test_an_error_reaches_all_who_wait_and_all_who_come(watched: Watched, opened: Open) -> None:
    def fail(*_: Any) -> list[Answer]:
        watched.begun.set()
        assert watched.held.wait(60)
        raise RuntimeError("out of memory")

    watched.answer_many = fail  # type: ignore[method-assign]
    watched.held.clear()
    model = opened(batch_size=2)
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(model.ask, "one", question(number)) for number in range(6)]
        assert watched.begun.wait(60)
        watched.held.set()
        for one in waiting:
            with pytest.raises(MftError, match="the model tiny failed: RuntimeError out of memory"):
                one.result()
    with pytest.raises(MftError, match="out of memory"):
        model.ask("one", question(9))


def test_closing_turns_away_who_waits_and_keeps_what_is_being_answered(watched: Watched, opened: Open) -> None:
    model = opened(batch_size=1)
    watched.held.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(model.ask, "one", question(0))
        assert watched.begun.wait(60)
        second = pool.submit(model.ask, "one", question(1))
        model.give_up()
        with pytest.raises(MftError, match="was closed"):
            second.result()
        watched.held.set()
        text = first.result().text
    model.close()
    assert model.ask("one", question(0)).text == text
    with pytest.raises(MftError, match="was closed"):
        model.ask("one", question(1))
    assert not [thread for thread in threading.enumerate() if thread.name == "local-model"]


def test_a_budget_holds_here_too(watched: Watched, opened: Open) -> None:
    model = opened(budget=Allowance(requests=2))
    for number in range(2):
        model.ask("one", question(number))
    with pytest.raises(BudgetSpent):
        model.ask("one", question(2))
    assert len(watched.batches) == 2


@pytest.mark.slow
def test_a_base_is_opened_by_its_name(catalog: Catalog, tmp_path: Path) -> None:
    write_chat_base(tmp_path / "base")
    settings = LocalSettings(str(tmp_path / "base"), temperature=0.0, max_tokens=3)
    with closing(open_local_model(settings, tmp_path / "journal.jsonl", catalog)) as model:
        assert model.ask("one", question(1)).model == settings.base
    assert model.spending.completion_tokens == 3
