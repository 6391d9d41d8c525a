from __future__ import annotations

import pytest

from mft_makers.answers import code_in, folded, numbered, plain, prose_of, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. one\n2. two", ["one", "two"]),
        ("Here they are:\n\n1) one\n\n2) two\n", ["one", "two"]),
        ("1、写一个函数\n2、写一个类", ["写一个函数", "写一个类"]),
        ("练习1：写一个函数\n练习2：写一个类", ["写一个函数", "写一个类"]),
        ("**1.** one\n**2.** two", ["one", "two"]),
        ("**1** one\n**2** two", ["one", "two"]),
        ("### Task 1: one\n### Task 2: two", ["one", "two"]),
        ("**Exercise 1:** one\n**Exercise 2:** two", ["one", "two"]),
        ("1. Task: one\n2. **two**", ["one", "two"]),
        ("<think>1. no</think>1. one", ["one"]),
        ("Write a function f.", ["Write a function f."]),
        ("1. one\n\n2.\n3. three", ["one", "three"]),
        ("", []),
    ],
)
def test_a_numbered_list_is_read_however_it_is_written(text: str, expected: list[str]) -> None:
    assert numbered(text) == expected


def test_an_item_goes_on_over_lines_lists_and_code() -> None:
    text = "1. Do\n   1. this\n   2. that\n```\n2. no item\n```\n2. Pi is\n3.14 or so\n\n1. again\n3. last"
    assert numbered(text) == [
        "Do\n   1. this\n   2. that\n```\n2. no item\n```",
        "Pi is\n3.14 or so\n\n1. again",
        "last",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**Problem:** Add numbers.", "Add numbers."),
        ('"Add numbers."', "Add numbers."),
        ("“求和。”", "求和。"),
        ("题目：求和。", "求和。"),
        ('"a" and "b"', '"a" and "b"'),
        ("**Add** the **numbers**", "**Add** the **numbers**"),
        ("<think>hm</think>\nAdd.", "Add."),
        ("Sure! Here is the new task:\n\n**Task:** Add.", "Add."),
        ("Certainly!\nHere is an exercise for you:\nAdd.", "Add."),
        ("好的，以下是新的任务：\n求和。", "求和。"),
        ("Here is a program that fails:\nx = 1", "Here is a program that fails:\nx = 1"),
        ("Sure things come first.", "Sure things come first."),
    ],
)
def test_a_text_loses_what_is_put_around_it(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_texts_are_the_same_whatever_their_case_spaces_and_punctuation() -> None:
    assert folded("Add  two numbers.") == folded("add two\nnumbers!")
    assert folded("x + 1") != folded("x - 1")
    assert folded("写一个函数。") == folded("写一个函数")
    assert folded("") == folded(" \n.")


def test_code_is_what_stands_between_fences_or_all_of_it() -> None:
    assert code_in("So:\n```python\nx = 1\n```\nand\n```python\ny = 2\n```") == "x = 1\n\ny = 2"
    assert code_in("<think>```\nno\n```</think>\nx = 1\n") == "x = 1"


def test_prose_is_what_stands_outside_of_fences() -> None:
    assert prose_of("a\n```\nb\n```\nc\n~~~\n```\n~~~\nd") == "a\nc\nd"


def test_words_are_counted_in_both_scripts() -> None:
    assert words("Add two numbers") == 3
    assert words("写一个函数 add(x)") == 6
