"""Programming languages: what files are called, what people call the language, how its comments look."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from mft_core.support.suggestions import did_you_mean

SUFFIXES = {
    ".py": "python", ".js": "javascript", ".mjs": "javascript", ".ts": "typescript", ".java": "java", ".go": "go",
    ".rs": "rust", ".c": "c", ".h": "c", ".cpp": "c++", ".cc": "c++", ".cxx": "c++", ".hpp": "c++", ".cs": "c#",
    ".rb": "ruby", ".php": "php", ".kt": "kotlin", ".swift": "swift", ".scala": "scala", ".sh": "bash", ".sql": "sql",
    ".lua": "lua", ".r": "r", ".pl": "perl", ".jl": "julia", ".hs": "haskell", ".dart": "dart",
}  # fmt: skip
WITHOUT_FILES = {
    "assembly", "clojure", "cobol", "css", "elixir", "erlang", "f#", "fortran", "groovy", "html", "lisp", "matlab",
    "objective-c", "ocaml", "powershell", "prolog", "scheme", "solidity", "verilog", "vhdl", "zig",
}  # fmt: skip
"""Languages that may be written in, though no maker reads files of them."""
SHORT = {
    "py": "python", "js": "javascript", "ts": "typescript", "cpp": "c++", "cs": "c#", "csharp": "c#", "golang": "go",
    "rs": "rust", "rb": "ruby", "kt": "kotlin", "sh": "bash", "shell": "bash",
}  # fmt: skip
SPOKEN = {
    "javascript": "JavaScript", "typescript": "TypeScript", "c++": "C++", "c#": "C#", "php": "PHP", "sql": "SQL",
}  # fmt: skip
FENCES = {"c++": "cpp", "c#": "csharp"}
HASH = ("python", "ruby", "bash", "r", "perl", "julia", "php")
DASHES = ("sql", "lua", "haskell")
STRINGS = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"


def known_language(name: str) -> str:
    """The language of that name, in whatever case, or short form.

    Raises:
        ValueError: there is none; answers in it would be paid for.
    """
    language = SHORT.get(name.lower(), name.lower())
    known = WITHOUT_FILES.union(SUFFIXES.values())
    if language not in known:
        raise ValueError(f"no programming language that is known. {did_you_mean(name, known)}")
    return language


ProgrammingLanguage = Annotated[str, AfterValidator(known_language)]
"""The type of an option that names one."""


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
