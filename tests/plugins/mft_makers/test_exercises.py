from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import UsageError
from mft_core.making.draft import Refused, Seed
from mft_core.making.maker import SeedRequest
from mft_core.testing import ScriptedAuthor
from mft_makers.exercises import Exercises


def exercises(tmp_path: Path, **options: object) -> Exercises:
    (path := tmp_path / "points.txt").write_text("# Lists\nslices\ncopies\n# Sets\nunions\n", encoding="utf-8")
    return Exercises.from_options({"topics": str(path), **options})


def seeds(maker: Exercises, turn: int = 0, seed: int = 0) -> list[Seed]:
    return list(maker.seeds(SeedRequest(round=turn, seed=seed)))


def test_a_round_goes_through_every_point_in_an_order_of_its_own(tmp_path: Path) -> None:
    maker = exercises(tmp_path, rounds=20)
    orders = [[seed.text for seed in seeds(maker, turn)] for turn in range(20)]
    assert {tuple(sorted(order)) for order in orders} == {("copies", "slices", "unions")}
    assert len(set(map(tuple, orders))) > 3
    assert seeds(maker, 20) == []
    assert {seed.text: seed.topic for seed in seeds(maker)} == {"slices": "Lists", "copies": "Lists", "unions": "Sets"}


def test_no_two_rounds_ask_the_same_of_a_point(tmp_path: Path) -> None:
    maker = exercises(tmp_path, rounds=20)
    asked = set()
    for turn in range(20):
        author = ScriptedAuthor()
        maker.make(next(seed for seed in seeds(maker, turn) if seed.text == "slices"), author)
        asked.add((author.asked[0].messages, author.asked[0].sample))
    assert len(asked) == 20
    assert len({messages for messages, _ in asked}) == 8


def test_a_point_is_refined_to_a_task_then_to_exercises_then_solved(tmp_path: Path) -> None:
    maker = exercises(tmp_path, per_point=2, programming_language="java")
    author = ScriptedAuthor(
        {"refinement": "Task: practise slicing.", "instruction": "1. First.\n2. Second.\n3. Third."}
    )
    seed = next(seed for seed in seeds(maker) if seed.text == "slices")
    drafts = list(maker.make(seed, author))
    assert author.stages() == ["refinement", "instruction", "solution", "solution"]
    refinement, instruction = author.asked[:2]
    assert "knowledge point: slices\n" in refinement.messages[-1][1]
    assert instruction.messages[-1][1] == "Description: practise slicing.\n\nNumber of exercises: 2"
    assert [draft.instruction for draft in drafts] == ["First.", "Second."]
    assert {(draft.topic, draft.code.language) for draft in drafts if draft.code} == {("Lists", "java")}
    assert (maker.questions_per_seed, maker.records_per_seed) == (4, 2)
    assert sorted(maker.own_seeds()) == ["copies", "slices", "unions"]


def test_the_model_may_word_the_point_at_once(tmp_path: Path) -> None:
    maker = exercises(tmp_path, wording="written")
    author = ScriptedAuthor()
    seed = next(seed for seed in seeds(maker) if seed.text == "slices")
    drafts = list(maker.make(seed, author))
    assert author.stages() == ["instruction", "solution"]
    assert author.asked[0].messages[-1][1].startswith("Description: slices (")
    assert len(drafts) == 1
    assert maker.questions_per_seed == 2


@pytest.mark.parametrize(("language", "text"), [("en", "that shows this: slices."), ("zh", "演示：slices。")])
def test_or_the_wording_is_fixed(tmp_path: Path, language: str, text: str) -> None:
    maker = exercises(tmp_path, wording="fixed", language=language)
    author = ScriptedAuthor()
    seed = next(seed for seed in seeds(maker) if seed.text == "slices")
    (draft,) = maker.make(seed, author)
    assert author.stages() == ["solution"]
    assert text in draft.instruction
    assert "Python" in draft.instruction
    assert maker.questions_per_seed == 1
    with pytest.raises(UsageError, match="one exercise"):
        exercises(tmp_path, wording="fixed", per_point=2)


def test_solutions_that_are_refused_are_counted_and_the_others_kept(tmp_path: Path) -> None:
    maker = exercises(tmp_path, per_point=2)
    script = {
        "instruction": "1. First.\n2. Second.",
        "solution": lambda messages, _: Refused("no code") if messages[0][1] == "First." else "x = 1",
    }
    (draft,) = maker.make(seeds(maker)[0], ScriptedAuthor(script))
    assert draft.instruction == "Second."
    assert maker.passed_over() == {"solution: no code": 1}


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({"refinement": " "}, "no task"),
        ({"instruction": ""}, "no instruction"),
        ({"solution": Refused("no code")}, "no code"),
        ({"refinement": Refused("cut off")}, "cut off"),
    ],
)
def test_nothing_comes_of_a_point_for_a_reason(tmp_path: Path, script: dict, reason: str) -> None:
    maker = exercises(tmp_path)
    with pytest.raises(Refused) as caught:
        maker.make(seeds(maker)[0], ScriptedAuthor(script))
    assert caught.value.reason == reason


def test_it_asks_in_chinese(tmp_path: Path) -> None:
    maker, author = Exercises.from_options({"language": "zh"}), ScriptedAuthor()
    maker.make(next(iter(maker.seeds(SeedRequest()))), author)
    assert "习题" in author.asked[0].messages[0][1]
    assert author.asked[1].messages[1][1].startswith("任务描述")
