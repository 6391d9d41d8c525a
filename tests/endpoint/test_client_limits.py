"""What an endpoint is asked of, how fast, and what it may cost."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from helpers import fake_endpoint as fake
from helpers.disks import fill
from helpers.endpoints import QUESTION, Open, question
from helpers.fake_endpoint import Answer, FakeEndpoint, Handler, reply, says
from mft_core.endpoint.client import Unanswered
from mft_core.endpoint.spending import Allowance, BudgetSpent, Spending
from mft_core.errors import MftError


def costs(prompt: int, completion: int) -> str:
    """The body of a reply with its usage."""
    told = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return json.dumps({**json.loads(reply()), "usage": told})


def noting(times: list[float], answer: Answer) -> Answer:
    """That answer; the moment of it is noted."""

    def note(handler: Handler, body: dict[str, Any]) -> None:
        times.append(time.monotonic())
        answer(handler, body)

    return note


def test_parameters_and_samples_make_questions_of_their_own(server: FakeEndpoint, opened: Open) -> None:
    endpoint = opened(parameters={"temperature": 0, "max_tokens": 9})
    for _ in range(2):
        endpoint.ask("one", QUESTION)
        endpoint.ask("one", QUESTION, sample=1)
        endpoint.ask("one", QUESTION, temperature=1, top_p=0.5)
    plain = {"model": "judge-1", "messages": QUESTION, "temperature": 0, "max_tokens": 9}
    assert server.requests == [plain, plain, {**plain, "temperature": 1, "top_p": 0.5}]
    assert len({headers["Idempotency-Key"] for headers in server.headers}) == 3


def test_another_model_that_answers_is_told(server: FakeEndpoint, opened: Open) -> None:
    server.plan = [says(reply(model="cheap-1")), says(reply("fi", "length", "cheap-2")), says(reply(model=""))]
    endpoint = opened()
    found = [endpoint.ask("one", question(number)).model for number in range(3)]
    assert found == ["cheap-1", "cheap-2", ""]
    assert endpoint.models == opened().models == {"cheap-1", "cheap-2"}


def test_every_paid_response_is_counted_also_by_the_next_process(server: FakeEndpoint, opened: Open) -> None:
    unusable = json.dumps({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 1}})
    server.plan = [says("oops", 500), says(unusable), says(costs(100, 10)), says(reply("four"))]
    endpoint = opened(tries=3, prices=(10.0, 100.0))
    endpoint.ask("one", QUESTION)
    assert endpoint.spending == Spending(3, 200, 11, 0, pytest.approx(0.0031))
    endpoint.ask("two", QUESTION)
    assert endpoint.spending == opened(prices=(10.0, 100.0)).spending
    assert (endpoint.spending.requests, endpoint.spending.estimated) == (4, 1)
    assert endpoint.spending.tokens == 200 + 11 + 4 + 3 + 1


def test_a_budget_of_requests_holds_over_processes(server: FakeEndpoint, opened: Open) -> None:
    for number in range(3):
        opened(budget=Allowance(requests=3)).ask("one", question(number))
    endpoint = opened(budget=Allowance(requests=3))
    for _ in range(2):
        with pytest.raises(BudgetSpent, match="the budget of 3 requests is spent"):
            endpoint.ask("one", question(3))
        assert endpoint.ask("one", question(2)).text == "fine"
    assert len(server.requests) == 3


def test_tokens_are_set_aside_before_a_question_and_given_back_after_it(server: FakeEndpoint, opened: Open) -> None:
    """Each may take 4 + 1 + 100 tokens, and takes 15: alone or at once, no fewer than fit are asked."""
    server.otherwise = says(costs(10, 5))
    for workers in (1, 8):
        server.requests.clear()
        endpoint = opened(f"{workers}.jsonl", parameters={"max_tokens": 100}, budget=Allowance(tokens=300))

        def ask(number: int, endpoint: object = endpoint) -> bool:
            try:
                return bool(endpoint.ask("one", question(number)))  # type: ignore[attr-defined]
            except BudgetSpent:
                return False

        with ThreadPoolExecutor(workers) as pool:
            answered = sum(pool.map(ask, range(10, 60)))
        # The last one is sent with 195 spent: 195 + 105 = 300.
        assert answered == len(server.requests) == 14
        assert endpoint.spending.tokens == 210
        assert opened(f"{workers}.jsonl", budget=Allowance(tokens=1)).ask("one", question(10), max_tokens=100)


def test_the_budget_counts_requests_whose_response_never_came(server: FakeEndpoint, opened: Open) -> None:
    """They may be charged for: each of 4 + 1 + 100 tokens at most. Where nobody listens, nothing was sent."""
    server.otherwise = fake.reset
    endpoint = opened(parameters={"max_tokens": 100}, budget=Allowance(tokens=350), tries=9)
    with pytest.raises(BudgetSpent, match=r"315 of the budget .* \(315 at most by requests without a response\)"):
        endpoint.ask("one", question(10))
    assert len(server.requests) == 3
    assert endpoint.spending == opened(budget=Allowance(tokens=350)).spending == Spending(3, lost=315)
    alone = opened("alone.jsonl", url="http://127.0.0.1:1/v1", parameters={"max_tokens": 100}, tries=3)
    with pytest.raises(Unanswered):
        alone.ask("one", question(10))
    assert alone.spending == opened("alone.jsonl").spending == Spending(3)


def test_no_more_are_under_way_than_is_wanted(server: FakeEndpoint, opened: Open) -> None:
    inside: list[int] = []
    most: list[int] = []

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.005)
        inside.pop()
        handler.send(200, reply())

    server.otherwise = answer
    endpoint = opened(concurrency=3)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda number: endpoint.ask("one", question(number)), range(36)))
    assert 1 < max(most) <= 3


def test_waits_that_the_endpoint_asks_for_are_no_tries_and_hold_back_all(server: FakeEndpoint, opened: Open) -> None:
    """Two tries, three waits of a second: the other question waits too, though nobody told it to."""
    refused: list[float] = []
    answered: list[float] = []
    busy = noting(refused, says("busy", 429, Retry_After="1"))
    server.plan = [busy, busy, busy]
    server.otherwise = noting(answered, says(reply()))
    endpoint = opened(tries=2, concurrency=8)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(endpoint.ask, "one", question(0))
        while len(server.requests) < 3 or endpoint.concurrency > 1:
            time.sleep(0.005)
        second = pool.submit(endpoint.ask, "one", question(1))
        assert (first.result().text, second.result().text) == ("fine", "fine")
    assert len(server.requests) == 5
    assert min(answered) >= max(refused) + 1, "it was asked before it wanted to be"
    assert endpoint.concurrency > 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_endpoint_that_names_no_time_uses_up_tries(status: int, server: FakeEndpoint, opened: Open) -> None:
    server.otherwise = says("busy", status)
    endpoint = opened(tries=3, concurrency=8)
    with pytest.raises(Unanswered, match="busy"):
        endpoint.ask("one", QUESTION)
    assert len(server.requests) == 3
    assert endpoint.concurrency == 1


def test_an_error_of_the_server_is_not_taken_for_too_many_questions(server: FakeEndpoint, opened: Open) -> None:
    server.plan = [says("oops", 500)]
    endpoint = opened(concurrency=8)
    endpoint.ask("one", QUESTION)
    assert endpoint.concurrency == 8


def test_waits_end_when_their_sum_is_too_long(
    server: FakeEndpoint, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mft_core.endpoint.client.LONGEST_WAIT", 1.5)
    server.otherwise = says("busy", 429, Retry_After="1")
    with pytest.raises(Unanswered, match="busy"):
        opened(tries=100).ask("one", QUESTION)
    assert len(server.requests) == 2


def test_closing_ends_every_wait(server: FakeEndpoint, opened: Open) -> None:
    """Of one that pauses, one that the pause holds back, and one that hangs."""
    endpoint = opened(seconds=3600, concurrency=8)
    server.plan = [fake.hang, says("busy", 429, Retry_After="500")]
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(endpoint.ask, "one", question(0))]
        while len(server.requests) < 1:
            time.sleep(0.005)
        waiting.append(pool.submit(endpoint.ask, "one", question(1)))
        while endpoint.concurrency > 4:
            time.sleep(0.005)
        waiting.append(pool.submit(endpoint.ask, "one", question(2)))
        endpoint.close()
        for one in waiting:
            with pytest.raises(MftError, match="it was given up before"):
                one.result()
    assert not [thread for thread in threading.enumerate() if thread.name == "endpoint"]
    assert len(server.requests) == 2


def test_giving_up_lets_what_is_under_way_come_in(server: FakeEndpoint, opened: Open, tmp_path: Path) -> None:
    free = threading.Event()

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        free.wait(60)
        handler.send(200, reply())

    server.otherwise = answer
    endpoint = opened()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(endpoint.ask, "one", QUESTION)
        while not server.requests:
            time.sleep(0.005)
        endpoint.give_up()
        free.set()
        assert waiting.result().text == "fine"
    with pytest.raises(MftError, match="it was given up before"):
        endpoint.ask("two", QUESTION)
    assert endpoint.ask("one", QUESTION).text == "fine"


def test_nothing_is_sent_that_the_disk_has_no_room_to_tell_of(
    server: FakeEndpoint, opened: Open, small_disk: Path
) -> None:
    endpoint = opened(str(small_disk / "journal.jsonl"))
    endpoint.ask("one", question(0))
    filling = fill(small_disk)
    numbers = range(1, 200)  # the page that the journal ends in may still have room for some
    with pytest.raises(MftError, match="cannot be written: No space left"):
        any(endpoint.ask("one", question(number)).text != "fine" for number in numbers)
    filling.unlink()
    sent, hits = len(server.requests), dict(server.hits)
    again = opened(str(small_disk / "journal.jsonl"))
    assert again.ask("one", question(0)).text == endpoint.ask("one", question(0)).text == "fine"
    assert (len(server.requests), dict(server.hits)) == (sent, hits)
    assert again.ask("one", question(500)).text == "fine"
