from __future__ import annotations

import pytest

from mft_makers.programming_languages import comments_in, fenced, known_language, spoken, without_comments


@pytest.mark.parametrize(
    ("language", "code", "bare", "said"),
    [
        (
            "java",
            'int a; // one\n/* two\n * three */ String s = "// no";',
            'int a; String s = "// no";',
            "one two three",
        ),
        ("bash", "x=1 # one\necho '# no'", "x=1 echo '# no'", "one"),
        ("sql", "SELECT 1 -- one\n/* two */ FROM t", "SELECT 1 FROM t", "one two"),
        ("lua", "x = 1 -- one\n--[[ two\nthree ]]", "x = 1", "one two three"),
        ("php", "$a = 1; # one\n// two\n", "$a = 1;", "one two"),
        ("javascript", "a = `// no`; b = '\\'// no'", "a = `// no`; b = '\\'// no'", ""),
    ],
)
def test_comments_are_told_from_code(language: str, code: str, bare: str, said: str) -> None:
    assert without_comments(code, language) == bare
    assert comments_in(code, language) == said


def test_languages_have_names_for_people_and_for_fences() -> None:
    assert [spoken(name) for name in ("python", "c++", "javascript", "cobol")] == [
        "Python",
        "C++",
        "JavaScript",
        "Cobol",
    ]
    assert fenced("int a;\n\n", "c++") == "```cpp\nint a;\n```"


def test_languages_are_known_by_their_names_and_short_forms() -> None:
    assert [known_language(name) for name in ("Python", "cpp", "C#", "golang", "COBOL")] == [
        "python", "c++", "c#", "go", "cobol",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="Did you mean 'javascript'"):
        known_language("javascrpt")
