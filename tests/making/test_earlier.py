"""What an earlier making left: no records are replaced unasked, and the same settings go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.drafts import draft
from helpers.echo_makers import Echo
from mft_core.errors import UsageError
from mft_core.making.draft import Seed
from mft_core.making.earlier import check_earlier, earlier_making, seeds_digest
from mft_core.making.made import KeptDraft, Made
from mft_core.making.output import write_output
from mft_core.making.prompt_digests import prompt_digests
from mft_core.making.recipe import MakeRecipe
from mft_core.registry.options import Options, PathText

SEEDS = seeds_digest([Seed("1", "loops"), Seed("2", "lists")])


class TopicOptions(Options):
    topics: PathText = ""
    rounds: int = 8


class Topical(Echo):
    """Has options."""

    Options = TopicOptions


def recipe(**values: Any) -> MakeRecipe:
    model = {"endpoint": "http://localhost:1/v1", "name": "one", **values.pop("model", {})}
    given = {"n": 4, "method": {"name": "topical", "topics": "/a.txt"}, **values}
    return MakeRecipe.model_validate({**given, "model": model})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    kept = [KeptDraft(Seed(str(n), "text"), draft(f"question {n}", f"answer {n}")) for n in range(4)]
    write_output(tmp_path, recipe(), Made(kept), prompt_digests(Topical()), ["one"], "", SEEDS)
    return tmp_path


def said(folder: Path, seeds: str = SEEDS, **values: Any) -> str:
    """Why a recipe may not go on there; "": it may."""
    try:
        check_earlier(recipe(**values), folder, Topical(), seeds)
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "values",
    [
        {}, {"n": 90}, {"model": {"budget_tokens": 5, "concurrency": 2, "endpoint": "http://elsewhere/v1"}},
        {"method": {"name": "topical", "topics": "/a.txt", "rounds": 8}}, {"output": "elsewhere"},
        {"method": {"name": "topical", "topics": "/moved/a.txt"}},
    ],
)  # fmt: skip
def test_what_records_do_not_depend_on_may_change(folder: Path, values: dict[str, Any]) -> None:
    assert said(folder, **values) == ""


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"n": 3}, "n: 3 are wanted"),
        ({"method": "other"}, "method.name: 'topical' there, 'other' now"),
        ({"method": {"name": "topical", "topics": "/a.txt", "rounds": 9}}, "method.rounds: 8 there, 9 now"),
        ({"model": {"name": "two"}}, "model.name: 'one' there, 'two' now"),
        ({"model": {"temperature": 0.1}}, "model.temperature: 0.7 there, 0.1 now"),
        ({"filters": {"judge": 3}}, "filters.judge: 0 there, 3 now"),
        ({"seed": 5}, "seed: 0 there, 5 now"),
    ],
)
def test_other_settings_are_named_with_both_ways_out(folder: Path, values: dict[str, Any], told: str) -> None:
    message = said(folder, **values)
    assert f"{folder} holds 4 records that were made otherwise" in message
    assert told in message
    assert "--output" in message
    assert "--replace" in message


def test_other_seeds_are_other_settings(folder: Path) -> None:
    other = seeds_digest([Seed("1", "loops")])
    assert "holds something else now" in said(folder, other)
    moved = said(folder, other, method={"name": "topical", "topics": "/b.txt"})
    assert "method.topics: '/a.txt' there, '/b.txt' now" in moved
    assert seeds_digest([]) == ""


@pytest.mark.parametrize("name", ["train.jsonl", "valid.jsonl"])
def test_files_that_were_changed_are_named_and_those_that_were_deleted_are_not(folder: Path, name: str) -> None:
    with (folder / name).open("a", encoding="utf-8") as stream:
        stream.write("\n")
    assert f"{name} is not as the making wrote it" in said(folder)
    (folder / name).unlink()
    assert said(folder) == ""


def test_a_file_without_a_making_s_word_for_it_was_changed(folder: Path) -> None:
    (folder / "make.json").unlink()
    # A process that was killed before it wrote make.json left these.
    assert said(folder) == ""
    (folder / ".making" / "written.json").unlink()
    assert "train.jsonl is not as the making wrote it" in said(folder)


def test_without_its_make_json_a_making_is_known_by_what_it_was_to_say(folder: Path) -> None:
    (folder / "make.json").unlink()
    assert said(folder, n=9) == ""
    assert "model.name: 'one' there, 'two' now" in said(folder, model={"name": "two"})
    (folder / "train.jsonl").unlink()
    assert said(folder, model={"name": "two"}) == ""


def test_prompts_that_are_worded_otherwise_are_other_settings(folder: Path) -> None:
    class Reworded(Topical):
        def prompts(self) -> dict[str, str]:
            return {"echo": "Say it."}

    with pytest.raises(UsageError, match="its questions are worded otherwise now: echo"):
        check_earlier(recipe(), folder, Reworded(), SEEDS)


def test_two_makings_that_were_killed_while_they_wrote_look_like_no_edit(folder: Path) -> None:
    before, train = (folder / "make.json").read_bytes(), b""
    for number in (6, 8):
        kept = [KeptDraft(Seed(str(n), "text"), draft(f"question {n}", f"answer {n}")) for n in range(number)]
        written = folder / ".making" / "written.json"
        earlier = json.loads(written.read_text(encoding="utf-8"))
        write_output(folder, recipe(n=number), Made(kept), prompt_digests(Topical()), ["one"], "", SEEDS)
        # Killed between train.jsonl and make.json, the second one before either.
        written.write_text(json.dumps([*earlier, *json.loads(written.read_text(encoding="utf-8"))]), encoding="utf-8")
        (folder / "make.json").write_bytes(before)
        train = train or (folder / "train.jsonl").read_bytes()
    (folder / "train.jsonl").write_bytes(train)
    assert said(folder, n=8) == ""
    (folder / "train.jsonl").write_bytes(train + b"\n")
    assert "train.jsonl is not as the making wrote it" in said(folder, n=8)


def test_files_of_the_next_making_may_be_there_before_its_make_json(folder: Path) -> None:
    before = (folder / "make.json").read_bytes()
    write_output(folder, recipe(n=5), Made([KeptDraft(Seed("9", "t"), draft("question", "answer"))]), {}, [], "", SEEDS)
    (folder / "make.json").write_bytes(before)
    assert said(folder) == ""


def test_where_nothing_was_kept_nothing_is_lost(tmp_path: Path) -> None:
    write_output(tmp_path, recipe(), Made(), {}, [], "", SEEDS)
    assert said(tmp_path, n=1, model={"name": "two"}) == ""


def test_a_making_is_whole_with_its_records_and_its_files(folder: Path) -> None:
    earlier = earlier_making(folder)
    assert earlier is not None
    assert earlier.is_whole(recipe())
    assert not earlier.is_whole(recipe(n=5))
    (folder / "report.md").unlink()
    assert not earlier.is_whole(recipe())
    (folder / "report.md").touch()
    (folder / "valid.jsonl").unlink()
    assert not earlier.is_whole(recipe())


def test_a_making_with_files_of_one_that_was_killed_while_it_wrote_is_not_whole(folder: Path) -> None:
    before = (folder / "make.json").read_bytes()
    kept = [KeptDraft(Seed(str(n), "text"), draft(f"question {n}", f"answer {n}")) for n in range(9)]
    write_output(folder, recipe(n=9), Made(kept), {}, ["one"], "", SEEDS)
    (folder / "make.json").write_bytes(before)
    earlier = check_earlier(recipe(), folder, Topical(), SEEDS)
    assert earlier is not None
    assert not earlier.is_whole(recipe())


def test_what_is_redacted_in_records_is_no_change_of_theirs(tmp_path: Path) -> None:
    secret = KeptDraft(Seed("1", "text"), draft("Connect to postgres://app:hunter2@localhost/db.", "answer"))
    write_output(tmp_path, recipe(n=1), Made([secret]), prompt_digests(Topical()), ["one"], "", SEEDS)
    assert "hunter2" not in (tmp_path / "train.jsonl").read_text(encoding="utf-8")
    assert said(tmp_path, n=1) == ""


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"counts": {"kept": 3}}', '{"counts": 3, "recipe": {}}'])
def test_a_make_json_of_others_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "make.json").write_text(text, encoding="utf-8")
    assert earlier_making(tmp_path) is None


def test_of_a_version_that_kept_no_digests_nothing_is_said_to_be_changed(folder: Path) -> None:
    facts = json.loads((folder / "make.json").read_text(encoding="utf-8"))
    (folder / "make.json").write_text(json.dumps({key: facts[key] for key in ("counts", "recipe")}), encoding="utf-8")
    (folder / ".making" / "written.json").unlink()
    (folder / "train.jsonl").write_text("", encoding="utf-8")
    assert said(folder) == ""
    old = {"counts": facts["counts"], "recipe": {**facts["recipe"], "gone": 1}}
    (folder / "make.json").write_text(json.dumps(old), encoding="utf-8")
    assert "another version" in said(folder)
