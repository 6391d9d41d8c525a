"""Training and validation share no module and no near copy."""

from __future__ import annotations

from collections import Counter

import pytest

from mft_sources.stdlib.split import family, near_copies, validation_families


def test_near_copies_are_found_also_inside_longer_code() -> None:
    names = "abcdefghij"
    original = "def f(x):\n" + "\n".join(f"    {name} = call_{name}(x, {name}, 1)" for name in names)
    changed = original.replace("call_c", "other")
    longer = changed + "\n    return [x + 1 for x in (a, b, c)]" * 9
    unlike = "def f(x):\n" + "\n".join(f"    if x.{name} > 3:\n        return {name}['k']" for name in names)
    assert near_copies([changed, unlike], [original]) == {0}
    assert near_copies([original], [longer, unlike]) == {0}
    assert near_copies([unlike], [original, longer]) == frozenset()


def test_validation_families_reach_every_task_and_leave_the_giants() -> None:
    counts = {f"m{index}": Counter(common=20, rare=index % 3) for index in range(60)} | {
        "giant": Counter(common=5000, rare=200)
    }
    chosen = validation_families(counts, 0.05)
    held = sum((counts[name] for name in chosen), Counter())
    assert "giant" not in chosen
    assert 24 <= held["rare"] <= 36
    assert 310 <= held["common"] <= 465


@pytest.mark.parametrize(
    ("module", "expected"),
    [("json.decoder", "json"), ("_pydecimal", "decimal"), ("_collections_abc", "collections"), ("_py_abc", "abc"),
     ("sre_parse", "sre"), ("__future__", "future")],
)  # fmt: skip
def test_family(module: str, expected: str) -> None:
    assert family(module) == expected
