"""Programming languages that programs are judged in: what a completion becomes, and how published tests judge it."""

from __future__ import annotations

from mft_evaluators.languages.cpp import Cpp
from mft_evaluators.languages.go import Go
from mft_evaluators.languages.java import Java
from mft_evaluators.languages.javascript import JavaScript
from mft_evaluators.languages.language import Fields, Language
from mft_evaluators.languages.python import Python
from mft_evaluators.languages.rust import Rust

LANGUAGES: dict[str, Language] = {
    language.name: language for language in (Python(), Java(), Cpp(), JavaScript(), Go(), Rust())
}

__all__ = ["LANGUAGES", "Fields", "Language"]
