"""Programming languages: what files are called, what people call the language, how its comments look."""

from __future__ import annotations

import re

SUFFIXES = {
    ".py": "python", ".js": "javascript", ".mjs": "javascript", ".ts": "typescript", ".java": "java", ".go": "go",
    ".rs": "rust", ".c": "c", ".h": "c", ".cpp": "c++", ".cc": "c++", ".cxx": "c++", ".hpp": "c++", ".cs": "c#",
    ".rb": "ruby", ".php": "php", ".kt": "kotlin", ".swift": "swift", ".scala": "scala", ".sh": "bash", ".sql": "sql",
    ".lua": "lua", ".r": "r", ".pl": "perl", ".jl": "julia", ".hs": "haskell", ".dart": "dart",
}  # fmt: skip
SPOKEN = {
    "javascript": "JavaScript", "typescript": "TypeScript", "c++": "C++", "c#": "C#", "php": "PHP", "sql": "SQL",
}  # fmt: skip
FENCES = {"c++": "cpp", "c#": "csharp"}
HASH = ("python", "ruby", "bash", "r", "perl", "julia", "php")
DASHES = ("sql", "lua", "haskell")
STRINGS = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"


def spoken(language: str) -> str:
    """The name that people write, such as "C++"."""
    return SPOKEN.get(language, language.capitalize())


def fenced(code: str, language: str) -> str:
    """Code as a block of Markdown."""
    return f"```{FENCES.get(language, language)}\n{code.rstrip()}\n```"


def without_comments(code: str, language: str) -> str:
    """What is left of code without comments, its white space folded: equal where only comments and layout differ.

    Raises nothing, whatever the code is; of a language that is not known, comments begin as in C.
    """
    left = _comments(language).sub(lambda match: match["text"] or " ", code)
    return " ".join(left.split())


def comments_in(code: str, language: str) -> str:
    """What the comments of code say, without the signs that mark them."""
    found = (match["comment"] for match in _comments(language).finditer(code) if match["comment"])
    return " ".join(" ".join(found).translate(str.maketrans("/*#[]-", "      ")).split())


def _comments(language: str) -> re.Pattern[str]:
    marks = [r"/\*.*?\*/", r"//[^\n]*"]
    if language in HASH:
        marks = [r"#[^\n]*", *(marks if language == "php" else [])]
    elif language in DASHES:
        marks = [r"--\[\[.*?\]\]", r"--[^\n]*", *([r"/\*.*?\*/"] if language == "sql" else [])]
    return re.compile(f"(?P<text>{STRINGS})|(?P<comment>{'|'.join(marks)})", re.DOTALL)
