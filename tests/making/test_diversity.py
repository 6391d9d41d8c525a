"""How different texts are from one another."""

from __future__ import annotations

import pytest

from mft_core.making.diversity import diversity


def test_shares_of_distinct_sequences() -> None:
    found = diversity(["a b c", "a b d"])
    # a b c d of six words; (a b) (b c) (b d) of four pairs; both of the two triples.
    assert found.distinct == (pytest.approx(4 / 6), pytest.approx(3 / 4), 1.0)
    assert (found.texts, len(found.neighbours)) == (2, 2)
    assert found.nearest == pytest.approx(2 / 3)


def test_equal_texts_are_not_diverse_and_others_are() -> None:
    same = diversity(["write a function"] * 5)
    assert same.distinct[2] == pytest.approx(1 / 5)
    assert same.nearest == 1.0
    assert diversity(["alpha beta", "gamma delta", "epsilon zeta"]).nearest == 0.0


def test_chinese_is_taken_character_by_character() -> None:
    assert diversity(["写一个函数", "写一个类"]).distinct[0] == pytest.approx(6 / 9)


@pytest.mark.parametrize("texts", [[], ["one alone"]])
def test_fewer_than_two_have_no_neighbours(texts: list[str]) -> None:
    assert diversity(texts).nearest is None
    assert diversity(texts).neighbours == []


def test_those_most_alike_come_first() -> None:
    texts = ["sort a list of names", "count the words", "sort a list of names quickly", "weigh the planets now"]
    first = diversity(texts).neighbours[0]
    assert {first.text, first.other} == {0, 2}
