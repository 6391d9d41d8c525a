"""Thoughts told from answers."""

from __future__ import annotations

import pytest

from mft_core.support.thoughts import Thought, split_thought, without_thought


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>\nwhy\n</think>\n\nso", Thought("think", "\nwhy\n", "\n\nso")),
        (" \n<reasoning></reasoning>so", Thought("reasoning", "", "so")),
        ("<think>why", None),
        ("<think>why</thinking>so", None),
        ("so <think>why</think>", None),
        ("<tool_call>why</tool_call>", None),
    ],
)
def test_an_answer_that_begins_with_a_thought_has_parts(text: str, parts: Thought | None) -> None:
    assert split_thought(text) == parts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>\nwhy\n</think>\n\nso </think> far\n", "so </think> far\n"),
        ("why\nand how\n</think>\n\nso", "so"),
        ("</think>\n\nso", "so"),
        ("<think>never ends", "<think>never ends"),
        ('said = text.split("</think>")[-1]\n', 'said = text.split("</think>")[-1]\n'),
        ("  as it is\n", "  as it is\n"),
    ],
)
def test_what_is_said_is_what_comes_after_the_thought(text: str, said: str) -> None:
    assert without_thought(text) == said
