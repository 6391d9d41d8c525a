"""CodeFuseEval: completion from Chinese, translation, text to code, and unit tests (MFTCoder, arXiv 2311.02303)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mft_core.errors import MftError
from mft_core.evaluation.code_blocks import code_blocks
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Item
from mft_core.evaluation.mutation import mutants
from mft_core.evaluation.protocol import Protocol
from mft_core.evaluation.python_parsing import parsing_part
from mft_core.evaluation.python_source import POST_PROCESSING
from mft_core.evaluation.python_tests import runnable_tests
from mft_core.evaluation.scoring import before_stop
from mft_core.generation.answering import Prompt
from mft_core.records import Turn
from mft_evaluators.codefuseeval_items import TEXT2CODE, UNIT_TESTS, build, read_files
from mft_evaluators.mbpp import DOCSTRING_STOP
from mft_evaluators.multilingual import STOP, MultilingualEvaluator, MultilingualOptions

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier

STOP_TESTS = ("\nclass ", "\nif __name__", "\nprint(", "\n```")
MOST_TRIED = 20
"""Variants tried to find `mutants` wrong ones."""
TRIED_SECONDS = 3.0
"""A variant that takes longer is not used, since waiting for it would cost every sample the whole time limit."""


class CodeFuseEvalOptions(MultilingualOptions):
    """Options of CodeFuseEval."""

    parts: list[Literal["chinese", "translation", "text2code", "unit-tests"]] = Field(
        ["chinese", "translation", "text2code", "unit-tests"], min_length=1, description="what to measure"
    )
    mutants: int = Field(5, ge=1, description="wrong variants that unit tests must notice, all of them")


class CodeFuseEval(MultilingualEvaluator[CodeFuseEvalOptions]):
    """pass@k on four kinds of tasks, each in groups such as translation/java-to-python.

    `data` is the published folder, with code_completion/, code_trans/ and nl2code/, or one of its files. Unit tests are
    not published: they are asked for the published Python solutions, must pass on these, and must fail on wrong
    variants of them that the published tests notice.
    """

    name = "codefuseeval"
    known_bad: ClassVar[Mapping[str, str]] = {
        "chinese/python/Python/142": "the published prompt has an unterminated string before its docstring",
    }

    def items(self, request: EvaluationRequest) -> list[Item]:
        """All chosen parts in the chosen languages."""
        files = read_files(self.options.data, self.name)
        found = build(files, self.options.parts)
        chosen = [item for item in found if self.language(item) in self.options.languages]
        if not chosen:
            have = ", ".join(dict.fromkeys(item.group for item in found)) or "no part of it"
            raise MftError(
                f"codefuseeval: nothing of what is asked for is in {self.options.data}",
                f"It has {have}; --set eval.codefuseeval.parts=... and .languages=... choose.",
            )
        return self.judgeable(chosen, request)

    def check(self) -> None:
        """Read the files and find a sandbox."""
        super().check()
        self.items(EvaluationRequest(Path()))

    def language(self, item: Item) -> str:
        """That of the answer."""
        return item.fields["language"]

    def prompt(self, item: Item) -> Prompt:
        """A text to be continued, without its last line end (see `HumanEval`), or a user's message."""
        if self.options.protocol == "completion":
            return item.fields["shown"].rstrip()
        return [Turn("user", item.fields["asked"])]

    def describe(self) -> Protocol:
        """The forms that `codefuseeval_items` builds."""
        form = "Chinese and English instructions, version 1"
        if self.options.protocol == "completion":
            return Protocol("completion", form, stop=STOP, post_processing="cut at the end of the function")
        return Protocol("chat", form, post_processing=f"the last code block; of Python, {POST_PROCESSING}")

    def stop_strings(self) -> tuple[str, ...]:
        """As of other languages, without what tests begin with."""
        return tuple(word for word in super().stop_strings() if word not in ("\nassert ", "\ndef "))

    def post_process(self, item: Item, text: str) -> str:
        """The rest of the function, the program in an answer, or its tests."""
        part, blocks = item.fields["part"], [block.code for block in code_blocks(text)]
        if part == UNIT_TESTS:
            return whole_statements("\n".join(blocks) if blocks else before_stop(text, STOP_TESTS))
        if part == TEXT2CODE and self.options.protocol == "completion":
            return before_stop(text.lstrip("\n"), DOCSTRING_STOP)
        return super().post_process(item, text)

    def reference(self, item: Item) -> str | None:
        """The published solution; for unit tests, the published tests."""
        if item.fields["part"] == UNIT_TESTS:
            return item.fields["test"]
        return item.fields["canonical_solution"]

    def run(self, item: Item, completion: str, limits: Limits, tier: Tier) -> Outcome:
        """By the language's published tests, or by wrong variants of the published solution."""
        if item.fields["part"] != UNIT_TESTS:
            return super().run(item, completion, limits, tier)
        return self._judge_tests(item, completion, limits, tier)

    def _judge_tests(self, item: Item, completion: str, limits: Limits, tier: Tier) -> Outcome:
        """pass: the tests hold for the right function and for none of the wrong ones."""
        fields = item.fields
        tests = runnable_tests(completion, fields["name"])
        right = _hold(fields["program"], tests, fields["name"], limits, tier)
        if not right.passed:
            return replace(right, detail=f"on the right function: {right.detail}")
        wrong = wrong_variants(fields["program"], fields["test"], fields["name"], self.options.mutants, limits, tier)
        for number, variant in enumerate(wrong, 1):
            outcome = _hold(variant, tests, fields["name"], limits, tier)
            if outcome.verdict == "infra_error":
                return outcome
            if outcome.passed:
                detail = f"wrong variant {number} of {len(wrong)} is not noticed"
                return replace(outcome, verdict="fail", detail=detail)
        return right


@lru_cache(maxsize=1024)
def wrong_variants(program: str, tests: str, name: str, count: int, limits: Limits, tier: Tier) -> tuple[str, ...]:
    """Variants of the program that the published tests notice; an equivalent one cannot be noticed by any.

    Raises:
        MftError: the published tests notice none.
    """
    limits = replace(limits, seconds=min(limits.seconds, TRIED_SECONDS))
    tried = islice(mutants(program, name, seed=name), MOST_TRIED)
    last = list(mutants(program, name, seed=name))[-1:]
    noticed = (one for one in (*tried, *last) if _hold(one, tests, name, limits, tier).verdict == "fail")
    found = tuple(islice(noticed, count))
    if not found:
        raise MftError(f"codefuseeval: the published tests of {name!r} hold for a function that returns nothing.")
    return found


def _hold(program: str, tests: str, name: str, limits: Limits, tier: Tier) -> Outcome:
    """Whether tests hold for a function that they can only call, so that they cannot look at how it is written."""
    from mft_core.sandbox import judge_python

    return judge_python(program, tests, entry_point=name, limits=limits, tier=tier)


def whole_statements(source: str) -> str:
    """The lines up to the last one where the source is complete; the source itself where it never is."""
    return parsing_part(source) or source
