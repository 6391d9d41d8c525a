"""Data that is named and not read is said."""

from __future__ import annotations

import pytest

from mft_core.recipe.loading import load_recipe
from mft_core.run.displaced_data import displaced_warnings


def entry(name: str, train: str, role: str = "train") -> str:
    return f'[[data.tasks]]\nname = "{name}"\ntrain = "{train}"\nrole = "{role}"\n'


@pytest.mark.parametrize(
    ("data", "tasks", "expected"),
    [
        ('path = "data"', entry("more", "../more.jsonl"), ["data.path"]),
        ('path = "data"', entry("more", "hf:ORG/NAME"), ["data.path"]),
        ('source = "stdlib"', entry("more", "more.jsonl"), ["data.source"]),
        ('path = "data"', entry("more", "../more.jsonl", "watch"), []),
        ('path = "data"', entry("a", "a/*.jsonl"), []),
        ('path = "data"', entry("a", "a.jsonl") + entry("more", "../more.jsonl"), []),
        ('path = "data"', '[[data.tasks]]\nname = "a"\nweight = 2.0\n', []),
        ("", entry("more", "more.jsonl"), []),
        ('path = "data"', "", []),
    ],
)
def test_tasks_by_their_files_displace_other_data_with_a_warning(write, data: str, tasks: str, expected: list) -> None:
    found = displaced_warnings(load_recipe(write(f"[data]\n{data}\n{tasks}")))
    assert [warning.split()[0] for warning in found] == expected
    assert all("is not read, because data.tasks names files to train on (more)" in warning for warning in found)
