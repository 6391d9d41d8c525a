from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.making.draft import Refused, Seed
from mft_core.making.maker import SeedRequest
from mft_core.testing import ScriptedAuthor
from mft_makers.comment import Comment, undocumented

SOURCE = 'def add(a, b):\n    """Add, as is said."""\n    # why\n    total = a + b\n    return total\n'
BARE = "def add(a, b):\n    # why\n    total = a + b\n    return total"
GOOD = 'def add(a, b):\n    """Add two numbers and return their sum."""\n    total = a + b\n    return total'
JAVA = "class Pair {\n  int a;\n  int b;\n  int c;\n}"


def comment(tmp_path: Path, content: str = SOURCE, name: str = "a.py") -> tuple[Comment, list[Seed]]:
    (tmp_path / name).write_text(content, encoding="utf-8")
    maker = Comment.from_options({"code": str(tmp_path)})
    return maker, list(maker.seeds(SeedRequest()))


def test_code_is_shown_without_its_docstring_and_asked_for_with_one(tmp_path: Path) -> None:
    maker, (seed,) = comment(tmp_path)
    author = ScriptedAuthor({"comment": f"Here:\n```python\n{GOOD}\n```"})
    (draft,) = maker.make(seed, author)
    assert not draft.worded
    assert author.asked[0].messages[1][1] == f"```python\n{BARE}\n```"
    assert draft.instruction.endswith(f"\n\n```python\n{BARE}\n```")
    assert draft.answer == f"```python\n{GOOD}\n```"
    assert (draft.code, draft.topic) == (None, "python")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (GOOD.replace("a + b", "a - b"), "the code was changed"),
        (GOOD.replace("(a, b)", "(a, c)"), "the code was changed"),
        (f"{GOOD}\n\nadd(1, 2)", "the code was changed"),
        ("def add(", "the code was changed"),
        (BARE, "no documentation"),
        (GOOD.replace("Add two numbers and return their sum.", "Adds."), "no documentation"),
        (Refused("cut off"), "cut off"),
    ],
)
def test_other_code_and_no_documentation_are_refused(tmp_path: Path, answer: str | Refused, reason: str) -> None:
    maker, (seed,) = comment(tmp_path)
    with pytest.raises(Refused) as caught:
        maker.make(seed, ScriptedAuthor({"comment": answer}))
    assert caught.value.reason == reason


def test_other_languages_are_compared_without_comments(tmp_path: Path) -> None:
    maker, (seed,) = comment(tmp_path, JAVA, "A.java")
    good = f"// A pair of three numbers, oddly.\n{JAVA}"
    (draft,) = maker.make(seed, ScriptedAuthor({"comment": good}))
    assert draft.answer == f"```java\n{good}\n```"
    for answer, reason in ((good.replace("int c", "int d"), "changed"), (f"// Pair\n{JAVA}", "no documentation")):
        with pytest.raises(Refused, match=reason):
            maker.make(seed, ScriptedAuthor({"comment": answer}))


def test_what_has_comments_in_another_language_is_left_out(tmp_path: Path) -> None:
    maker, seeds = comment(tmp_path, JAVA.replace("int a;", "int a; // first"), "A.java")
    assert seeds == []
    assert maker.passed_over() == {"code: it has comments already": 1}


def test_docstrings_are_taken_out_and_nothing_else() -> None:
    nested = 'class A:\n    """A."""\n\n    def b(self):\n        """B\n        b."""\n\n    x = """no"""\n'
    assert undocumented(nested) == 'class A:\n\n    def b(self):\n        pass\n\n    x = """no"""\n'
    assert undocumented('def f(): "doc"; return 1') == "def f():\n    return 1"
