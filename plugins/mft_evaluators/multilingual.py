"""Evaluators of programs in several languages, each group of problems judged by the tests of its language."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator
from typing_extensions import TypeVar

from mft_core.evaluation.code import CodeEvaluator, CodeOptions
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Item
from mft_evaluators import shared_process
from mft_evaluators.languages import LANGUAGES, Language

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier

STOP = ("\ndef ", "\nclass ", "\nif __name__", "\nprint(", "\nassert ", "\n}\n", "\n```")
"""Where a continuation leaves its function, in whichever language."""


LanguageName = Literal["python", "java", "cpp", "js", "go", "rust"]


class MultilingualOptions(CodeOptions):
    """Options of evaluators in several languages."""

    protocol: Literal["completion", "chat"] = Field(
        "completion", description="completion: a beginning is continued; chat: a user asks for the program"
    )
    languages: list[LanguageName] = Field(
        ["python", "java", "cpp", "js", "go"], min_length=1, description="languages that answers are written in"
    )
    shared_process: bool = Field(False, description=shared_process.DESCRIPTION)

    @field_validator("languages", "parts", mode="before", check_fields=False)
    @classmethod
    def _from_one_word(cls, value: Any) -> Any:
        """`--set eval.NAME.languages=python,js` gives one string."""
        return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


SomeMultilingualOptions = TypeVar(
    "SomeMultilingualOptions", bound=MultilingualOptions, default=MultilingualOptions, covariant=True
)


class MultilingualEvaluator(CodeEvaluator[SomeMultilingualOptions]):
    """Knows from `language` by which rules an item's answers are cut, compiled and judged."""

    _groups: Mapping[str, str] = {}

    @abstractmethod
    def language(self, item: Item) -> str:
        """The name of the language that the item's answer is written in, of `LANGUAGES`."""

    def judgeable(self, items: Sequence[Item], request: EvaluationRequest) -> list[Item]:
        """The items without those that need something beyond their language that this machine lacks, which are told;
        notes which groups there are, for `not_measured`."""
        self._groups = {item.group: self.language(item) for item in items}
        reasons = {item.task_id: LANGUAGES[self.language(item)].lacking(item.fields) for item in items}
        for task_id, reason in reasons.items():
            if reason:
                request.on_notice(f"{self.name}: {task_id} is left out: it needs {reason}")
        return [item for item in items if not reasons[item.task_id]]

    def not_measured(self) -> Mapping[str, str]:
        """Groups in a language that this machine cannot judge, or only in the programs' own process."""
        reasons = {group: self._reason(LANGUAGES[name]) for group, name in self._groups.items()}
        return {group: reason for group, reason in reasons.items() if reason}

    def _reason(self, language: Language) -> str:
        refused = language.shared_process and not self.options.shared_process
        return language.missing() or (shared_process.NOT_MEASURED if refused else "")

    def stop_strings(self) -> tuple[str, ...]:
        """Whatever leaves the function; a chat model ends its turn itself."""
        return STOP if self.options.protocol == "completion" else ()

    def post_process(self, item: Item, text: str) -> str:
        """The rest of the function, or the program in an answer."""
        language = LANGUAGES[self.language(item)]
        if self.options.protocol == "completion":
            return language.cut(item.fields, text)
        return language.code(item.fields, text)

    def run(self, item: Item, completion: str, limits: Limits, tier: Tier) -> Outcome:
        """By the language's published tests."""
        language = LANGUAGES[self.language(item)]
        return language.judge(item.fields, language.program(item.fields, completion), limits, tier)
