"""JavaScript: two Node processes; the tests call the function in the other one, and plain values cross."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mft_evaluators.languages.braces import cut_at_end
from mft_evaluators.languages.language import GIBIBYTE, Fields, Language, outlasting

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier

HARNESSES = Path(__file__).with_name("harnesses")
ENTRY = re.compile(r"^(?:const|let|var|async function|function)\s+(\w+)", re.MULTILINE)
ADDRESSES = 16 * GIBIBYTE
"""Node reserves far more addresses than it uses."""
MD5 = "module.exports = text => require('crypto').createHash('md5').update(text).digest('hex')\n"
"""Stands for the package js-md5 in HumanEval-X's problem 162."""


class JavaScript(Language):
    """Values cross as structured clones: no function, getter or prototype of the candidate's reaches the tests."""

    name, title, task_prefix = "js", "JavaScript", "JavaScript"
    fences = ("javascript", "js", "node")
    commands = ("node",)

    def program(self, fields: Fields, completion: str) -> str:
        """The prompt and what continues it, or the whole function instead."""
        name = _entry_point(fields["declaration"])
        if re.search(rf"^(?:const|let|var|async function|function)\s+{name}\b", completion, re.MULTILINE):
            return _imports(fields["prompt"]) + completion
        return fields["prompt"] + completion

    def cut(self, fields: Fields, text: str) -> str:
        """Up to the function's closing brace."""
        return cut_at_end(text, 1)

    def judge(self, fields: Fields, program: str, limits: Limits, tier: Tier) -> Outcome:
        """pass: all of the tests' console.assert held."""
        from mft_core.sandbox import Program, judge_pair

        name = _entry_point(fields["declaration"])
        limits = replace(limits, address_space_bytes=ADDRESSES)
        side = {"node_modules/js-md5/index.js": MD5}
        candidate = Program(
            ["node", "candidate_side.js"],
            side
            | {"candidate_side.js": _source("candidate_side.js"), "candidate.js": f"{program}\n;exports.{name}={name}"},
            limits=limits,
        )
        tests = Program(
            ["node", "tests_side.js", name],
            side | {"tests_side.js": _source("tests_side.js"), "tests.js": _tests(fields, name)},
            limits=outlasting(limits),
        )
        return judge_pair(candidate, tests, tier)


def _entry_point(declaration: str) -> str:
    """The last function that is begun."""
    return ENTRY.findall(declaration)[-1]


def _tests(fields: Fields, name: str) -> str:
    """What the prompt has before the function asked for, and the tests."""
    prompt = fields["prompt"]
    start = [match.start() for match in ENTRY.finditer(prompt) if match[1] == name]
    return f"{prompt[: start[-1]] if start else ''}\n{fields['test']}"


def _imports(prompt: str) -> str:
    return "".join(f"{line}\n" for line in prompt.splitlines() if "require(" in line)


@cache
def _source(name: str) -> str:
    return (HARNESSES / name).read_text(encoding="utf-8")
