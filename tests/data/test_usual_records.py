"""What is read at once is what a closer look gives."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mft_core.data.columns import PROMPTS, RESPONSES
from mft_core.data.record_fields import HARMLESS, KNOWN
from mft_core.data.record_forms import CONTENT_KEYS, parse_record
from mft_core.data.record_weights import WEIGHTS
from mft_core.data.usual_keys import SOLUTIONS
from mft_core.data.usual_records import usual_record
from mft_core.errors import RecordError

KEYS = (
    *PROMPTS,
    *RESPONSES,
    "messages",
    "text",
    "system",
    "weight",
    "history",
    "tools",
    "source",
    "problem",
    "id",
    "tags",
)
TURNS = '[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]'
VALUES: tuple[Any, ...] = (
    "word", "two\nlines ", "", " ", TURNS, "<think>t</think>", "<think>t</think>said", "[1]",
    None, 3, 0.5, True, [], {}, [["q", "a"]], [{"role": "user", "content": "q"}],
)  # fmt: skip
ROLES = ("system", "user", "assistant", "user", "assistant", "tool", "gpt", 1, [])


def outcome(read: Any, value: Any) -> Any:
    try:
        return read(value, "f:1")
    except RecordError as error:
        return error.reason, str(error)


def some_values(random_state: random.Random) -> Any:
    keys = random_state.sample(KEYS, random_state.choice((1, 2, 2, 2, 3, 4)))
    if random_state.random() < 0.3:
        roles = ROLES[random_state.choice((0, 1, 1)) : random_state.randint(2, len(ROLES))]
        turns = [{"role": role, "content": random_state.choice(VALUES[:6])} for role in roles]
        return {"messages": turns, **({keys[0]: "more"} if random_state.random() < 0.2 else {})}
    return {key: random_state.choice(VALUES[: random_state.choice((2, len(VALUES)))]) for key in keys}


def test_a_usual_record_is_what_a_closer_look_gives() -> None:
    random_state, usual = random.Random(0), 0
    for _ in range(20000):
        value = some_values(random_state)
        found = outcome(usual_record, value)
        assert found is None or found == outcome(parse_record, value), value
        usual += found is not None
    assert usual > 1000


def test_keys_that_are_known_to_be_harmless_mean_nothing_elsewhere() -> None:
    """A record that has some is as usual as without them: what reads records looks at none of them."""
    assert HARMLESS.isdisjoint({*CONTENT_KEYS, *KNOWN, *WEIGHTS, *SOLUTIONS})


@pytest.mark.parametrize(
    "value",
    [
        {"instruction": "Add.", "input": "2 3", "output": "5"},
        {"instruction": "Say hi.", "input": "", "output": "Hi"},
        {"prompt": "q", "completion": "a"},
        {"id": 3, "prompt": "q", "response": "a", "source": "a book", "tags": ["short"], "metadata": {"weight": 2}},
        {"messages": [{"role": "user", "content": "q"}, {"content": "a", "role": "assistant"}]},
    ],
)
def test_pairs_and_turns_of_texts_are_usual(value: Any) -> None:
    assert usual_record(value, "f:1") is not None
