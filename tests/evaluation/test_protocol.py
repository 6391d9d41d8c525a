"""An identifier that tells scores that can be compared from others."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from mft_core.evaluation.protocol import Protocol

PLAIN = Protocol("chat", decoding="greedy")
CHANGES = {
    "form": "completion", "template": "Q: {}", "shots": 3, "stop": ("\n",), "post_processing": "cut", "decoding": "t=1",
    "server": "m at host",
}  # fmt: skip


def test_it_is_readable() -> None:
    assert PLAIN.identifier.startswith("chat, 0-shot, greedy #")
    assert len(PLAIN.identifier.partition("#")[2]) == 8


@pytest.mark.parametrize("field", [field.name for field in fields(Protocol)])
def test_whatever_changes_changes_it(field: str) -> None:
    changed = replace(PLAIN, **{field: CHANGES[field]})
    assert changed.identifier.partition("#")[2] != PLAIN.identifier.partition("#")[2]
    assert replace(changed, **{field: getattr(PLAIN, field)}).identifier == PLAIN.identifier


def test_which_server_it_was_stands_behind_the_digits_and_does_not_change_them() -> None:
    one, two = (replace(PLAIN, server=server).identifier for server in ("a at h", "b at h"))
    assert one.removesuffix(", by a at h") == two.removesuffix(", by b at h")
    assert "server" not in PLAIN.as_json()


def test_it_is_json() -> None:
    assert json.loads(json.dumps(replace(PLAIN, stop=("a", "b")).as_json()))["stop"] == ["a", "b"]
