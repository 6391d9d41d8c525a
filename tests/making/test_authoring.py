"""The author: a model's answers, taken apart and turned into records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from helpers import fake_endpoint as fake
from helpers.fake_endpoint import FakeEndpoint, Handler, reply, says
from mft_core.endpoint.spending import BudgetSpent
from mft_core.errors import MftError
from mft_core.making.author import Author
from mft_core.making.author_opening import open_author
from mft_core.making.authoring import ModelAuthor
from mft_core.making.draft import Code, Refused
from mft_core.making.prompts import INPUTS, TESTS
from mft_core.making.recipe import FiltersSection, WriterSection
from mft_core.records import Turn
from mft_core.registry.catalog import Catalog

TASK = "Write add(a, b), the sum of two numbers."
SOLUTION = "def add(a, b):\n    return a + b\n"
OTHER = "def add(a, b):\n    return sum([a, b])\n"
ASSERTIONS = "assert add(1, 2) == 3\nassert add(0, 0) == 0\nassert add(-1, 1) == 0\n"
CALLS = "add(1, 2)\nadd(0, b=0)\nadd(-1, 1)\n"


def block(code: str) -> str:
    return f"So:\n```python\n{code}```\nDone."


def write(handler: Handler, body: dict[str, Any]) -> None:
    """Does what it is told."""
    system, user = (message["content"] for message in body["messages"])
    if system == TESTS:
        answer = block(ASSERTIONS)
    elif system == INPUTS:
        answer = block(CALLS)
    elif "`def add(a, b)`" in user:
        answer = block(OTHER)
    else:
        answer = "<think>\nLet me see.\n</think>\n\n" + block(SOLUTION)
    handler.send(200, reply(answer))


@pytest.fixture
def server() -> Iterator[FakeEndpoint]:
    with fake.fake_endpoint(write) as running:
        yield running


def section(server: FakeEndpoint, **changes: Any) -> WriterSection:
    given = {"endpoint": server.url, "name": "writer-1", "key_variable": "NONE", "tries": 2, "first_pause": 0.0}
    return WriterSection(**{**given, **changes})


@pytest.fixture
def author(server: FakeEndpoint, tmp_path: Path, catalog: Catalog) -> Iterator[ModelAuthor]:
    """With every check of a solution that a recipe can want."""
    filters = FiltersSection(tests=True, consistency=True)
    opened = open_author(section(server), filters, tmp_path, catalog)
    yield opened
    opened.close()


def test_a_solution_comes_with_what_it_is_checked_by(server: FakeEndpoint, author: Author) -> None:
    draft = author.solve(TASK, topic="sums")
    assert draft.turns == (Turn("user", TASK), Turn("assistant", block(SOLUTION)))
    assert draft.topic == "sums"
    assert draft.code == Code(SOLUTION, "python", "add", ASSERTIONS, ("1, 2", "0, b=0", "-1, 1"), OTHER)
    # Whoever writes tests and inputs sees no solution, and what all questions of a stage share comes first.
    told = [[message["content"] for message in body["messages"]] for body in server.requests]
    assert json.loads(told[1][1]) == json.loads(told[2][1]) == {"task": TASK, "signature": "def add(a, b)"}
    assert "return a + b" not in str(server.requests)
    assert told[0][0] == told[3][0]
    assert author.solve(TASK, topic="sums") == draft
    assert len(server.requests) == 4
    author.solve(TASK, sample=1)
    assert len(server.requests) == 8


def test_only_what_the_filters_want_is_asked_for(server: FakeEndpoint, tmp_path: Path, catalog: Catalog) -> None:
    for filters, questions in ((FiltersSection(), 1), (FiltersSection(tests=True), 2)):
        opened = open_author(section(server), filters, tmp_path / str(questions), catalog)
        server.requests.clear()
        draft = opened.solve("用Python写一个函数add求两数之和。")
        opened.close()
        assert len(server.requests) == questions
        assert draft.code is not None
        assert (draft.code.function, bool(draft.code.tests)) == ("add", questions > 1)


@pytest.mark.parametrize("code", ["x = 1\n", "def add(:\n"])
def test_what_is_no_function_is_not_tested(code: str, server: FakeEndpoint, author: Author) -> None:
    server.plan = [says(reply(block(code)))]
    assert author.solve(TASK).code == Code(code, "python")
    assert len(server.requests) == 1


def test_another_language_is_asked_for_and_not_tested(server: FakeEndpoint, author: Author) -> None:
    server.plan = [says(reply("```js\nlet add = 1\n```"))]
    assert author.solve(TASK, language="javascript").code == Code("let add = 1\n", "javascript")
    assert "in javascript." in server.requests[0]["messages"][0]["content"]
    assert len(server.requests) == 1


REFUSALS = {
    "cut off": [says(reply("half", "length"))],
    "content filter": [says(reply("", "content_filter"))],
    "refused by the endpoint": [says('{"error": {"message": "too long"}}', 400)],
    "unanswered": [says("oops", 500)] * 2,
    "no answer": [says(reply("<think>\nwell\n</think>\n"))],
    "no code block": [says(reply("I cannot do that."))],
    "answer too long": [says(reply(block("a = 1\n" * 4000)))],
    "too few tests": [write, says(reply(block("assert add(1, 2) == 3\nassert add(0, 0) == 0\n")))],
    "too few inputs": [write, write, says(reply("add(1, 2)"))],
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_nothing_comes_of_a_bad_answer_and_the_reason_is_named(
    reason: str, server: FakeEndpoint, author: Author
) -> None:
    server.plan = list(REFUSALS[reason])
    with pytest.raises(Refused) as caught:
        author.solve(TASK)
    assert caught.value.reason == reason
    assert caught.value.detail


def test_a_second_solution_without_code_is_named_so(server: FakeEndpoint, author: Author) -> None:
    server.plan = [write, write, write, says(reply("Never."))]
    with pytest.raises(Refused, match="no code block: other solution"):
        author.solve(TASK)


def test_a_question_has_the_recipe_s_parameters_or_its_own(server: FakeEndpoint, author: Author) -> None:
    server.otherwise = says(reply("hello"))
    messages = [("system", "Be brief."), ("user", "Hi.")]
    assert author.ask("greeting", messages) == "hello"
    author.ask("greeting", messages, temperature=0.0, max_tokens=5)
    author.ask("greeting", messages, sample=1)
    asked = [(body["temperature"], body["max_tokens"]) for body in server.requests]
    assert asked == [(0.7, 1024), (0.0, 5), (0.7, 1024)]
    assert server.requests[0]["messages"] == [{"role": role, "content": text} for role, text in messages]


def test_models_and_spending_are_told_and_a_budget_ends_it(
    server: FakeEndpoint, tmp_path: Path, catalog: Catalog
) -> None:
    given = section(server, budget_requests=1, prices=(1.0, 1.0))
    opened = open_author(given, FiltersSection(), tmp_path, catalog)
    opened.solve(TASK)
    with pytest.raises(BudgetSpent):
        opened.solve(TASK, sample=1)
    assert opened.models == {"judge-1"}
    assert (opened.spending.requests, opened.spending.estimated) == (1, 1)
    assert opened.spending.money == opened.spending.tokens / 1e6
    opened.close()
    assert (tmp_path / "requests.jsonl").is_file()


def test_given_up_it_asks_nothing_and_knows_what_it_asked(server: FakeEndpoint, author: ModelAuthor) -> None:
    draft = author.solve(TASK)
    author.give_up()
    assert author.solve(TASK) == draft
    with pytest.raises(MftError, match="it was given up before"):
        author.solve(TASK, sample=1)
    assert len(server.requests) == 4


def test_asked_again_what_the_endpoint_refused_is_asked_anew_and_what_it_answered_is_not(
    server: FakeEndpoint, tmp_path: Path, catalog: Catalog
) -> None:
    def opened(*, ask_again: bool = False, **changes: int) -> ModelAuthor:
        return open_author(section(server, **changes), FiltersSection(), tmp_path, catalog, ask_again=ask_again)

    with closing(opened()) as author:
        author.ask("one", [("system", "Talk."), ("user", "fine")])
        server.plan = [says("{}", 422)]
        with pytest.raises(Refused, match="refused by the endpoint"):
            author.ask("one", [("system", "Talk."), ("user", "too long")])
    with closing(opened()) as author, pytest.raises(Refused):
        author.ask("one", [("system", "Talk."), ("user", "too long")])
    asked = len(server.requests)
    with closing(opened(ask_again=True, budget_requests=asked)) as author, pytest.raises(Refused, match="by the end"):
        author.ask("one", [("system", "Talk."), ("user", "too long")])
    with closing(opened(ask_again=True)) as author:
        one = author.for_one_seed()
        one.ask("one", [("system", "Talk."), ("user", "fine")])
        one.ask("one", [("system", "Talk."), ("user", "too long")])
        assert [(given.stage, given.earlier) for given in one.given] == [("one", True), ("one", False)]
        assert not author.given
        assert (author.restored, author.spending.requests - author.earlier_spending.requests) == (2, 1)
    assert len(server.requests) == asked + 1


def test_an_instruction_that_is_a_refusal_is_not_solved(server: FakeEndpoint, author: Author) -> None:
    with pytest.raises(Refused, match="refusal"):
        author.solve("I'm sorry, but I cannot help with that.")
    with pytest.raises(Refused, match="talk of being a model"):
        author.solve("As an AI language model, I write add(a, b).")
    assert not server.requests
