from __future__ import annotations

from mft_core.making.draft import Code
from mft_core.making.filters.placeholders import SAID_ANYWHERE, placeholder_in_comments, unwritten


def test_comments_are_read_and_strings_are_not() -> None:
    found = placeholder_in_comments("```python\nx = 1  # the rest of the code\n```")
    assert found is not None
    assert found[0] == "rest of the code"
    assert placeholder_in_comments("```python\nx = '# the rest of the code'\n```") is None
    assert placeholder_in_comments("The rest of the code:\n```python\nx = 1\n```") is None


def test_in_other_languages_and_in_python_that_does_not_parse_marks_tell_comments() -> None:
    for mark in ("//", "/*", "--", "<!--", "#", " *"):
        assert placeholder_in_comments(f"```\nint x = (\n{mark} your code here\n```"), mark
    assert placeholder_in_comments("```java\nString yourCode = read();\n```") is None


def test_what_is_said_outside_of_code() -> None:
    assert SAID_ANYWHERE.search("Then write your logic here.")
    assert SAID_ANYWHERE.search("在这里编写你的代码")
    assert not SAID_ANYWHERE.search("Your code is here to stay.")


def test_functions_without_code() -> None:
    source = "def a():\n    pass\n\nasync def b():\n    ...\n\ndef c():\n    return 1\n\ndef d():\n    return 2\n\n"
    assert unwritten(Code(source)) == ["a", "b"]
    assert unwritten(Code(source + "def e():\n    return 3")) == []
    assert unwritten(Code(source + "def e():\n    return 3", function="b")) == ["a", "b"]
    assert unwritten(Code("def a(:")) == []
