"""Text to code: signature and docstring are shown, the body is asked for."""

from __future__ import annotations

import ast

from mft_sources.stdlib.definitions import Definition
from mft_sources.stdlib.examples import Example, code_lines, fenced, members_note, pick, spoken_name

MINIMUM_DOCSTRING = 60
MAXIMUM_HEAD = 1000
MINIMUM_RESPONSE = 40
MAXIMUM_RESPONSE = 900

TEMPLATES = (
    "Implement the Python function {name} as its docstring says. {note}Answer with the body only.\n{code}",
    "Write the body of this Python function. {note}\n{code}",
    "{code}\nWrite the code that does what this docstring describes. {note}Give the indented body only.",
    "Fill in the body of {name}. {note}\n{code}",
)


def make(definition: Definition) -> Example | None:
    """Only functions whose docstring says enough, and whose body does more than raise or pass."""
    if not definition.is_function or len(definition.docstring) < MINIMUM_DOCSTRING:
        return None
    head, body = "\n".join(definition.lines[: definition.docstring_end]), definition.body
    if len(head) > MAXIMUM_HEAD or not MINIMUM_RESPONSE <= len(body) <= MAXIMUM_RESPONSE or code_lines(body) < 2:
        return None
    if all(isinstance(statement, (ast.Raise, ast.Pass)) for statement in definition.statements):
        return None
    template = pick(TEMPLATES, "text2code", definition.source)
    prompt = template.format(name=spoken_name(definition), note=members_note(definition), code=fenced(head))
    return Example(prompt.replace(" \n", "\n"), body)
