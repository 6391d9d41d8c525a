"""HumanEval: 164 Python functions to be written from their docstrings (Chen et al. 2021, arXiv 2107.03374)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mft_core.evaluation.code import CodeEvaluator, CodeOptions
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Item
from mft_core.evaluation.protocol import Protocol
from mft_core.evaluation.published_sets import PublishedSet
from mft_core.evaluation.python_parsing import parse
from mft_core.evaluation.python_source import POST_PROCESSING, extract_code
from mft_core.evaluation.scoring import before_stop
from mft_core.generation.answering import Prompt
from mft_core.records import Turn

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier

STOP = ("\ndef ", "\nclass ", "\nif ", "\n#", "\nprint(", "\n@", "\nassert ", "\n```")
"""Where a completion leaves the function: nothing at the start of a line belongs to its body."""
CONTINUED = "{prompt without white space at its end}"
INSTRUCTION = (
    "Complete this Python function. Answer with the whole function in one Python code block.\n\n```python\n{}```"
)


class HumanEvalOptions(CodeOptions):
    """Options of HumanEval."""

    protocol: Literal["completion", "chat"] = Field(
        "completion", description="completion: the prompt as published is continued; chat: a user asks for the function"
    )


class HumanEval(CodeEvaluator[HumanEvalOptions]):
    """pass@k on HumanEval: a signature and a docstring are completed, hidden tests call the function.

    A sample's `completion` continues the prompt, as published: the body, or the whole function once more.
    """

    name = "humaneval"
    published = PublishedSet(
        files=("HumanEval", "humaneval"),
        hub="openai/openai_humaneval",
        hub_file="openai_humaneval/test-00000-of-00001.parquet",
        required=("task_id", "prompt", "canonical_solution", "test", "entry_point"),
    )

    def items(self, request: EvaluationRequest) -> list[Item]:
        """The functions, in the published order."""
        return [Item(str(row["task_id"]), row) for row in self.load()]

    def prompt(self, item: Item) -> Prompt:
        """The prompt without its last line end, or a user's message around it.

        Most tokenizers have a line end and the indentation behind it in one token: behind a line end of its own the
        body would be something the model has never seen.
        """
        if self.options.protocol == "completion":
            return item.fields["prompt"].rstrip()
        return [Turn("user", INSTRUCTION.format(item.fields["prompt"]))]

    def stop_strings(self) -> tuple[str, ...]:
        """Whatever leaves the function's body; a chat model ends its turn itself."""
        return STOP if self.options.protocol == "completion" else ()

    def post_process(self, item: Item, text: str) -> str:
        """The body, or the code in an answer; either can follow the prompt."""
        if self.options.protocol == "completion":
            return before_stop(text, STOP)
        return extract_code(text, item.fields["entry_point"])

    def describe(self) -> Protocol:
        """The prompt alone, or the instruction."""
        if self.options.protocol == "completion":
            return Protocol("completion", CONTINUED, stop=STOP, post_processing="cut at the first stop string")
        return Protocol("chat", INSTRUCTION, post_processing=POST_PROCESSING)

    def run(self, item: Item, completion: str, limits: Limits, tier: Tier) -> Outcome:
        """The published `check` calls the function from outside the candidate's process."""
        from mft_core.sandbox import judge_python

        fields = item.fields
        candidate = f"{fields['prompt']}{completion}"
        tests = f"{fields['test']}\ncheck({fields['entry_point']})\n"
        return judge_python(
            candidate,
            tests,
            entry_point=fields["entry_point"],
            limits=limits,
            helpers_source=helpers(fields["prompt"], fields["entry_point"]),
            tier=tier,
        )

    def reference(self, item: Item) -> str:
        """The published body."""
        return item.fields["canonical_solution"]


def helpers(prompt: str, entry_point: str) -> str:
    """What a prompt defines beside the function asked for; some tests use it."""
    tree = parse(prompt)
    tree.body = [node for node in tree.body if getattr(node, "name", "") != entry_point]
    return ast.unparse(tree)
