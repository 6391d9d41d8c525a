"""Rust: named, so that what is published of it is reported as not measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_evaluators.languages.braces import cut_at_end
from mft_evaluators.languages.language import Fields, Language

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier


class Rust(Language):
    """Every published problem imports crates that a Rust toolchain does not contain."""

    name, title, task_prefix = "rust", "Rust", "Rust"
    fences = ("rust", "rs")

    def missing(self) -> str:
        """Always: crates cannot be fetched where code is judged."""
        return "its problems need the crates rand, regex and md5"

    def program(self, fields: Fields, completion: str) -> str:
        """The prompt and what continues it."""
        return f"{fields['prompt']}{completion}"

    def cut(self, fields: Fields, text: str) -> str:
        """Up to the end of the function."""
        return cut_at_end(text, 1)

    def judge(self, fields: Fields, program: str, limits: Limits, tier: Tier) -> Outcome:
        """Never called: the group is not measured."""
        raise NotImplementedError(self.missing())
