from __future__ import annotations

import ast

import pytest

from mft_makers.standalone import Needed, NotAloneError, PythonModule

SOURCE = '''
from __future__ import annotations

import math
import os, sys
from collections import Counter as Bag

import numpy as np

from . import sibling

LIMIT = 3
TABLE = {"a": LIMIT}
unused = 1


def cached(function):
    return function


class Point:
    def far(self):
        return abs(math.sqrt(LIMIT))


@cached
def area(point: Point, table=TABLE):
    bag = Bag(x for x in range(3))
    try:
        return point.far() + sum(y for y, z in bag.items()) + helper(1)
    except ValueError as error:
        raise error


def helper(n):
    return helper(n - 1) if n else 0


def foreign():
    return np.zeros(3)


def relative():
    return sibling.x


def lost():
    return nowhere


def own_import():
    import requests

    return requests


def plain(a, *b, c=1, **d):
    def inner(e):
        return a, b, c, d, e

    with open("x") as f:
        g = [h for h in f if (i := h)]
    import json

    match g:
        case [j, *k]:
            return j, k, i, json, inner
'''  # fmt: skip


def needed(name: str) -> Needed:
    tree = ast.parse(SOURCE)
    node = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    return PythonModule(SOURCE, tree).needed(node)


def test_a_function_brings_what_it_needs_and_no_more() -> None:
    found = needed("area")
    assert found.own.startswith("@cached\ndef area(")
    for part in (
        "import math",
        "import Counter as Bag",
        "LIMIT = 3",
        "TABLE = ",
        "def cached",
        "class Point",
        "def helper",
    ):
        assert part in found.before
    for part in ("unused", "numpy", "sibling", "def lost", "import os"):
        assert part not in found.source
    names: dict[str, object] = {}
    exec(found.source, names)
    assert names["area"](names["Point"]()) == 3**0.5 + 3  # type: ignore[operator]


def test_a_function_that_needs_nothing_stands_for_itself() -> None:
    assert needed("plain").before == "from __future__ import annotations"
    assert needed("helper").source.endswith("def helper(n):\n    return helper(n - 1) if n else 0\n")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("foreign", "no part of Python"),
        ("relative", "no part of Python"),
        ("own_import", "no part of Python"),
        ("lost", "not in its file"),
    ],
)
def test_a_function_that_needs_others_does_not_stand_alone(name: str, reason: str) -> None:
    with pytest.raises(NotAloneError, match=reason):
        needed(name)
