from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import UsageError
from mft_core.making.draft import Refused, Seed
from mft_core.making.maker import SeedRequest
from mft_core.testing import ScriptedAuthor
from mft_makers.from_code import FromCode

JAVA = "class Pair {\n  int a;\n  int b;\n  int sum() { return a + b; }\n}\n"


def from_code(tmp_path: Path, **options: object) -> FromCode:
    (tmp_path / "Pair.java").write_text(JAVA, encoding="utf-8")
    return FromCode.from_options({"code": str(tmp_path), **options})


def only_seed(maker: FromCode) -> Seed:
    (seed,) = maker.seeds(SeedRequest())
    return seed


def test_a_piece_of_code_inspires_a_problem_which_is_solved(tmp_path: Path) -> None:
    maker, author = from_code(tmp_path), ScriptedAuthor({"problem": "**Problem:** Write `total(pairs)`."})
    (draft,) = maker.make(only_seed(maker), author)
    assert author.stages() == ["problem", "solution"]
    assert author.asked[0].messages[1][1] == f"```java\n{JAVA}```"
    assert "in Python" in author.asked[0].messages[0][1]
    assert draft.instruction == "Write `total(pairs)`."
    assert (draft.topic, draft.code and draft.code.language) == ("java", "python")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Extend the given code by a product.", "speaks of the code"),
        ("这段代码做什么？", "speaks of the code"),
        ("", "no problem"),
        (Refused("filtered"), "filtered"),
    ],
)
def test_what_is_no_problem_is_refused(tmp_path: Path, answer: str | Refused, reason: str) -> None:
    maker = from_code(tmp_path)
    with pytest.raises(Refused) as caught:
        maker.make(only_seed(maker), ScriptedAuthor({"problem": answer}))
    assert caught.value.reason == reason


def test_what_was_left_out_is_counted_once(tmp_path: Path) -> None:
    (tmp_path / "a.java").write_text("class A { }\n", encoding="utf-8")
    maker = from_code(tmp_path)
    assert len(list(maker.seeds(SeedRequest()))) == 1
    assert list(maker.seeds(SeedRequest(round=1))) == []
    assert maker.passed_over() == {"code: shorter than 4 lines": 1}


def test_code_must_be_given() -> None:
    with pytest.raises(UsageError, match=r"needs files of code: method\.code is not given"):
        list(FromCode().seeds(SeedRequest()))
