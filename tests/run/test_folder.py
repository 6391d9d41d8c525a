"""What counts as another run."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import make_files
from mft_core.errors import MftError, UsageError
from mft_core.events import EventLog
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe, TuneSection
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.run.folder import RunFolder, newest_run, recipe_differences, refuse_no_run


def test_only_keys_that_change_the_weights_count_as_differences() -> None:
    old = Recipe()
    assert recipe_differences(old, load_recipe(None, [("train.log_every", 1), ("output.keep", 9)])) == []
    assert recipe_differences(old, load_recipe(None, [("train.seed", 1)])) == ["train.seed: 0 -> 1"]


@pytest.mark.parametrize("rule", ["paper", "patience"])
def test_how_often_is_evaluated_counts_as_a_difference_where_the_evaluations_choose_the_weights(rule: str) -> None:
    stopping = ("train.stop", rule)
    old = load_recipe(None, [stopping])
    rarely = load_recipe(None, [stopping, ("train.eval_every", 5), ("train.save_every", 5), ("train.log_every", 5)])
    assert recipe_differences(old, rarely) == ["train.eval_every: 50 -> 5"]
    assert recipe_differences(Recipe(), load_recipe(None, [("train.eval_every", 5)])) == []


@pytest.mark.parametrize(
    ("old", "new", "longer"),
    [
        ({"steps": 400}, {"steps": 420}, True),
        ({"steps": 400}, {"steps": 300}, False),
        ({"epochs": 3.0}, {"steps": 420}, True),  # the log says that the three passes took 400
        ({"epochs": 3.0}, {"steps": 400}, False),
        ({"epochs": 3.0}, {"epochs": 4.0}, True),
        ({"epochs": 3.0}, {"epochs": 2.0}, False),
        ({"steps": 400}, {"epochs": 4.0}, False),
    ],
)
def test_more_steps_of_the_same_are_no_other_run(tmp_path: Path, old: dict, new: dict, longer: bool) -> None:
    folder = RunFolder(tmp_path)
    before, after = Recipe().having("train", **old), Recipe().having("train", **new)
    folder.write_recipe(before)
    EventLog(tmp_path).emit("start", 0, steps=400)
    if longer:
        assert folder.check_recipe(after, force=False, extending=True) == recipe_differences(before, after) != []
    else:
        with pytest.raises(UsageError, match=r"train\.(steps|epochs)"):
            folder.check_recipe(after, force=False, extending=True)
    with pytest.raises(UsageError, match=r"train\.(steps|epochs)"):
        folder.check_recipe(after, force=False)
    with pytest.raises(UsageError, match=r"train\.seed"):
        folder.check_recipe(after.having("train", seed=3), force=False, extending=True)


def test_passes_for_a_run_of_steps_are_refused_with_what_to_give(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_recipe(Recipe().having("train", steps=8))
    after = Recipe().having("train", epochs=9.0)
    with pytest.raises(UsageError) as caught:
        folder.check_recipe(after, force=False, extending=True)
    assert "train.steps" not in caught.value.message
    assert "train.epochs" in caught.value.message
    assert "give --steps, more than 8" in caught.value.hint
    assert any(line.startswith("train.steps: 8 -> 0") for line in folder.check_recipe(after, True, extending=True))


@pytest.mark.parametrize(
    "content",
    [None, "", "{", "[]", "{}", '{"base": {}}', '{"base": {"reference": "a", "folder": "b"}}', '{"a":' * 9999],
)
def test_a_damaged_record_of_the_base_is_named(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "components.json").write_text(content)
    with pytest.raises(MftError, match=r"components\.json is missing or damaged") as caught:
        RunFolder(tmp_path).check_base({"reference": "a", "folder": "b", "fingerprint": "c", "initialization": ""})
    assert "from a copy" in caught.value.hint


def test_a_run_that_ended_before_its_first_step_is_begun_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.open(resume=False)
    log = EventLog(folder.path)
    log.emit("start", 0, steps=4)
    folder.write_recipe(Recipe())
    log.emit("eval", 0, loss=2.0)
    folder.close()
    folder.open(resume=False)
    with pytest.raises(MftError, match="another run is writing"):
        RunFolder(folder.path).open(resume=False)
    log.emit("train", 1)
    folder.close()
    with pytest.raises(UsageError, match="already holds a run"):
        folder.open(resume=False)
    folder.open(resume=True)  # and it is not left locked
    folder.close()


@pytest.mark.parametrize("made", ["checkpoints", "final"])
def test_what_was_saved_is_never_begun_again(tmp_path: Path, made: str) -> None:
    folder = RunFolder(tmp_path)
    folder.write_recipe(Recipe())
    EventLog(tmp_path).emit("start", 0, steps=4)
    (tmp_path / made).mkdir()
    with pytest.raises(UsageError, match="already holds a run"):
        folder.open(resume=False)


def test_a_recipe_alone_is_somebodys_and_no_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_recipe(Recipe())
    with pytest.raises(UsageError, match=r"not empty, and holds no run: recipe\.toml"):
        folder.open(resume=False)
    with pytest.raises(UsageError, match="there is no run in"):
        folder.open(resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.toml"]


@pytest.mark.parametrize("theirs", ["notes.txt", "add/train.jsonl", ".git/config", "metrics.jsonl"])
def test_a_run_begins_among_nobodys_files(tmp_path: Path, theirs: str) -> None:
    make_files(tmp_path, theirs)
    with pytest.raises(UsageError, match="is not empty, and holds no run") as caught:
        RunFolder(tmp_path).open(resume=False)
    assert theirs.split("/")[0] in caught.value.message
    assert [path.name for path in tmp_path.iterdir()] == [theirs.split("/")[0]]


def test_a_start_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / "metrics.jsonl").touch()
    (tmp_path / ".recipe.toml.host-0123456789abcdef.partial").touch()
    folder = RunFolder(tmp_path)
    folder.open(resume=False)
    folder.close()


def test_what_is_left_of_a_start_that_failed_is_not_the_newest_run(tmp_path: Path) -> None:
    for name in ("first", "failed", "recipe-only"):
        (tmp_path / name).mkdir()
    RunFolder(tmp_path / "first").write_recipe(Recipe())
    EventLog(tmp_path / "first").emit("start", 0, steps=4)
    assert newest_run(tmp_path) == tmp_path / "first"
    (tmp_path / "failed" / ".lock").touch()
    RunFolder(tmp_path / "recipe-only").write_recipe(Recipe())
    assert newest_run(tmp_path) == tmp_path / "first"


def test_a_run_that_is_not_there_may_be_meant_otherwise(tmp_path: Path) -> None:
    RunFolder(tmp_path / "mine").write_recipe(Recipe())
    EventLog(tmp_path / "mine").emit("start", 0, steps=4)
    with pytest.raises(UsageError, match=r"there is no run in .*mien") as caught:
        refuse_no_run(tmp_path / "mien")
    assert f"did you mean {tmp_path / 'mine'}?" in caught.value.hint


def test_a_run_that_recorded_the_options_of_all_tuners_is_no_other_run(tmp_path: Path) -> None:
    """As runs did while what is tuned was known to the core; and one that knew an option less."""
    catalog = discover(Workspace()).catalog
    folder = RunFolder(tmp_path)
    older = {"method": "lora", "rank": 16, "dora": False, "quant_type": "nf4", "double_quant": True}
    folder.write_recipe(Recipe(tune=TuneSection(**older)))
    now = load_recipe(None, components=catalog)
    assert folder.check_recipe(now, False, True, catalog) == []
    with pytest.raises(UsageError, match=r"tune\.dora: False -> True"):
        folder.check_recipe(now.having("tune", dora=True), False, True, catalog)
