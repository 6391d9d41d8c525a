"""Comment: a function without its docstring is shown, the docstring is asked for."""

from __future__ import annotations

from mft_sources.stdlib.definitions import Definition
from mft_sources.stdlib.examples import Example, code_lines, fenced, pick, spoken_name

MINIMUM_CODE_LINES = 3
MAXIMUM_CODE = 1400
MINIMUM_WORDS = 4
MAXIMUM_RESPONSE = 800

TEMPLATES = (
    "Write a docstring for the Python function {name}.\n{code}",
    "Describe in a docstring what this Python code does. Answer with its text only.\n{code}",
    "{code}\nDocument the function above: write the text of its docstring.",
    "What should the docstring of {name} say?\n{code}",
)


def make(definition: Definition) -> Example | None:
    """Only functions with enough code to be described and a docstring of some words."""
    docstring, code = definition.docstring, definition.undocumented
    if not definition.is_function or len(docstring.split()) < MINIMUM_WORDS or len(docstring) > MAXIMUM_RESPONSE:
        return None
    if len(code) > MAXIMUM_CODE or code_lines(definition.body) < MINIMUM_CODE_LINES:
        return None
    template = pick(TEMPLATES, "comment", definition.source)
    return Example(template.format(name=spoken_name(definition), code=fenced(code)), docstring)
