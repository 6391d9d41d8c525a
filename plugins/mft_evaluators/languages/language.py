"""What an evaluator needs to know of a programming language."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from mft_core.evaluation.code_blocks import code_blocks

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier

Fields = Mapping[str, Any]
"""A problem in HumanEval-X's form: "prompt", "declaration", "canonical_solution", "test"; Go has "import" and
"test_setup" besides. Everything in it is trusted; only the candidate's program is not."""

MEBIBYTE = 2**20
GIBIBYTE = 2**30
COMPILE_SECONDS = 60.0
MORE_SECONDS = 5.0
"""The tests outlive the candidate, whose end by a limit is then the reason that is told."""


class Language(ABC):
    """A language whose programs can be judged.

    Attributes:
        name: as in the names of the published files.
        title: as people write it.
        task_prefix: what the task ids of its problems begin with.
        fences: what marks code blocks of it in Markdown.
        commands: what must be installed to judge it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    task_prefix: ClassVar[str]
    fences: ClassVar[tuple[str, ...]]
    commands: ClassVar[tuple[str, ...]] = ()

    def missing(self) -> str:
        """Why it cannot be judged on this machine, where every user must find its commands; "": it can be."""
        from mft_core.sandbox import installed

        absent = [command for command in self.commands if not installed(command)]
        return f"{' and '.join(absent)} not installed" if absent else ""

    def lacking(self, fields: Fields) -> str:
        """What a single problem needs and this machine lacks; "": nothing."""
        return ""

    @abstractmethod
    def program(self, fields: Fields, completion: str) -> str:
        """The candidate's whole source: the prompt continued, or the completion where it has the function itself."""

    @abstractmethod
    def cut(self, fields: Fields, text: str) -> str:
        """A model's continuation of the prompt up to the end of the function."""

    @abstractmethod
    def judge(self, fields: Fields, program: str, limits: Limits, tier: Tier) -> Outcome:
        """Whether the published tests hold for the candidate's program.

        Args:
            fields: the problem.
            program: untrusted source, from `program`.
            limits: of the tests; compilers have their own.
            tier: the sandbox.
        """

    def code(self, fields: Fields, text: str) -> str:
        """The last code block of a chat's answer, or the answer itself."""
        blocks = [block.code for block in code_blocks(text) if block.language in ("", *self.fences)]
        return blocks[-1] if blocks else text


def outlasting(limits: Limits) -> Limits:
    """Those of the tests beside a candidate that has `limits`."""
    return replace(limits, seconds=limits.seconds + MORE_SECONDS, cpu_seconds=limits.cpu_seconds + round(MORE_SECONDS))


def not_compiled(outcome: Outcome) -> Outcome:
    """The verdict where a compiler has refused a program; running out of time or memory, or a crash, stay what they
    are. The detail is its first error."""
    if outcome.verdict != "fail":
        return outcome
    lines = outcome.stderr.decode(errors="replace").splitlines()
    first = next((line for line in lines if "error" in line), outcome.detail)
    return replace(outcome, detail=f"does not compile: {first.strip()[:300]}")
