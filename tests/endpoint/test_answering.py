"""An endpoint that answers what a model in this process would: batches, order, lengths, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.fake_endpoint import FakeEndpoint, Handler, reply, says
from mft_core.endpoint.answering import EndpointAnswerer, host_of
from mft_core.endpoint.client import EndpointSettings
from mft_core.errors import MftError
from mft_core.generation.answering import Answer, AskedPrompt, Sampling
from mft_core.records import Turn

Opened = Callable[..., EndpointAnswerer]
GREEDY = Sampling(8)


@pytest.fixture
def answerer(settings: EndpointSettings, tmp_path: Path) -> Iterator[Opened]:
    with ExitStack() as stack:

        def open_one(most_stops: int = 0, **changes: Any) -> EndpointAnswerer:
            changed = replace(settings, **changes)
            return stack.enter_context(closing(EndpointAnswerer(changed, tmp_path / "journal.jsonl", most_stops)))

        yield open_one


def echo(handler: Handler, body: dict[str, Any]) -> None:
    """Says what it was asked, the later questions first."""
    text = body["prompt"]
    handler.server.released.wait(0.0 if "b" in text else 0.2)
    choice = {"finish_reason": "stop", "text": f"{text}!"}
    usage = {"prompt_tokens": len(text), "completion_tokens": 0}
    handler.send(200, json.dumps({"model": "m", "choices": [choice], "usage": usage}))


def test_batches_come_in_order_whatever_is_ready_first(server: FakeEndpoint, answerer: Opened) -> None:
    server.otherwise = echo
    batches = [[AskedPrompt("a1"), AskedPrompt("b1")], [AskedPrompt("a2")], [AskedPrompt("b2"), AskedPrompt("b1")]]
    found = list(answerer().answer_batches(batches, GREEDY))
    assert [[one.text for one in batch] for batch in found] == [["a1!", "b1!"], ["a2!"], ["b2!", "b1!"]]
    assert found[1] == [Answer("a2!", 2, 1, True)]  # not 0 new tokens: that is what has no room
    assert len(server.requests) == 4
    assert list(answerer().answer_batches(batches, GREEDY)) == found
    assert len(server.requests) == 4


def test_questions_are_asked_while_the_caller_looks_at_answers(server: FakeEndpoint, answerer: Opened) -> None:
    batches = answerer(concurrency=2).answer_batches([[AskedPrompt(str(number))] for number in range(6)], GREEDY)
    next(batches)
    while len(server.requests) < 6:
        server.released.wait(0.01)
    assert len(list(batches)) == 5


def test_a_conversation_goes_as_turns_with_tools_in_text(server: FakeEndpoint, answerer: Opened) -> None:
    tools = Turn("tools", '[{"name": "f"}]')
    list(answerer().answer_batches([[AskedPrompt([tools, Turn("user", "hi")])]], Sampling(8, stop=("x", "y"))))
    assert server.paths == ["/v1/chat/completions"]
    (body,) = server.requests
    assert [one["role"] for one in body["messages"]] == ["system", "user"]
    assert (body["temperature"], body["stop"], "seed" in body) == (0.0, ["x", "y"], False)


def test_answers_that_are_cut_off_empty_or_too_long(server: FakeEndpoint, answerer: Opened) -> None:
    server.plan = [
        says(reply("half", "length")), says(reply("")), says('{"error": {"message": "context length"}}', 400),
    ]  # fmt: skip
    one = answerer(concurrency=1)
    ((cut, empty, too_long),) = one.answer_batches(
        [[AskedPrompt("a" * 40), AskedPrompt("b"), AskedPrompt("c")]], GREEDY
    )
    assert (cut.text, cut.finished, cut.prompt_tokens) == ("half", False, 10)
    assert (empty.text, empty.finished, empty.new_tokens) == ("", True, 1)
    assert (too_long.text, too_long.finished, too_long.new_tokens) == ("", False, 0)


def test_a_question_without_an_answer_ends_it_and_what_was_answered_is_kept(
    server: FakeEndpoint, answerer: Opened
) -> None:
    server.plan = [says(reply("one")), says("oops", 500), says("oops", 500)]
    batches = [[AskedPrompt("a")], [AskedPrompt("b")], [AskedPrompt("c")]]
    asked = answerer(concurrency=1).answer_batches(batches, GREEDY)
    assert next(asked)[0].text == "one"
    with pytest.raises(MftError, match="left a question without an answer: status 500"):
        list(asked)
    count = len(server.requests)
    assert [batch[0].text for batch in answerer().answer_batches(batches, GREEDY)] == ["one", "fine", "fine"]
    assert server.hits.most_common()[-1][1] == 1
    assert len(server.requests) <= count + 2


def test_a_refusal_that_is_not_about_length_is_no_answer(server: FakeEndpoint, answerer: Opened) -> None:
    server.plan = [says('{"error": {"message": "top_k is unknown"}}', 422)]
    with pytest.raises(MftError, match="top_k is unknown") as caught:
        list(answerer().answer_batches([[AskedPrompt("a")]], GREEDY))
    assert "parameters" in caught.value.hint
    ((found,),) = answerer().answer_batches([[AskedPrompt("a")]], GREEDY)
    assert found.text == "fine"


def test_who_it_is(server: FakeEndpoint, answerer: Opened) -> None:
    assert host_of("https://me:pass@host:1/v1") == "host:1"
    one = answerer(parameters={"top_k": 1})
    assert one.server == f'judge-1 at 127.0.0.1:{server.server_port} with {{"top_k": 1}}'
    assert one.served_by == frozenset()
    list(one.answer_batches([[AskedPrompt("a")]], GREEDY))
    assert one.served_by == {"judge-1"}
