from __future__ import annotations

import pytest

from mft_core.evaluation.mutation import mutants

CLAMP = "def clamp(n, low):\n    if n < low:\n        return low\n    return n + 0\n\ndef other(n):\n    return n * 2\n"
COUNTER = """
class Counter:
    def __init__(self, start=0):
        self.count = start

    def add(self, n):
        self.count += n
        return self.count
"""


def test_each_variant_differs_in_one_place_of_the_function() -> None:
    found = list(mutants(CLAMP, "clamp", seed="1"))
    assert len(found) == len(set(found)) == 5
    changed = {"n <= low", "not n < low", "n - 0", "n + 1"}
    for part in changed:
        assert sum(part in one for one in found) == 1, part
    assert all("return n * 2" in one for one in found)
    assert found[-1].startswith("def clamp(n, low):\n    return None")


def test_the_seed_draws_their_order() -> None:
    assert list(mutants(CLAMP, "clamp", seed="1")) == list(mutants(CLAMP, "clamp", seed="1"))
    orders = {tuple(mutants(CLAMP, "clamp", seed=str(seed))) for seed in range(9)}
    assert len(orders) > 1
    assert len({frozenset(order) for order in orders}) == 1


def test_classes_and_coroutines_have_variants_too() -> None:
    found = list(mutants(COUNTER, "Counter", seed="1"))
    assert len(found) == 3
    assert any("self.count -= n" in one for one in found)
    assert any("start=1" in one for one in found)
    assert "self.count = start" in found[-1]
    assert "def add(self, n):\n        return None" in found[-1]
    assert len(list(mutants("async def f(n):\n    return n + n", "f", seed="1"))) == 2


def test_what_is_not_defined_has_none() -> None:
    with pytest.raises(LookupError, match="there is no 'g'"):
        list(mutants(CLAMP, "g", seed="1"))
    with pytest.raises(SyntaxError):
        list(mutants("def f(", "f", seed="1"))
