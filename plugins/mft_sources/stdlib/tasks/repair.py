"""Repair: a function with one mistake put into it is shown, the original is asked for."""

from __future__ import annotations

from mft_sources.stdlib.definitions import Definition
from mft_sources.stdlib.examples import Example, code_lines, fenced, pick, spoken_name
from mft_sources.stdlib.mutations import mutate

MINIMUM_CODE_LINES = 3
MINIMUM_DOCSTRING = 20
MAXIMUM_SOURCE = 900

TEMPLATES = (
    "There is a bug in this Python function. Find it and write the corrected function.\n{code}",
    "Fix the bug in {name}.\n{code}",
    "{code}\nThe function above does not do what its docstring says. Correct it.",
    "This version of {name} is wrong. Write the function without the mistake.\n{code}",
)


def make(definition: Definition) -> Example | None:
    """Only documented functions: without a docstring nothing says what right would be."""
    if not definition.is_function or len(definition.docstring) < MINIMUM_DOCSTRING:
        return None
    if len(definition.source) > MAXIMUM_SOURCE or code_lines(definition.body) < MINIMUM_CODE_LINES:
        return None
    broken = mutate(definition)
    if broken is None:
        return None
    template = pick(TEMPLATES, "repair", definition.source)
    return Example(template.format(name=spoken_name(definition), code=fenced(broken)), fenced(definition.source))
