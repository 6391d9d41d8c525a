from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.making.draft import Refused
from mft_core.making.maker import SeedRequest
from mft_core.testing import ScriptedAuthor
from mft_makers.unit_tests import UnitTests, assertions_of

SOURCE = "LIMIT = 3\n\n\ndef clip(x):\n    if x > LIMIT:\n        return LIMIT\n    return x\n"


def test_the_draft_has_the_users_function_and_the_models_tests(tmp_path: Path) -> None:
    others = "class A:\n    a = 1\n    b = 2\n    c = 3\n\n\ndef other(x):\n    y = x\n    z = y\n    return lost\n"
    (tmp_path / "a.py").write_text(f"{SOURCE}\n\n{others}", encoding="utf-8")
    maker = UnitTests.from_options({"code": str(tmp_path)})
    (seed,) = maker.seeds(SeedRequest())
    author = ScriptedAuthor({"tests": "```python\nassert clip(5) == 3\nassert clip(1) == 1\n```"})
    (draft,) = maker.make(seed, author)
    assert not draft.worded
    assert "The function: clip\n" in author.asked[0].messages[1][1]
    assert draft.code is not None
    assert (draft.code.source, draft.code.function) == (SOURCE, "clip")
    assert draft.code.tests == "assert clip(5) == 3\nassert clip(1) == 1\n"
    assert draft.instruction.endswith(f"\n\n```python\n{SOURCE}```")
    assert "`clip`" in draft.instruction
    assert draft.answer == "```python\nassert clip(5) == 3\nassert clip(1) == 1\n```"
    assert maker.passed_over() == {"code: no Python function that stands alone": 2}
    exec(draft.code.source + draft.code.tests, {})


def test_imports_of_the_function_are_left_out_and_others_kept() -> None:
    source = "import math\nfrom module import (\n    clip,\n)\n\ndef test_low():\n    assert clip(1) == math.floor(1.5)"
    assert assertions_of(source, "clip") == "import math\n\ndef test_low():\n    assert clip(1) == math.floor(1.5)"
    assert assertions_of("from module import *\nif clip(1) != 1:\n    raise AssertionError", "clip").startswith(
        "if clip"
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("assert clip(", "the tests do not parse"),
        ("print(clip(1))", "the tests assert nothing"),
        ("assert True", "the tests never call the function"),
        ("def clip(x):\n    return x\nassert clip(1) == 1", "the tests define the function"),
        ("import pytest\nassert clip(1) == 1", "the tests import what is no part of Python"),
        ("", "the tests assert nothing"),
    ],
)
def test_what_is_no_test_is_refused(source: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        assertions_of(source, "clip")
    assert caught.value.reason == reason
