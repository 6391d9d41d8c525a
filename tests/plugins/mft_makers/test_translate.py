from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from mft_core.errors import UsageError
from mft_core.making.draft import Refused
from mft_core.making.maker import SeedRequest
from mft_core.testing import ScriptedAuthor
from mft_makers.translate import Translate

PYTHON = "import math\n\n\ndef area(r):\n    # of a circle\n    square = r * r\n    return math.pi * square\n"
ALIEN = "\n\nimport numpy\n\n\ndef zeros(n):\n    a = n\n    b = a\n    return numpy.zeros(b)\n"
JAVA = "class A {\n  int a;\n  int b;\n  int c;\n}\n"


def translate(tmp_path: Path, **options: object) -> Translate:
    (tmp_path / "a.py").write_text(PYTHON + ALIEN, encoding="utf-8")
    (tmp_path / "A.java").write_text(JAVA, encoding="utf-8")
    return Translate.from_options({"code": str(tmp_path), **options})


def test_a_function_is_translated_with_what_it_needs(tmp_path: Path) -> None:
    maker, author = translate(tmp_path, to="c++"), ScriptedAuthor({"solution": "double area(double r);"})
    drafts = {seed.topic: next(iter(maker.make(seed, author))) for seed in maker.seeds(SeedRequest())}
    assert drafts.keys() == {"python", "java"}
    assert f"```python\n{PYTHON}```" in drafts["python"].instruction
    assert "C++" in drafts["python"].instruction.partition("```")[0]
    assert drafts["python"].topic == "python to c++"
    assert not drafts["python"].worded
    assert drafts["python"].code is not None
    assert drafts["python"].code.language == "c++"
    assert maker.passed_over() == {"code: it does not stand alone": 1}


def test_code_of_the_target_is_left_out(tmp_path: Path) -> None:
    maker = translate(tmp_path)
    assert [seed.topic for seed in maker.seeds(SeedRequest())] == ["java"]
    assert maker.passed_over() == {"code: Python already": 2}


def test_an_answer_that_is_what_was_given_is_refused(tmp_path: Path) -> None:
    maker = translate(tmp_path)
    (seed,) = maker.seeds(SeedRequest())
    with pytest.raises(Refused, match="not translated"):
        list(maker.make(seed, ScriptedAuthor({"solution": f"{JAVA} // the same"})))


def test_records_begin_with_different_requests(tmp_path: Path) -> None:
    text = "\n\n".join(PYTHON.replace("area", f"area{number}") for number in range(40))
    (tmp_path / "b.py").write_text(text, encoding="utf-8")
    maker = Translate.from_options({"code": str(tmp_path / "b.py"), "to": "java", "per_file": 40})
    drafts = [draft for seed in maker.seeds(SeedRequest()) for draft in maker.make(seed, ScriptedAuthor())]
    assert len({draft.instruction[:20] for draft in drafts}) == 4


def test_from_a_language_to_itself_nothing_is_translated(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in Python already"):
        translate(tmp_path, code_languages=["python"])
    assert translate(tmp_path, code_languages=["python", "java"], to="JS").options.to == "javascript"


def test_a_language_that_nobody_knows_is_refused_before_it_is_paid_for(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no programming language that is known"):
        translate(tmp_path, to="klingon")
