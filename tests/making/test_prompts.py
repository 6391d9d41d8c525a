"""What a model is told."""

from __future__ import annotations

from mft_core.making import prompts as module
from mft_core.making.prompts import LANGUAGE, SOLUTION, prompts


def test_all_that_is_told_is_given_out() -> None:
    written = {value for name, value in vars(module).items() if name.isupper() and value != LANGUAGE}
    assert set(prompts().values()) == written
    assert all(told.strip() == told and "\\" not in told for told in prompts().values())


def test_a_solution_is_asked_for_in_a_language() -> None:
    assert LANGUAGE in SOLUTION
    assert LANGUAGE not in SOLUTION.replace(LANGUAGE, "python")
