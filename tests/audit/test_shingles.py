from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from mft_core.audit.shingles import CODE_LENGTH, TEXT_LENGTH, code_shingles, text_digest, text_shingles, words

CODE = """
def mean_of_squares(values):
    total = 0
    for value in values:
        total += value * value  # squared
    return total / len(values)
"""
RENAMED = """
def f(xs):

    acc = 0
    for x in xs: acc += x * x
    return acc / len(xs)
"""
OTHER = """
def longest(words):
    best = ""
    for word in words:
        if len(word) > len(best):
            best = word
    return best
"""


def share(one: np.ndarray, other: np.ndarray) -> float:
    return len(np.intersect1d(one, other)) / len(one)


def test_case_signs_and_white_space_do_not_matter_in_text() -> None:
    text = "Write a function that returns the mean of the squares of all values."
    assert np.array_equal(text_shingles(text), text_shingles(text.upper().replace(" ", "\n  ").replace(".", "!")))
    assert share(text_shingles(text), text_shingles(text + " " + text.replace("mean", "sum"))) == 1
    assert len(text_shingles(text)) == len(text.split()) - TEXT_LENGTH + 1


def test_names_comments_and_layout_do_not_matter_in_code() -> None:
    assert np.array_equal(code_shingles(CODE), code_shingles(RENAMED))
    assert share(code_shingles(CODE), code_shingles(OTHER)) == 0


@pytest.mark.parametrize("name", ["string", "map", "char", "vector", "func", "new", "package", "default", "long"])
def test_a_variable_that_another_language_has_a_word_for_is_a_name(name: str) -> None:
    assert np.array_equal(code_shingles(CODE.replace("total", name)), code_shingles(CODE))


def test_names_that_are_used_otherwise_do() -> None:
    swapped = CODE.replace("value * value", "value * total")
    assert share(code_shingles(CODE), code_shingles(swapped)) < 1


def test_characters_of_texts_without_spaces_are_words() -> None:
    assert words("用Python3写一个函数，返回列表。") == ["用", "python3", *"写一个函数返回列表"]
    assert words("リストを返す・関数") == list("リストを返す関数")
    assert words("함수를 쓰세요") == ["함수를", "쓰세요"]
    asked = "写一个函数，返回列表中所有正数的和，没有正数时返回零。"
    assert len(text_shingles(asked)) == len(words(asked)) - TEXT_LENGTH + 1
    assert 0.2 < share(text_shingles(asked), text_shingles(asked.replace("没有", "若无"))) < 1


def test_the_digest_forgets_white_space_and_case_alone() -> None:
    assert text_digest("Sum  of\n\tall") == text_digest("sum of all")
    assert text_digest("sum of all") != text_digest("sum of all.")


def test_short_texts() -> None:
    assert len(text_shingles("two words")) == 1
    assert len(text_shingles("")) == 0
    assert len(code_shingles("a b " * (CODE_LENGTH // 2 - 1))) == 0


def test_another_process_has_the_same_numbers() -> None:
    program = f"from mft_core.audit.shingles import code_shingles; print(code_shingles({CODE!r}).sum())"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert int(out) == int(code_shingles(CODE).sum())
