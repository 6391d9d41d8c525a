"""MBPP: short Python functions from one sentence and their tests (Austin et al. 2021, arXiv 2108.07732)."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mft_core.errors import MftError
from mft_core.evaluation.code import CodeEvaluator, CodeOptions
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Item
from mft_core.evaluation.protocol import Protocol
from mft_core.evaluation.published_sets import PublishedSet
from mft_core.evaluation.python_parsing import is_python, parse
from mft_core.evaluation.python_source import POST_PROCESSING, extract_code
from mft_core.evaluation.scoring import before_stop
from mft_core.generation.answering import Prompt
from mft_core.records import Turn

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier

TEST_IDS = range(11, 511)
"""The published test split; 1-10 are for few-shot prompts, the others for training."""
SHOT_IDS = (2, 3, 4)

DOCSTRING = '"""\n{text}\n{tests}\n"""\n'
DOCSTRING_STOP = ("\nclass ", "\nassert ", '\n"""', "\nprint(", "\nif ", "\n```")
TASK = (
    "You are an expert Python programmer, and here is your task: {text} Your code should pass these tests:\n\n{tests}"
)
SHOT = TASK + "\n[BEGIN]\n{code}\n[DONE]\n"
SHOT_STOP = ("[DONE]",)
CHAT = TASK + "\n\nAnswer with the code in one Python code block."


class MbppOptions(CodeOptions):
    """Options of MBPP."""

    protocol: Literal["completion", "few-shot", "chat"] = Field(
        "completion",
        description="completion: task and tests in a docstring; few-shot: the paper's 3 examples; chat: a user asks",
    )
    ids: Literal["test", "all"] = Field("test", description="test: the published test split, ids 11-510; all: every id")


class Mbpp(CodeEvaluator[MbppOptions]):
    """pass@k on MBPP: a function is written from one sentence and the three tests it must pass.

    A sample's `completion` is the whole program.
    """

    name = "mbpp"
    published = PublishedSet(
        files=("mbpp", "sanitized-mbpp"),
        hub="google-research-datasets/mbpp",
        hub_file="full/test-00000-of-00001.parquet",
        required=("task_id", "code", "test_list"),
    )

    def items(self, request: EvaluationRequest) -> list[Item]:
        """The problems of the test split, by id."""
        rows = sorted(self.load(), key=lambda row: row["task_id"])
        chosen = [row for row in rows if self.options.ids == "all" or int(row["task_id"]) in TEST_IDS]
        if not chosen:
            raise MftError("mbpp: none of the set's ids is in the test split (11-510)", "Use --set eval.mbpp.ids=all")
        self._shots = "".join(SHOT.format(**_texts(row), code=row["code"]) for row in self._shot_rows(rows))
        return [Item(str(row["task_id"]), row) for row in chosen]

    def prompt(self, item: Item) -> Prompt:
        """Docstring, examples and task, or a user's message."""
        texts = _texts(item.fields)
        if self.options.protocol == "chat":
            return [Turn("user", CHAT.format(**texts))]
        if self.options.protocol == "few-shot":
            return f"{self._shots}{TASK.format(**texts)}\n[BEGIN]\n"
        return DOCSTRING.format(**texts)

    def stop_strings(self) -> tuple[str, ...]:
        """What comes behind a program."""
        return {"completion": DOCSTRING_STOP, "few-shot": SHOT_STOP, "chat": ()}[self.options.protocol]

    def post_process(self, item: Item, text: str) -> str:
        """The program."""
        if self.options.protocol == "chat":
            return extract_code(text, entry_point(item.fields))
        return before_stop(text, self.stop_strings())

    def describe(self) -> Protocol:
        """One of the three forms in use."""
        cut = "cut at the first stop string"
        return {
            "completion": Protocol("docstring", DOCSTRING, 0, DOCSTRING_STOP, cut),
            "few-shot": Protocol("few-shot", TASK, len(SHOT_IDS), SHOT_STOP, cut),
            "chat": Protocol("chat", CHAT, 0, (), POST_PROCESSING),
        }[self.options.protocol]

    def run(self, item: Item, completion: str, limits: Limits, tier: Tier) -> Outcome:
        """The published assertions call the function from outside the candidate's process."""
        from mft_core.sandbox import judge_python

        fields = item.fields
        return judge_python(
            completion,
            "\n".join([*fields.get("test_imports", ()), fields.get("test_setup_code", ""), *fields["test_list"]]),
            entry_point=entry_point(fields),
            limits=limits,
            tier=tier,
        )

    def reference(self, item: Item) -> str:
        """The published program."""
        return item.fields["code"]

    def _shot_rows(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self.options.protocol != "few-shot":
            return []
        by_id = {int(row["task_id"]): row for row in rows}
        if missing := [number for number in SHOT_IDS if number not in by_id]:
            raise MftError(
                f"mbpp: the set lacks the problems {missing} that the few-shot prompt shows",
                "Give the whole of mbpp.jsonl (ids 1-974), or another protocol: --set eval.mbpp.protocol=completion",
            )
        return [by_id[number] for number in SHOT_IDS]


def entry_point(fields: Mapping[str, Any]) -> str:
    """The function that the tests are about: of those the published program defines, the first that a test calls."""
    defined = [node.name for node in parse(fields["code"]).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    called = [
        node.func.id
        for test in fields["test_list"]
        if is_python(test)
        for node in ast.walk(parse(test))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    for name in called:
        if name in defined:
            return name
    raise MftError(f"mbpp: the tests of problem {fields['task_id']} call no function of its program")


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    return {"text": row.get("text") or row["prompt"], "tests": "\n".join(row["test_list"])}
