"""What is wrong with a recipe at once is refused at once."""

from __future__ import annotations

import pytest

from helpers.running import write_tasks
from mft_cli.session import Session
from mft_core.errors import UsageError
from mft_core.recipe.loading import load_recipe
from mft_core.run.recipe_check import check_recipe


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("loss", {"name": "famo", "evry": 2}, "evry"),
        ("model.adapter", "", r'(?s)made up for a model family.*adapter = "qwen" under \[model\]'),
        ("data.include", ["nope"], "no task 'nope'"),
        ("data.path", "nowhere", "not a folder"),
    ],
)
def test_a_wrong_recipe_is_refused(session: Session, tmp_path, key: str, value: object, expected: str) -> None:
    data = write_tasks(tmp_path / "data")
    right = [("model.adapter", "llama"), ("data.path", str(data))]
    check_recipe(load_recipe(None, right), session.plugins.catalog)
    with pytest.raises(UsageError, match=expected):
        check_recipe(load_recipe(None, [*right, (key, value)]), session.plugins.catalog)
