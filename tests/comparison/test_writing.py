"""compare.json and compare.md, and who is told of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.made_up_affinities import made_up_course
from helpers.made_up_comparisons import comparison
from mft_core.comparison.writing import JSON_FILE, MARKDOWN_FILE, read_affinity, read_outcome, write_outcome
from mft_core.errors import MftError, UsageError
from mft_core.events import Event
from mft_core.objective.affinity_summary import summarised
from mft_core.run.affinity_words import affinity_as_json


def test_files_are_there_when_listeners_are_told(tmp_path: Path) -> None:
    told: list[Event] = []

    def listen(event: Event) -> None:
        assert (tmp_path / MARKDOWN_FILE).exists()
        told.append(event)

    write_outcome(comparison(), tmp_path, {"one": listen})
    (event,) = told
    assert (event.name, event.data["arms"], event.data["seeds"]) == ("compared", ["mixed", "famo"], 2)
    found = json.loads((tmp_path / event.data["file"]).read_text())
    assert found["against_reference"]["famo"]["lower"] == ["add", "unknown"]
    assert found["tasks"][0]["arms"]["famo"]["by_seed"] == [1.5, 1.5]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MftError, match="cannot write to") as caught:
        write_outcome(comparison(), tmp_path / "file", {})
    assert "--output" in caught.value.hint
    assert not (tmp_path / JSON_FILE).exists()


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    write_outcome(comparison(), tmp_path, {})
    assert read_outcome(tmp_path) == comparison()


def test_who_helps_whom_is_kept_beside_it(tmp_path: Path) -> None:
    affinity = affinity_as_json(summarised(made_up_course(["add", "unknown"])), [])
    write_outcome(comparison(), tmp_path, {}, {"mixed": affinity})
    assert read_outcome(tmp_path) == comparison()
    assert read_affinity(tmp_path) == {"mixed": affinity}
    assert "Who helps whom, in the runs of mixed" in (tmp_path / MARKDOWN_FILE).read_text(encoding="utf-8")
    write_outcome(comparison(), tmp_path, {})
    assert read_affinity(tmp_path) == {}


def test_a_folder_without_an_outcome_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"compare\.json cannot be read"):
        read_outcome(tmp_path)
    (tmp_path / JSON_FILE).write_text("{}")
    with pytest.raises(UsageError, match=r"compare\.json cannot be read"):
        read_outcome(tmp_path)
