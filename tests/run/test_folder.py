"""What counts as another run."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import MftError, UsageError
from mft_core.events import EventLog
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.run.folder import RunFolder, recipe_differences


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


def test_a_recipe_without_a_log_is_no_run_that_failed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_recipe(Recipe())
    with pytest.raises(UsageError, match="already holds a run"):
        folder.open(resume=False)
