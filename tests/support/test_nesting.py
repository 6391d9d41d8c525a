"""Tables inside tables, by path."""

from __future__ import annotations

from mft_core.support.nesting import flattened, leaves


def test_paths_name_every_value_once() -> None:
    nested = {"a": {"b": 1, "c": {"d": [1, {"x": 2}]}}, "e": None, "f": {}}
    assert flattened(nested, ".") == {"a.b": 1, "a.c.d": [1, {"x": 2}], "e": None}
    assert flattened(nested, "/", "run/") == {"run/a/b": 1, "run/a/c/d": [1, {"x": 2}], "run/e": None}


def test_leaves_of_tables_and_lists_by_path() -> None:
    assert list(leaves({"a": [1, {"b": 2}], "c": {}, "d": None})) == [("a.0", 1), ("a.1.b", 2), ("d", None)]
