"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from collections.abc import Sequence

from helpers.paths import REPOSITORY
from mft_core.making.author import Message
from mft_core.testing import MakerTests
from mft_makers.comment import Comment
from mft_makers.dialogue import Dialogue
from mft_makers.evolve import Evolve
from mft_makers.exercises import Exercises
from mft_makers.from_code import FromCode
from mft_makers.self_instruct import SelfInstruct
from mft_makers.translate import Translate
from mft_makers.unit_tests import UnitTests

CODE = str(REPOSITORY / "mft_core" / "support")
RECORDS = str(REPOSITORY / "plugins" / "mft_makers" / "seed_tasks" / "en.jsonl")


def documented(messages: Sequence[Message], sample: int) -> str:
    """The code that was shown, with a docstring in its first function or class."""
    code = messages[-1][1]
    header = next(line for line in code.splitlines() if line.startswith(("def ", "async def ", "class ")))
    if not header.endswith(":"):  # it goes on in the next line
        return code
    return code.replace(header, f'{header}\n    """What it does, and what it gives back."""', 1)


def asserted(messages: Sequence[Message], sample: int) -> str:
    """An assertion on the function that is named."""
    name = messages[-1][1].split()[2]
    return f"```python\nassert {name}(1) == 1\n```"


def numbered_question(messages: Sequence[Message], sample: int) -> str:
    """A turn that differs from those before."""
    return f"What is number {len(messages)} of {hash(messages[-1][1]) % 1000}?"


class TestExercises(MakerTests):
    component = Exercises


class TestDialogue(MakerTests):
    component = Dialogue
    script = {"student": numbered_question, "teacher": numbered_question}


class TestSelfInstruct(MakerTests):
    component = SelfInstruct


class TestFromCode(MakerTests):
    component = FromCode
    options = {"code": CODE}


class TestEvolve(MakerTests):
    component = Evolve
    options = {"records": RECORDS, "steps": 2}


class TestTranslate(MakerTests):
    component = Translate
    options = {"code": CODE, "to": "java"}


class TestComment(MakerTests):
    component = Comment
    options = {"code": CODE}
    script = {"comment": documented}


class TestUnitTests(MakerTests):
    component = UnitTests
    options = {"code": CODE}
    script = {"tests": asserted}
