"""The task folder that a making writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.drafts import draft
from mft_core.data.readers import installed_readers
from mft_core.data.unread_files import unread_files
from mft_core.errors import MftError
from mft_core.making.draft import Draft, Seed
from mft_core.making.made import BUDGET, KeptDraft, Made, NotKept
from mft_core.making.output import as_record, digest, sides, write_output
from mft_core.making.recipe import MakeRecipe
from mft_core.records import Turn


def kept(number: int, seed: str = "") -> KeptDraft:
    return KeptDraft(Seed(seed or f"seed {number}", "text", "sorting"), draft(f"question {number}", f"answer {number}"))


def rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_records_of_one_seed_are_on_one_side_and_stay_there_when_more_are_made() -> None:
    some = [kept(number, f"seed {number // 3}") for number in range(300)]
    train, valid = sides(some, 0.2)
    assert len(train) + len(valid) == 300
    assert not {one.seed.key for one in train} & {one.seed.key for one in valid}
    assert 30 <= len(valid) <= 90
    more = sides([*some, *(kept(number, f"seed {number // 3}") for number in range(300, 900))], 0.2)[1]
    assert more[: len(valid)] == valid


def test_with_every_further_record_those_before_stay_where_they_were() -> None:
    """Also while none of the few seeds falls within the fraction by itself."""
    for fraction in (0.01, 0.3, 0.99):
        before = sides([kept(number) for number in range(2)], fraction)
        for number in range(3, 120):
            train, valid = sides([kept(place) for place in range(number)], fraction)
            assert (train[: len(before[0])], valid[: len(before[1])]) == before
            assert train
            assert valid
            before = (train, valid)


@pytest.mark.parametrize(("number", "fraction", "expected"), [(1, 0.5, 0), (2, 0.01, 1), (9, 0.0, 0), (9, 0.01, 1)])
def test_few_records_have_one_for_validation_where_a_fraction_is_wanted(
    number: int, fraction: float, expected: int
) -> None:
    assert len(sides([kept(place) for place in range(number)], fraction)[1]) == expected


def test_a_record_has_all_its_turns_and_what_it_was_made_of() -> None:
    talk = Draft((Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c"), Turn("assistant", "d")), topic="own")
    record = as_record(KeptDraft(Seed("k", "text", "that of the seed"), talk))
    assert [turn["content"] for turn in record["messages"]] == ["a", "b", "c", "d"]
    assert (record["topic"], record["source"]) == ("own", "k")


def test_the_folder_holds_data_facts_report_and_what_was_refused(tmp_path: Path) -> None:
    recipe = MakeRecipe.model_validate({"n": 30, "valid_fraction": 0.2, "method": {"name": "exercises", "rounds": 3}})
    made = Made([kept(number) for number in range(20)], ended=BUDGET)
    made.refused.append(NotKept(Seed("bad", "t"), "rouge", "like an earlier one", "0.9 with x", draft("q", "a")))
    made.refused.append(NotKept(Seed("none", "t"), "maker", "no task", "", said="I am"))
    made.seeds.update({"sorting": 22})
    write_output(tmp_path, recipe, made, {"one": digest("text")}, ["writer-1"], "# report\n")
    facts = json.loads((tmp_path / "make.json").read_text(encoding="utf-8"))
    train, valid = rows(tmp_path / "train.jsonl"), rows(tmp_path / "valid.jsonl")
    assert len(train) + len(valid) == 20
    assert facts["counts"] == {
        "wanted": 30,
        "kept": 20,
        "train": len(train),
        "valid": len(valid),
        "seeds": 22,
        "refused": {"maker: no task": 1, "rouge: like an earlier one": 1},
    }
    assert facts["method"] == {"name": "exercises", "rounds": 3}
    assert (facts["models"], facts["ended"]) == (["writer-1"], BUDGET)
    assert len(facts["prompts"]["one"]) == 64
    refused = rows(tmp_path / ".making" / "refused.jsonl")
    assert [row["reason"] for row in refused] == ["like an earlier one", "no task"]
    assert "messages" in refused[0]
    assert "messages" not in refused[1]
    assert (refused[1]["answer"], "answer" in refused[0]) == ("I am", False)
    read = {tmp_path / "train.jsonl", tmp_path / "valid.jsonl"}
    # Nothing of it is told of as a file that nobody reads.
    assert {file.path for file in unread_files(tmp_path, (), installed_readers())} == read


def test_validation_that_is_no_more_wanted_is_taken_away(tmp_path: Path) -> None:
    made = Made([kept(number) for number in range(5)])
    write_output(tmp_path, MakeRecipe(valid_fraction=0.5), made, {}, [], "")
    assert (tmp_path / "valid.jsonl").is_file()
    write_output(tmp_path, MakeRecipe(valid_fraction=0.0), made, {}, [], "")
    assert not (tmp_path / "valid.jsonl").exists()
    assert len(rows(tmp_path / "train.jsonl")) == 5


def test_what_cannot_be_written_is_said_with_its_place() -> None:
    with pytest.raises(MftError, match="cannot be written") as error:
        write_output(Path("/proc/self/made"), MakeRecipe(), Made([kept(0)]), {}, [], "")
    assert "what was answered is kept" in str(error.value)
