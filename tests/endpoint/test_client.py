"""A model behind an endpoint: every way to fail, nothing paid twice, no key anywhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from helpers import fake_endpoint as fake
from helpers.fake_endpoint import FakeEndpoint, reply, says
from mft_core.endpoint.client import Endpoint, EndpointSettings, Unanswered
from mft_core.errors import MftError, UsageError

KEY = 'very"secret/key+0123456789'
QUESTION = [{"role": "user", "content": "How are you?"}]


@pytest.fixture
def server() -> Iterator[FakeEndpoint]:
    with fake.fake_endpoint(says(reply())) as running:
        yield running


@pytest.fixture
def settings(server: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> EndpointSettings:
    monkeypatch.setenv("JUDGE_LOGIN", KEY)
    return EndpointSettings(server.url, "judge-1", "JUDGE_LOGIN", seconds=5, tries=2, first_pause=0.0)


def test_a_question_is_sent_once_and_answered_from_the_journal(
    server: FakeEndpoint, settings: EndpointSettings, tmp_path: Path
) -> None:
    settings = replace(settings, parameters={"temperature": 0})
    first = Endpoint(settings, tmp_path / "journal.jsonl")
    assert first.ask("one", QUESTION).text == "fine"
    assert first.ask("one", QUESTION).model == "judge-1"
    again = Endpoint(settings, tmp_path / "journal.jsonl")
    assert again.ask("one", QUESTION) == first.ask("one", QUESTION)
    assert server.requests == [{"model": "judge-1", "messages": QUESTION, "temperature": 0}]
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    again.ask("two", QUESTION)
    assert len(server.requests) == 2


def test_threads_that_ask_the_same_pay_once(server: FakeEndpoint, settings: EndpointSettings, tmp_path: Path) -> None:
    endpoint = Endpoint(settings, tmp_path / "journal.jsonl")
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
def test_what_is_no_reply_is_asked_for_again(
    name: str, server: FakeEndpoint, settings: EndpointSettings, tmp_path: Path
) -> None:
    server.plan = [BAD[name]]
    assert Endpoint(settings, tmp_path / "journal.jsonl").ask("one", QUESTION).text == "fine"
    assert len(server.requests) == 2
    server.plan = [BAD[name]] * 2
    with pytest.raises(Unanswered):
        Endpoint(settings, tmp_path / "other.jsonl").ask("one", QUESTION)
    assert len(server.requests) == 4
    assert Endpoint(settings, tmp_path / "other.jsonl").ask("one", QUESTION).text == "fine"


@pytest.mark.parametrize("bad", [fake.hang, fake.drip, fake.drip_headers])
def test_an_endpoint_that_never_ends_is_left(
    bad: fake.Answer, server: FakeEndpoint, settings: EndpointSettings, tmp_path: Path
) -> None:
    server.plan = [bad]
    endpoint = Endpoint(replace(settings, seconds=0.4), tmp_path / "journal.jsonl")
    assert endpoint.ask("one", QUESTION).text == "fine"
    assert len(server.requests) == 2


@pytest.mark.parametrize("end", ["length", "content_filter"])
def test_an_answer_cut_off_is_kept_as_such_and_not_paid_again(
    end: str, server: FakeEndpoint, settings: EndpointSettings, tmp_path: Path
) -> None:
    server.plan = [says(reply("fi", end))]
    for _ in range(2):
        found = Endpoint(settings, tmp_path / "journal.jsonl").ask("one", QUESTION)
        assert (found.end, found.text) == (end, "fi")
    assert len(server.requests) == 1


def test_a_question_that_is_refused_stays_so(server: FakeEndpoint, settings: EndpointSettings, tmp_path: Path) -> None:
    server.plan = [says('{"error": {"message": "too long"}}', 400)]
    found = Endpoint(settings, tmp_path / "journal.jsonl").ask("one", QUESTION)
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
def test_what_asking_cannot_mend_stops_at_once(
    name: str, server: FakeEndpoint, settings: EndpointSettings, tmp_path: Path
) -> None:
    server.plan = [FINAL[name]]
    endpoint = Endpoint(settings, tmp_path / "journal.jsonl")
    for _ in range(2):
        with pytest.raises(MftError, match="the endpoint answers nothing"):
            endpoint.ask("one", QUESTION)
    assert len(server.requests) == 1
    assert Endpoint(settings, tmp_path / "journal.jsonl").ask("one", QUESTION).text == "fine"


def test_an_endpoint_that_is_down_is_not_asked_for_ever(settings: EndpointSettings, tmp_path: Path) -> None:
    endpoint = Endpoint(replace(settings, url="http://127.0.0.1:1/v1"), tmp_path / "journal.jsonl")
    for number in range(4):
        with pytest.raises(Unanswered, match="Connect"):
            endpoint.ask(str(number), QUESTION)
    with pytest.raises(MftError, match="5 questions in a row"):
        endpoint.ask("4", QUESTION)


def test_the_key_is_nowhere(server: FakeEndpoint, settings: EndpointSettings, tmp_path: Path) -> None:
    """A server that echoes it, as text and as JSON, in replies and in errors, with any status."""
    echo = json.dumps({"error": {"message": f"Bearer {KEY} is not welcome"}})
    server.plan = [says(echo, 500), says(reply(f"your key: {KEY}")), says(echo, 401)]
    endpoint = Endpoint(settings, tmp_path / "journal.jsonl")
    assert endpoint.ask("one", QUESTION).text == "your key: [redacted]"
    with pytest.raises(MftError) as caught:
        endpoint.ask("two", QUESTION)
    journal = (tmp_path / "journal.jsonl").read_text()
    assert "[redacted] is not welcome" in str(caught.value)
    for form in (KEY, json.dumps(KEY)[1:-1], json.dumps(json.dumps(KEY))[1:-1]):
        assert form not in str(caught.value)
        assert form not in journal


def test_wrong_settings_are_said_without_the_key(
    settings: EndpointSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="must begin with http"):
        Endpoint(replace(settings, url="localhost:8000"), tmp_path / "journal.jsonl")
    monkeypatch.setenv("JUDGE_LOGIN", "clé secrète")
    with pytest.raises(UsageError) as caught:
        Endpoint(settings, tmp_path / "journal.jsonl")
    assert "secr" not in str(caught.value)


def test_without_a_key_none_is_sent(server: FakeEndpoint, settings: EndpointSettings, tmp_path: Path) -> None:
    Endpoint(replace(settings, key_variable="UNSET_LOGIN"), tmp_path / "journal.jsonl").ask("one", QUESTION)
    assert "Authorization" not in server.headers[0]


ASK = """
import sys
from pathlib import Path
from mft_core.endpoint.client import Endpoint, EndpointSettings
endpoint = Endpoint(EndpointSettings(sys.argv[1], "judge-1", "NONE"), Path(sys.argv[2]))
for number in range(40):
    print(endpoint.ask("one", [{"role": "user", "content": str(number)}]).text, flush=True)
"""


@pytest.mark.slow
def test_killed_and_begun_again_nothing_answered_is_paid_twice(server: FakeEndpoint, tmp_path: Path) -> None:
    server.otherwise = lambda handler, body: handler.send(200, reply("to " + body["messages"][0]["content"]))
    command = [sys.executable, "-c", ASK, server.url, str(tmp_path / "journal.jsonl")]
    answered = 0
    for lines in (3, 9, 20):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
        answered += 1
    with (tmp_path / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"event": "received", "key": "torn')
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == [*(f"to {number}" for number in range(40)), ""]
    assert len(server.hits) == 40
    # A response under way when the process was killed is the only one that is asked for once more.
    assert sum(server.hits.values()) <= 40 + answered
