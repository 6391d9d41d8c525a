from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import UsageError
from mft_core.importing.writing import imported_recipe
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace

CONFIG = "stage: sft\nmodel_name_or_path: org/model\ndataset: a\nlong: {}\nlist: [1, 2]\nmax_steps: 3\n".format(
    "x" * 200
)


def test_comments_say_what_was_left_out(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG, encoding="utf-8")
    text = imported_recipe(tmp_path / "c.yaml", discover(Workspace()).catalog)
    assert text.startswith("# Made of c.yaml (LLaMA-Factory).")
    assert f'#   long: "{"x" * 79}...\n#     nothing here is known to be its equivalent\n' in text
    assert "#   list: [1, 2]\n" in text


def test_the_importer_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG, encoding="utf-8")
    catalog = discover(Workspace()).catalog
    assert "(TRL)" in imported_recipe(tmp_path / "c.yaml", catalog, "trl")
    with pytest.raises(UsageError, match="no importer called 'trll'"):
        imported_recipe(tmp_path / "c.yaml", catalog, "trll")
