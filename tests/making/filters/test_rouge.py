from __future__ import annotations

import random
import sys
from dataclasses import replace

import pytest

pytest.importorskip("rapidfuzz", reason="ROUGE-L needs the extra make")

from helpers.drafts import draft, reason
from mft_core.errors import MftError
from mft_core.making.draft import Refused
from mft_core.making.filters.rouge import Neighbour, RougeFilter, RougeIndex, nearest, rouge_l


def common(first: list[str], second: list[str]) -> int:
    """Length of the longest common subsequence, by its definition."""
    row = [0] * (len(second) + 1)
    for one in first:
        before = row
        row = [0]
        for place, other in enumerate(second):
            row.append(before[place] + 1 if one == other else max(before[place + 1], row[place]))
    return row[-1]


def test_the_measure_is_that_of_the_paper() -> None:
    # Lin 2004, section 3.1: "police killed the gunman" has three of four words of "police kill the gunman" in order.
    assert rouge_l("Police killed the gunman.", "police kill the gunman") == 0.75
    assert rouge_l("Police killed the gunman.", "the gunman kill police") == 0.5
    assert rouge_l("a b c d", "a b") == pytest.approx(2 * 2 / 6)
    assert rouge_l("写一个函数", "写两个函数") == 0.8
    assert rouge_l("", "") == 0
    assert rouge_l("a", "") == 0


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 2 / 3, 0.7, 0.8, 0.95])
def test_what_is_found_is_what_comparing_all_pairs_finds(threshold: float) -> None:
    drawn = random.Random(threshold)
    texts: list[list[str]] = []
    for _ in range(250):
        # Few words, often repeated, and copies with some of them changed: shares of all sizes, many just at a threshold
        tokens = drawn.choices([f"w{number}" for number in range(30)], k=drawn.randint(0, 14))
        if texts and drawn.random() < 0.6:
            tokens = [drawn.choice(tokens or ["x"]) if drawn.random() < 0.2 else one for one in drawn.choice(texts)]
        texts.append(tokens)
    index, alike = RougeIndex(threshold), 0
    for number, tokens in enumerate(texts):
        lengths = [(common(tokens, other), len(tokens) + len(other)) for other in texts[:number]]
        scores = [2 * length / total if total else 0.0 for length, total in lengths]
        above = [(-score, place) for place, score in enumerate(scores) if score > threshold]
        expected = min(above, default=None)
        assert index.most_alike(tokens) == (expected and (expected[1], -expected[0]))
        alike += expected is not None
        index.add(tokens)
    assert 20 < alike < 250


@pytest.mark.slow
def test_far_fewer_are_compared_than_there_are_pairs() -> None:
    drawn, index = random.Random(0), RougeIndex(0.7)
    frame = "write a python function {} that takes a list of {} and returns the {} of all {} in it"
    nouns = [f"noun{number}" for number in range(2000)]
    for _ in range(5000):
        tokens = [drawn.choice(nouns) if word == "{}" else word for word in frame.split()]
        tokens += drawn.sample(nouns, drawn.randint(10, 20))
        assert index.most_alike(tokens) is None
        index.add(tokens)
    assert index.compared < 5000 * 4999 / 2 / 1000


def test_an_instruction_like_one_that_was_kept_is_refused() -> None:
    rouge = RougeFilter(0.7)
    first = draft("Write a function that returns the sum of a list of numbers.", "...")
    again = draft("Write a function that returns the product of a list of numbers.", "other")
    other = draft("Explain what a generator is, with an example that reads a file.", "...")
    assert reason(rouge, again) == ""
    rouge.keep(first)
    with pytest.raises(
        Refused, match=r"like an earlier instruction: 0\.92 with 'Write a function that returns the sum"
    ):
        rouge.check(again)
    assert reason(rouge, other) == ""
    assert reason(RougeFilter(0.95), again) == ""


def test_so_is_one_in_chinese() -> None:
    rouge = RougeFilter(0.7)
    rouge.keep(draft("写一个函数，返回列表中所有正数的和。", "..."))
    assert reason(rouge, draft("写一个函数，返回列表中所有负数的和。", "...")) == "like an earlier instruction"
    assert reason(rouge, draft("解释什么是生成器，并举一个读文件的例子。", "...")) == ""


def test_neighbours() -> None:
    texts = ["a b c d", "a b c e", "x y z", "x y q r"]
    assert nearest(texts) == [
        Neighbour(0, 1, 0.75), Neighbour(1, 0, 0.75), Neighbour(2, 3, pytest.approx(4 / 7)),
        Neighbour(3, 2, pytest.approx(4 / 7)),
    ]  # fmt: skip
    assert nearest(texts[:1], ["q", "a b", "a b"]) == [Neighbour(0, 1, pytest.approx(2 / 3))]
    assert nearest(texts[:1]) == []
    assert nearest(texts, []) == []


def test_neighbours_of_many_are_those_of_a_sample() -> None:
    texts = [f"w{number} w{number + 1} w{number + 2}" for number in range(50)]
    found = nearest(texts, most=7)
    assert len(found) == 7
    assert found == nearest(texts, most=7)
    assert all(one in nearest(texts) for one in found)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    with pytest.raises(MftError, match=r"pip install 'mft\[make\]'"):
        rouge_l("a", "a")


def test_instructions_that_no_model_worded_are_alike_by_right() -> None:
    filter_ = RougeFilter(0.7)
    given = replace(draft("Write tests for this function: def double(x): return 2 * x", "assert"), worded=False)
    worded = replace(given, worded=True)
    filter_.check(given)
    filter_.keep(given)
    assert reason(filter_, given) == ""
    assert reason(filter_, worded) == ""
    filter_.keep(worded)
    assert reason(filter_, worded) == "like an earlier instruction"
    assert reason(filter_, given) == ""
