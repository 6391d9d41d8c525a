from __future__ import annotations

import string

import pytest

from mft_core.making.author import SYSTEM, USER
from mft_core.registry.catalog import Entry, load_entry
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_makers import mft_makers
from mft_makers.prompted import PromptedMaker
from mft_makers.prompts import BREAK, lines_of, prompts_of, question

NAMES = [component.name for component in mft_makers()]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_texts_with_the_same_placeholders(name: str) -> None:
    english, chinese = (prompts_of(name, language) for language in ("en", "zh"))
    assert [file.replace(".en.", ".zh.") for file in english] == list(chinese) != []
    for file, text in english.items():
        other = chinese[file.replace(".en.", ".zh.")]
        assert text != other
        assert [placeholders(part) for part in text.split(BREAK)] == [placeholders(part) for part in other.split(BREAK)]


def test_a_question_has_first_what_all_of_its_stage_share() -> None:
    one, other = (
        question("exercises", "instruction", "en", {"programming_language": "Java"}, {"task": task, "count": 1})
        for task in ("{braces}", "other")
    )
    assert [role for role, _ in one] == [SYSTEM, USER]
    assert one[0] == other[0]
    assert "function or class in Java" in one[0][1]
    assert "Description: {braces}" in one[1][1]


def test_lists_of_texts_have_the_same_names_in_both_languages() -> None:
    for name, stage in (("exercises", "kinds"), ("dialogue", "personas"), ("evolve", "ways"), ("tests", "requests")):
        assert list(lines_of(name, stage, "en")) == list(lines_of(name, stage, "zh"))
        assert all(lines_of(name, stage, "zh").values())


@pytest.mark.parametrize("entry", discover(Workspace()).catalog.of_kind("maker"), ids=lambda entry: entry.name)
def test_a_maker_gives_the_texts_of_its_language_alone(entry: Entry) -> None:
    target = load_entry(entry)
    assert issubclass(target, PromptedMaker)
    assert target.name == entry.name
    found = target.from_options({"language": "zh"}).prompts()
    assert found == prompts_of(entry.name, "zh")
    assert all(file.startswith(f"{entry.name}-") and file.endswith(".zh.md") for file in found)
