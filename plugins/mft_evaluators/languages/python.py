"""Python: the split judge; the tests call the function from a process of their own."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from mft_core.evaluation.python_parsing import is_python, parse
from mft_core.evaluation.python_source import extract_code
from mft_core.evaluation.scoring import before_stop
from mft_evaluators.humaneval import STOP
from mft_evaluators.languages.language import Fields, Language

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier


class Python(Language):
    """The candidate's process and the tests' exchange literals only."""

    name, title, task_prefix = "python", "Python", "Python"
    fences = ("python", "py", "python3")

    def program(self, fields: Fields, completion: str) -> str:
        """The prompt and what continues it, or the whole function instead."""
        head, name = helpers_and_name(fields["declaration"])
        if re.search(rf"^(?:async )?def {name}\b", completion, re.MULTILINE):
            return f"{head}\n{completion}"
        return f"{fields['prompt']}{completion}"

    def cut(self, fields: Fields, text: str) -> str:
        """Up to the first line that is no part of the function."""
        return before_stop(text, STOP)

    def code(self, fields: Fields, text: str) -> str:
        """What the function needs of the answer's code blocks."""
        return extract_code(text, helpers_and_name(fields["declaration"])[1])

    def judge(self, fields: Fields, program: str, limits: Limits, tier: Tier) -> Outcome:
        """See `judge_python`."""
        from mft_core.sandbox import judge_python

        head, name = helpers_and_name(fields["declaration"])
        return judge_python(program, fields["test"], entry_point=name, limits=limits, helpers_source=head, tier=tier)


def helpers_and_name(declaration: str) -> tuple[str, str]:
    """What stands before the function asked for, and its name.

    Args:
        declaration: imports, helpers, and the function up to its colon, or further.
    """
    lines = declaration.rstrip().splitlines()
    begun = ("\n".join(lines[:end]) + "\n    pass\n" for end in range(len(lines), 0, -1))
    tree = parse(next(source for source in begun if is_python(source)))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    asked = functions[-1]
    tree.body = [node for node in tree.body if node is not asked]
    return ast.unparse(tree), asked.name
