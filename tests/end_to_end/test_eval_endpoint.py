"""`mft eval endpoint:URL#MODEL`: what a server's answers are worth, and that none is paid for twice."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers import small_sets
from helpers.fake_endpoint import FakeEndpoint, Handler, fake_endpoint, reply, says
from helpers.model_endpoint import answered_by
from helpers.running import Evaluate, mft, settings, start_mft, write_rows
from mft_cli.session import Session
from mft_core.generation.opening import open_assistant

KEY = "very-secret-key-0123456789"
LOCAL = ("tiny", "--model", "llama")
SMALL = ("eval.code-bleu-like.max_new_tokens=24", "eval.humaneval.max_new_tokens=24")


@pytest.fixture(scope="module")
def served(session: Session) -> Iterator[FakeEndpoint]:
    """Backed by the model that `mft eval tiny --model llama` evaluates."""
    with fake_endpoint(answered_by(open_assistant("tiny", session.plugins.catalog, "llama"))) as server:
        yield server


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "pairs.jsonl", small_sets.PAIRS)


@pytest.fixture
def sets(tmp_path: Path, pairs: Path) -> tuple[str, ...]:
    """Options that name small sets for an evaluator of texts and for one of conversations."""
    humaneval = write_rows(tmp_path / "HumanEval.jsonl", small_sets.HUMANEVAL)
    return tuple(settings(f"eval.humaneval.data={humaneval}", f"eval.code-bleu-like.data={pairs}", *SMALL))


@pytest.fixture
def server() -> Iterator[FakeEndpoint]:
    with fake_endpoint(says(reply("x = 1"))) as running:
        yield running


def named(server: FakeEndpoint, model: str = "judge-1") -> str:
    return f"endpoint:{server.url}#{model}"


def without_server(protocol: str) -> str:
    return protocol.partition(" #")[0]


def test_a_server_s_model_scores_what_it_scores_here(
    served: FakeEndpoint, evaluate: Evaluate, sets: tuple[str, ...], tmp_path: Path
) -> None:
    command = ("--on", "humaneval,code-bleu-like", *sets, "--output")
    here = evaluate(*LOCAL, *command, tmp_path / "here")
    there = evaluate(named(served, "tiny"), *command, tmp_path / "there")
    assert [{**row, "protocol": ""} for row in here] == [{**row, "protocol": ""} for row in there]
    host = f"127.0.0.1:{served.server_port}"
    for mine, other in zip(here, there, strict=True):
        assert without_server(mine["protocol"]) == without_server(other["protocol"])
        assert mine["protocol"] != other["protocol"]
        assert f", by tiny at {host}, which says it is tiny-served" in other["protocol"]
    assert {*served.paths} == {"/v1/completions", "/v1/chat/completions"}
    for name in ("humaneval", "code-bleu-like"):
        one, two = (tmp_path / where / name for where in ("here", "there"))
        assert completions(one) == completions(two)
        facts = json.loads((two / "scores.json").read_text())
        assert (facts["served_by"], facts["protocol"]["server"]) == (["tiny-served"], f"tiny at {host}")
        assert tokens(one) == tokens(two)


def completions(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "completions.jsonl").read_text().splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda line: line["task_id"])


def tokens(folder: Path) -> dict[str, tuple[int, int, bool]]:
    lines = map(json.loads, (folder / "samples.jsonl").read_text().splitlines())
    return {line["task_id"]: (line["prompt_tokens"], line["new_tokens"], line["finished"]) for line in lines}


def test_requests_are_as_the_protocol_says(
    server: FakeEndpoint, evaluate: Evaluate, sets: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVALUATED_LOGIN", KEY)
    more = settings(
        "endpoint.key_variable=EVALUATED_LOGIN", "endpoint.most_stops=4", 'endpoint.parameters={"top_k" = -1}'
    )
    heat = ("--samples", "2", "--temperature", "0.5", "--limit", "1")
    (row, *_) = evaluate(
        named(server), "--on", "humaneval,code-bleu-like", *sets, *more, *heat, "--output", tmp_path / "out"
    )
    one, two = (request for request in server.requests if "prompt" in request)
    assert one["seed"] != two["seed"]
    assert one | {"seed": 0} == two | {"seed": 0} == {
        "model": "judge-1", "prompt": small_sets.HUMANEVAL[0]["prompt"].rstrip(), "max_tokens": 24, "temperature": 0.5,
        "top_p": 1.0, "seed": 0, "top_k": -1, "stop": ["\ndef ", "\nclass ", "\nif ", "\n#"],
    }  # fmt: skip
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert 'with {"top_k": -1}' in row["protocol"]
    assert all(KEY not in path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file())


def test_a_server_that_does_not_sample_is_noticed(
    server: FakeEndpoint, evaluate: Evaluate, pairs: Path, tmp_path: Path
) -> None:
    command = (named(server), "--on", "code-bleu-like", *settings(f"eval.code-bleu-like.data={pairs}"))
    for heat, told in (
        ("0.5", ["code-bleu-like: all samples of each problem are one text: the server seems not to sample"]),
        ("0", []),
    ):
        out = tmp_path / heat
        evaluate(*command, "--samples", "2", "--temperature", heat, "--output", out)
        assert json.loads((out / "results.json").read_text())["notices"] == told


def test_a_killed_evaluation_goes_on_and_asks_nothing_twice(
    server: FakeEndpoint, evaluate: Evaluate, pairs: Path, tmp_path: Path
) -> None:
    def answer_two(handler: Handler, body: dict[str, Any]) -> None:
        with server.lock:
            number = len(server.requests)
        handler.send(200, reply("x = 1")) if number <= 2 else handler.server.released.wait(60)

    server.otherwise = answer_two
    options = settings(f"eval.code-bleu-like.data={pairs}", "endpoint.concurrency=1")
    command = [named(server), "--on", "code-bleu-like", *options, "--output", str(tmp_path / "out")]
    process = start_mft(["eval", *command])
    while len(server.requests) < 3:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    server.otherwise = says(reply("x = 1"))
    rows = evaluate(*command)
    assert rows[0]["n"] == len(small_sets.PAIRS) == 3
    assert sorted(server.hits.values()) == [1, 1, 2]  # the one that was under way, again
    keys = [headers["Idempotency-Key"] for headers in server.headers]
    assert keys[2] == keys[3]
    assert evaluate(*command) == rows
    assert len(server.requests) == 4


def test_prompts_that_the_server_has_no_room_for_are_told_and_empty(
    server: FakeEndpoint, evaluate: Evaluate, pairs: Path, tmp_path: Path
) -> None:
    full = "This model's maximum context length is 64 tokens. However, you requested 90 tokens."
    server.plan = [says(json.dumps({"error": {"message": full, "code": 400}}), 400)]
    options = settings(f"eval.code-bleu-like.data={pairs}")
    rows = evaluate(named(server), "--on", "code-bleu-like", *options, "--output", tmp_path / "out")
    assert rows[0]["n"] == 3
    (told,) = json.loads((tmp_path / "out" / "results.json").read_text())["notices"]
    assert told == "code-bleu-like: 1 prompts are longer than the model's context: their answers are empty"


def test_a_server_that_is_busy_is_waited_for(
    server: FakeEndpoint, evaluate: Evaluate, pairs: Path, tmp_path: Path
) -> None:
    server.plan = [says('{"error": {"message": "slow down"}}', 429, Retry_After="0")] * 2
    options = settings(f"eval.code-bleu-like.data={pairs}", "endpoint.first_pause=0")
    rows = evaluate(named(server), "--on", "code-bleu-like", *options, "--output", tmp_path / "out")
    assert (rows[0]["n"], len(server.requests)) == (3, 5)


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (401, "bad key", "status 401: bad key It wants a key in $EVALUATED_LOGIN that may use 'judge-1'; then rerun"),
        (404, "no judge-1", "status 404: no judge-1 Is 'judge-1' what it calls the model"),
        (400, "at most 4 stops", "status 400: at most 4 stops It does not take such questions: see to the parameters"),
        (429, "slow down", "the endpoint left a question without an answer: status 429: slow down Is the server at"),
    ],
)
def test_what_a_server_refuses_is_said_and_asked_anew(
    status: int, message: str, expected: str, server: FakeEndpoint, evaluate: Evaluate, pairs: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("EVALUATED_LOGIN", KEY)
    server.otherwise = says(json.dumps({"error": {"message": message}}), status)
    options = settings(
        f"eval.code-bleu-like.data={pairs}", "endpoint.key_variable=EVALUATED_LOGIN", "endpoint.first_pause=0",
        "endpoint.tries=1", "endpoint.concurrency=1",
    )  # fmt: skip
    command = (named(server), "--on", "code-bleu-like", *options, "--output", str(tmp_path / "out"))
    assert mft("eval", *command) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert expected in told
    assert KEY not in told
    server.otherwise = says(reply("x = 1"))
    assert evaluate(*command)[0]["n"] == 3


def test_a_server_that_is_not_there_is_said(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = settings(f"eval.code-bleu-like.data={pairs}", "endpoint.first_pause=0", "endpoint.tries=2")
    command = ("endpoint:http://127.0.0.1:1/v1#m", "--on", "code-bleu-like", *options)
    assert mft("eval", *command, "--output", str(tmp_path / "out")) == 1
    assert "ConnectError" in capsys.readouterr().err
