from __future__ import annotations

import pytest

from helpers.drafts import draft, reason, solved
from mft_core.making.draft import Code, Draft, Refused
from mft_core.making.filters.form import FormFilter
from mft_core.records import Turn

FORM = FormFilter(20, 20_000, parses=True)
CODE = "def double(number):\n    return 2 * number"
LONG = "\n".join(f"    print({number}, {number * number})" for number in range(100))
BOARD = "\n".join(["[0, 0, 0, 0, 0, 0, 0, 0, 0],"] * 20)
POEM = "\n\n".join(f"Verse {number} is another one.\nAnd this is the chorus of it." for number in range(8))
CHINESE = "请写一个函数，把列表里的数字翻倍，然后返回结果。"
LOOP = "The answer is simple.\n" * 15
PAIR = "Yes, that is right.\nNo, that is wrong.\n" * 8
SPREAD = "".join(f"Step {number} of all.\nThen go on with the next step.\n" for number in range(21))


@pytest.mark.parametrize(
    "one",
    [
        draft("What is two?", "Two is the number after one."),
        draft("什么是递归？", "递归就是一个函数直接或者间接地调用它自己来解决问题。"),
        solved(CODE),
        solved(CODE, language="py"),
        draft("Do it.", f"So:\n```\n{CODE}\n```\nDone.", Code(CODE)),
        draft("Do it.", f"Without a fence:\n{CODE}", Code(CODE)),
        draft("Do it.", f"```bash\npip install x\n```\n```python\n{CODE}\n```", Code(CODE)),
        draft("Show it.", "At the prompt:\n```python\n>>> double(2)\n4\n>>> def\n```"),
        draft("Show it.", "The part inside:\n```python\n    if number:\n        return 1\n```"),
        draft("Show it.", "Here it is:\n```java\nint f( {\n```\nIt does not compile."),
        draft("Show it.", "A fence in text:\n```python\ntext = '''\n```\n'''\n```\nThat is all."),
        solved("int twice(int n) { return 2 * n; }", language="c++"),
        solved("fn twice(n: i32) -> i32 { 2 * n }", language="rust"),
        solved("x = [n * n for n in range(9)]\nprint(x)"),
        solved(f"def squares():\n{LONG}"),
        solved(f"board = [\n{BOARD}\n]"),
        draft("Write a song.", POEM),
        draft("Draw a line.", f"{'-' * 400}\n{'=' * 400}\n" * 20),
        draft("Repeat it.", f"```python\nprint('ab' * 100)\n```\n{'ab' * 30}"),
        draft("Shout.", "```python\nprint('AAAAAAAAAAAAAAAAAAAAAAAAAA')\n```\nA" + "a" * 400),
        Draft((Turn("user", "Call it."), Turn("assistant", "", calls='[{"name": "f", "arguments": {}}]'),
               Turn("tool", "1"), Turn("assistant", "The result of the call is one."))),
        draft("Copy this: a b c d e f g h i j k", "Copied: a b c d e f g h i j k, as you have asked me to."),
    ],
)  # fmt: skip
def test_what_is_in_form_passes(one: Draft) -> None:
    assert reason(FORM, one) == ""


@pytest.mark.parametrize(
    ("one", "refused"),
    [
        (draft(" \n", "Two is the number after one."), "empty instruction"),
        (draft("What is two?", " \n"), "empty answer"),
        (draft("What is two?", "<think>A number, which comes after one.</think>\n"), "empty answer"),
        (draft("What is two?", "A number."), "answer too short"),
        (draft("What is two?", "<think>A number, which comes after one.</think>\nA number."), "answer too short"),
        (draft("What is two?", "The number after one. " * 1000), "answer too long"),
        (
            draft("Write a function that doubles.", "write a  FUNCTION\nthat doubles."),
            "answer repeats the instruction",
        ),
        (draft("Write a function that doubles.", "Write a function that doubles. "), "answer repeats the instruction"),
        (draft(CHINESE, f"{CHINESE}好的"), "answer repeats the instruction"),
        (draft("Do it.", f"```python\n{CODE}\n", Code(CODE)), "code block without end"),
        (draft("Do it.", f"{CODE}\n```\nThis is how it is done.", Code(CODE)), "code block without end"),
        (draft("Do it.", "```java\nint f() { return 1; }\n```", Code(CODE)), "another language"),
        (draft("Do it.", f"```python\n{CODE}\n```", Code("int f();", "java")), "another language"),
        (solved("def double(number)\n    return 2 * number"), "does not parse"),
        (solved("def double(number):\nreturn 2 * number"), "does not parse"),
        (draft("Do it.", "So it is:\n```python\ndef double(number\n```\nThat is all."), "does not parse"),
        (solved("x = 1\0 + 2 + 3 + 4"), "does not parse"),
        (solved("# double(number) returns twice the number"), "no code"),
        (solved('"""Twice the number, as it was asked for."""'), "no code"),
        (solved("pass  # it was asked for"), "no code"),
        (draft("Go on.", LOOP), "repetition"),
        (draft("Go on.", PAIR), "repetition"),
        (draft("Go on.", f"It begins well.\n{LOOP}\nIt ends well."), "repetition"),
        (draft("Go on.", SPREAD), "repetition"),
        (draft("Go on.", "So it goes on and on and on: " + "and on " * 30), "repetition"),
        (draft("继续。", "好的，" + "我们继续下去，" * 30), "repetition"),
        (draft("Count.", "The digits of it are 0." + "142857" * 300), "repetition"),
        (draft("Count.", "The digits of it are these.\n" + "1\n4\n" * 600), "repetition"),
        (solved("x = 0\n" + "total = total + 1\n" * 30), "repetition"),
    ],
)  # fmt: skip
def test_what_is_not_is_refused(one: Draft, refused: str) -> None:
    assert reason(FORM, one) == refused


def test_a_later_turn_counts_too() -> None:
    turns = draft("What is two?", "Two is the number after one.").turns
    assert (
        reason(FORM, Draft((*turns, Turn("user", "And what is three?"), Turn("assistant", "And what is three?"))))
        == "answer repeats the instruction"
    )
    assert reason(FORM, Draft((*turns, Turn("user", ""), Turn("assistant", "It is more.")))) == "empty instruction"


def test_parsing_can_be_left_to_others() -> None:
    wrong = solved("def double(number)\n    return 2 * number")
    assert reason(FormFilter(20, 20_000, parses=False), wrong) == ""


def test_the_detail_says_where() -> None:
    with pytest.raises(Refused, match=r"does not parse: line 2: "):
        FORM.check(solved("x = 1\ny = = 2\nz = 3"), None)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="java instead of python"):
        FORM.check(draft("Do it.", "```java\nint f() { return 1; }\n```", Code(CODE)), None)  # type: ignore[arg-type]
