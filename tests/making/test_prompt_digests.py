"""Digests of all that a making tells a model."""

from __future__ import annotations

from collections.abc import Mapping

from helpers.echo_makers import Echo
from mft_core.making.prompt_digests import prompt_digests


class Wordy(Echo):
    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def prompts(self) -> Mapping[str, str]:
        return {"echo": self._text}


def test_those_of_the_maker_of_the_core_and_of_the_judge_are_there() -> None:
    one, other = prompt_digests(Wordy("Say it.")), prompt_digests(Wordy("Say that."))
    assert {"echo", "solution", "tests", "inputs", "judge"} == set(one)
    assert {name for name in one if one[name] != other[name]} == {"echo"}
    assert all(len(digest) == 64 for digest in one.values())
