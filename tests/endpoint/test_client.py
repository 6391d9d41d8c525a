"""A model behind an endpoint: every way to fail, nothing paid twice, no key anywhere."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers import fake_endpoint as fake
from helpers.endpoints import KEY, QUESTION, Open, question
from helpers.fake_endpoint import FakeEndpoint, reply, says
from mft_core.endpoint.client import FIRST_REFUSALS, Unanswered
from mft_core.errors import MftError, UsageError


def test_a_question_is_sent_once_and_answered_from_the_journal(server: FakeEndpoint, opened: Open) -> None:
    first = opened(parameters={"temperature": 0})
    assert first.ask("one", QUESTION).text == "fine"
    assert first.ask("one", QUESTION).model == "judge-1"
    again = opened(parameters={"temperature": 0})
    assert again.ask("one", QUESTION) == first.ask("one", QUESTION)
    assert server.requests == [{"model": "judge-1", "messages": QUESTION, "temperature": 0}]
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    again.ask("two", QUESTION)
    assert len(server.requests) == 2


def test_threads_that_ask_the_same_pay_once(server: FakeEndpoint, opened: Open) -> None:
    endpoint = opened()
    with ThreadPoolExecutor(8) as pool:
        replies = list(
            pool.map(lambda number: endpoint.ask("one", [{"role": "user", "content": str(number % 3)}]), range(24))
        )
    assert {one.text for one in replies} == {"fine"}
    assert sorted(server.hits.values()) == [1, 1, 1]


BAD = {
    "too many requests": says('{"error": {"message": "slow down"}}', 429, Retry_After="0"),
    "server error": says("oops", 500),
    "bad gateway": says("<html>bad gateway</html>", 502),
    "error with status 200": says('{"error": {"message": "overloaded", "type": "server_error"}}'),
    "error as text": says('{"error": "overloaded"}'),
    "HTML": says("<html><body>Welcome</body></html>"),
    "nothing": says(""),
    "a list": says("[]"),
    "null": says("null"),
    "deep": says("[" * 100_000),
    "cut off JSON": says(reply()[:30]),
    "no choices": says('{"choices": []}'),
    "choices null": says('{"choices": null}'),
    "choices of text": says('{"choices": ["fine"]}'),
    "no message": says('{"choices": [{"finish_reason": "stop"}]}'),
    "null content": says(reply(None)),
    "empty content": says(reply(" ")),
    "a stream that broke": says(reply("fi", None)),
    "no finish_reason": says('{"choices": [{"message": {"content": "fine"}}]}'),
    "a tool call": says(reply("fine", "tool_calls")),
    "cut short": fake.cut_short,
    "reset": fake.reset,
    "too large": fake.flood,
    "an error with a list as code": says('{"error": {"message": ["a"], "code": ["b"], "type": {"c": 1}}}', 500),
    "an error with a list as code and status 200": says('{"error": {"code": [{}]}}'),
    "odd values": says('{"model": [], "choices": [{"message": {"content": {}}, "finish_reason": ["stop"]}]}'),
    "redirect": says("", 302, Location="http://127.0.0.1:1/"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_reply_is_asked_for_again(name: str, server: FakeEndpoint, opened: Open) -> None:
    server.plan = [BAD[name]]
    assert opened().ask("one", QUESTION).text == "fine"
    assert len(server.requests) == 2
    server.plan = [BAD[name]] * 2
    with pytest.raises(Unanswered):
        opened("other.jsonl").ask("one", QUESTION)
    assert len(server.requests) == 4
    assert opened("other.jsonl").ask("one", QUESTION).text == "fine"


@pytest.mark.parametrize("bad", [fake.hang, fake.drip, fake.drip_headers])
def test_an_endpoint_that_never_ends_is_left(bad: fake.Answer, server: FakeEndpoint, opened: Open) -> None:
    server.plan = [bad]
    endpoint = opened(seconds=0.4)
    assert endpoint.ask("one", QUESTION).text == "fine"
    assert len(server.requests) == 2


@pytest.mark.parametrize("end", ["length", "content_filter"])
def test_an_answer_cut_off_is_kept_as_such_and_not_paid_again(end: str, server: FakeEndpoint, opened: Open) -> None:
    server.plan = [says(reply("fi", end))]
    for _ in range(2):
        found = opened().ask("one", QUESTION)
        assert (found.end, found.text) == (end, "fi")
    assert len(server.requests) == 1


def test_a_question_that_is_refused_stays_so(server: FakeEndpoint, opened: Open) -> None:
    server.plan = [says('{"error": {"message": "too long"}}', 400)]
    found = opened().ask("one", QUESTION)
    assert (found.end, found.text) == ("refused", "status 400: too long")


QUOTA = '{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}'
FINAL = {
    "quota": says(QUOTA, 429),
    "quota with status 200": says(QUOTA),
    "key": says('{"error": {"message": "Incorrect API key"}}', 401),
    "model": says('{"error": {"message": "no such model"}}', 404),
    "wait": says("later", 429, Retry_After="86400"),
}


@pytest.mark.parametrize("name", FINAL)
def test_what_asking_cannot_mend_stops_at_once(name: str, server: FakeEndpoint, opened: Open) -> None:
    server.plan = [FINAL[name]]
    endpoint = opened()
    for _ in range(2):
        with pytest.raises(MftError, match="the endpoint answers nothing"):
            endpoint.ask("one", QUESTION)
    assert len(server.requests) == 1
    assert opened().ask("one", QUESTION).text == "fine"


def test_an_endpoint_that_is_down_is_not_asked_for_ever(opened: Open) -> None:
    endpoint = opened(url="http://127.0.0.1:1/v1")
    for number in range(4):
        with pytest.raises(Unanswered, match="Connect"):
            endpoint.ask(str(number), QUESTION)
    for number in (4, 5):  # also those that were waiting then hear why
        with pytest.raises(MftError, match="5 questions in a row"):
            endpoint.ask(str(number), QUESTION)


def test_the_key_is_nowhere(server: FakeEndpoint, tmp_path: Path, opened: Open) -> None:
    """A server that echoes it, as text and as JSON, in replies and in errors, with any status."""
    echo = json.dumps({"error": {"message": f"Bearer {KEY} is not welcome"}})
    server.plan = [says(echo, 500), says(reply(f"your key: {KEY}")), says(echo, 401)]
    endpoint = opened()
    assert endpoint.ask("one", QUESTION).text == "your key: [redacted]"
    with pytest.raises(MftError) as caught:
        endpoint.ask("two", QUESTION)
    journal = (tmp_path / "journal.jsonl").read_text()
    assert "[redacted] is not welcome" in str(caught.value)
    for form in (KEY, json.dumps(KEY)[1:-1], json.dumps(json.dumps(KEY))[1:-1]):
        assert form not in str(caught.value)
        assert form not in journal


def test_wrong_settings_are_said_without_the_key(monkeypatch: pytest.MonkeyPatch, opened: Open) -> None:
    with pytest.raises(UsageError, match="must begin with http"):
        opened(url="localhost:8000")
    monkeypatch.setenv("JUDGE_LOGIN", "clé secrète")
    with pytest.raises(UsageError) as caught:
        opened()
    assert "secr" not in str(caught.value)


def test_without_a_key_none_is_sent(server: FakeEndpoint, opened: Open) -> None:
    opened(key_variable="UNSET_LOGIN").ask("one", QUESTION)
    assert "Authorization" not in server.headers[0]


def test_asked_anew_it_is_another_question_to_the_endpoint(server: FakeEndpoint, opened: Open) -> None:
    server.plan = [says("", 400), says("", 500), says(reply("better"))]
    assert opened().ask("one", QUESTION).end == "refused"
    again = opened()
    assert again.restored == 1
    assert again.ask("one", QUESTION).end == "refused"
    for _ in range(2):
        assert again.ask("one", QUESTION, anew=True).text == "better"
    first, *tries = [headers["Idempotency-Key"] for headers in server.headers]
    assert tries == [f"{first}-1"] * 2
    assert opened().ask("one", QUESTION).text == "better"


def test_an_endpoint_that_refuses_whatever_it_is_asked_is_left(server: FakeEndpoint, opened: Open) -> None:
    server.otherwise = says('{"error": {"message": "unknown field max_tokens"}}', 400)
    endpoint = opened()
    for number in range(FIRST_REFUSALS - 1):
        endpoint.ask("one", question(number))
    with pytest.raises(MftError, match=rf"all of the first {FIRST_REFUSALS} questions.*unknown field max_tokens"):
        endpoint.ask("one", question(99))
    with pytest.raises(MftError, match="unknown field max_tokens"):
        endpoint.ask("one", question(100))
    assert len(server.requests) == FIRST_REFUSALS


def test_one_answer_shows_that_refusals_are_of_questions(server: FakeEndpoint, opened: Open) -> None:
    endpoint = opened()
    endpoint.ask("one", QUESTION)
    server.otherwise = says("", 400)
    assert {endpoint.ask("one", question(number)).end for number in range(2 * FIRST_REFUSALS)} == {"refused"}
    again = opened()
    ends = {again.ask("one", question(number), anew=True).end for number in range(2 * FIRST_REFUSALS)}
    assert ends == {"refused"}, "it answered an earlier process"


def test_what_is_asked_once_more_is_told(server: FakeEndpoint, opened: Open) -> None:
    server.plan = [says("oops", 500)]
    endpoint, told = opened(), list[str]()
    endpoint.on_trouble = told.append
    endpoint.ask("one", QUESTION)
    assert told == ["status 500: oops"]


def test_urls_that_are_almost_right_are_mended_in_words(server: FakeEndpoint, opened: Open) -> None:
    with pytest.raises(UsageError, match=r"added by itself\nGive it with its version: http://localhost:8000/v1$"):
        opened(url="http://localhost:8000/v1/chat/completions/")
    server.otherwise = says("not found", 404)
    bare = server.url.removesuffix("/v1")
    with pytest.raises(MftError, match=rf"status 404: not found\nMost URLs end with the version: {server.url}\."):
        opened(url=bare).ask("one", QUESTION)
    with pytest.raises(MftError, match="status 404") as error:
        opened("other.jsonl").ask("one", QUESTION)
    assert "version" not in error.value.hint
