from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.importing.importer import Carry, Conversion


def test_every_key_is_carried_left_out_or_empty(tmp_path: Path) -> None:
    conversion = Conversion({"a": 1, "b": 2, "c": None, "d": "x", "e": 0}, tmp_path)
    conversion.carry(
        [Carry("a", "train.steps", float), Carry("absent", "train.epochs", None, 3.0), Carry("c", "tune.rank")]
    )
    conversion.leave_all({"a": "dealt with already", "b": "no equivalent"})
    conversion.leave("e", "zero is a value")
    conversion.finish()
    assert conversion.values == {"train": {"steps": 1.0, "epochs": 3.0}}
    assert [(row.key, row.reason[:9]) for row in conversion.left_out] == [
        ("b", "no equiva"),
        ("e", "zero is a"),
        ("d", "nothing h"),
    ]
    assert conversion.empty == ["c"]


def test_paths_are_found_in_the_working_folder_and_above_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project/configs").mkdir(parents=True)
    (tmp_path / "project/data").mkdir()
    monkeypatch.chdir(tmp_path)
    conversion = Conversion({}, tmp_path / "project/configs")
    assert conversion.path("data") == str(tmp_path / "project/data")
    assert conversion.path("project") == str(tmp_path / "project")
    assert conversion.path("org/model") == "org/model"
