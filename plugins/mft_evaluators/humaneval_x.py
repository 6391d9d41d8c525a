"""HumanEval-X: 164 functions in five languages, with tests in each (Zheng et al. 2023, arXiv 2303.17568)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from mft_core.errors import MftError
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Item
from mft_core.evaluation.protocol import Protocol
from mft_core.evaluation.published_sets import PublishedSet, load_set
from mft_core.evaluation.python_source import POST_PROCESSING
from mft_core.generation.answering import Prompt
from mft_core.records import Turn
from mft_evaluators.humaneval import CONTINUED
from mft_evaluators.languages import LANGUAGES
from mft_evaluators.multilingual import STOP, MultilingualEvaluator

INSTRUCTION = (
    "Complete this {language} function. Answer with the whole program in one {language} code block, without tests."
    "\n\n```{fence}\n{prompt}```"
)
REQUIRED = ("task_id", "prompt", "declaration", "canonical_solution", "test")


class HumanEvalX(MultilingualEvaluator):
    """pass@k on HumanEval-X for every language, each judged by that language's published tests.

    A sample's `completion` continues the prompt, as published, or is the whole function once more.
    """

    name = "humaneval-x"
    published = PublishedSet(("humaneval_x",), "THUDM/humaneval-x", required=REQUIRED)
    known_bad: ClassVar[Mapping[str, str]] = {
        "Go/95": "the published solution looks at the first key of a map, which Go chooses at random",
        "JavaScript/112": "the published solution returns a string where the tests want true or false",
        "JavaScript/155": "the published solution counts the minus sign of a negative number as an odd digit",
    }

    def load(self) -> list[dict[str, Any]]:
        """The rows of every chosen language: from its file in a folder or on the Hub, or by task id from one file."""
        data = Path(self.options.data).expanduser()
        if self.options.data and not data.is_dir():
            return [row for row in load_set(self.options.data, self.published, self.name) if self._is_chosen(row)]
        return [row for name in self.options.languages for row in load_set(self.options.data, _file(name), self.name)]

    def items(self, request: EvaluationRequest) -> list[Item]:
        """The functions, language by language."""
        rows = self.load()
        if not rows:
            raise MftError(f"humaneval-x: {self.options.data} has no problem in {', '.join(self.options.languages)}")
        items = [Item(str(row["task_id"]), row, self._language(row)) for row in rows]
        return self.judgeable(items, request)

    def prompt(self, item: Item) -> Prompt:
        """The prompt without its last line end (see `HumanEval`), or a user's message around it."""
        if self.options.protocol == "completion":
            return item.fields["prompt"].rstrip()
        language = LANGUAGES[item.group]
        text = INSTRUCTION.format(language=language.title, fence=language.fences[0], prompt=item.fields["prompt"])
        return [Turn("user", text)]

    def describe(self) -> Protocol:
        """The prompt alone, or the instruction."""
        if self.options.protocol == "completion":
            return Protocol("completion", CONTINUED, stop=STOP, post_processing="cut at the end of the function")
        return Protocol("chat", INSTRUCTION, post_processing=f"the last code block; of Python, {POST_PROCESSING}")

    def reference(self, item: Item) -> str:
        """The published body."""
        return item.fields["canonical_solution"]

    def language(self, item: Item) -> str:
        """The group's name."""
        return item.group

    def _language(self, row: Mapping[str, Any]) -> str:
        prefix = str(row["task_id"]).split("/")[0]
        found = next((language.name for language in LANGUAGES.values() if language.task_prefix == prefix), None)
        if found is None:
            prefixes = ", ".join(language.task_prefix for language in LANGUAGES.values())
            hint = f"Task ids begin with one of {prefixes}."
            raise MftError(f"humaneval-x: the task id {row['task_id']!r} names no language", hint)
        return found

    def _is_chosen(self, row: Mapping[str, Any]) -> bool:
        return self._language(row) in self.options.languages


def _file(language: str) -> PublishedSet:
    return PublishedSet(
        (f"humaneval_{language}",), "THUDM/humaneval-x", f"data/{language}/data/humaneval.jsonl", REQUIRED
    )
