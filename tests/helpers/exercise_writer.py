"""A model that writes exercises, behind a fake endpoint: what it answers follows from the question alone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from helpers.fake_endpoint import FakeEndpoint, Handler, fake_endpoint, reply

THINGS = ("apples", "rivers", "letters", "planets", "coins", "streets", "songs", "tiles", "seeds", "doors", "clouds")
VERBS = ("count", "double", "add up", "weigh", "compare", "list", "sort", "divide", "join", "measure", "pair")


def written(body: dict[str, Any]) -> str:
    """The answer to a question of the bundled method `exercises`, by the words of its prompts."""
    told, asked = body["messages"][0]["content"], body["messages"][-1]["content"]
    number = int(hashlib.sha256(json.dumps(body["messages"]).encode()).hexdigest(), 16)
    if "plan programming lessons" in told:
        return f"Let learners {_words(number)}."
    if "write programming exercises" in told:
        return f"1. Write a function `f{number % 10**6}(values)` to {_words(number)}: the sum, {number % 89 + 2} times."
    name, factor = re.findall(r"`(\w+)\(values\)`.*?(\d+) times", asked, re.DOTALL)[0]
    if "You write tests" in told:
        lines = [f"assert {name}({values}) == {sum(values) * int(factor)}" for values in ([1, 2], [], [5])]
        return "```python\n" + "\n".join(lines) + "\n```"
    return (
        f"Add up, then multiply.\n```python\ndef {name}(values):\n    return sum(values) * {factor}\n```\nLinear time."
    )


def write_exercises(handler: Handler, body: dict[str, Any]) -> None:
    """Answers with `written`."""
    handler.send(200, reply(written(body), model="writer-1"))


@contextmanager
def exercise_writer() -> Iterator[FakeEndpoint]:
    """An endpoint that answers so until the block ends."""
    with fake_endpoint(write_exercises) as endpoint:
        yield endpoint


def _words(number: int) -> str:
    """Six words that are rarely alike."""
    places = [number // 11**power % 11 for power in range(6)]
    return " then ".join(
        f"{VERBS[verb]} {THINGS[thing]}" for verb, thing in zip(places[::2], places[1::2], strict=True)
    )
