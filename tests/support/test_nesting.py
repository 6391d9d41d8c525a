"""Tables inside tables, by path."""

from __future__ import annotations

from mft_core.support.nesting import flattened


def test_paths_name_every_value_once() -> None:
    nested = {"a": {"b": 1, "c": {"d": [1, {"x": 2}]}}, "e": None, "f": {}}
    assert flattened(nested, ".") == {"a.b": 1, "a.c.d": [1, {"x": 2}], "e": None}
    assert flattened(nested, "/", "run/") == {"run/a/b": 1, "run/a/c/d": [1, {"x": 2}], "run/e": None}
