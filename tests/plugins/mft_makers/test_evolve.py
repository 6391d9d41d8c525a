from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from helpers.running import write_rows
from mft_core.errors import UsageError
from mft_core.making.author import Message
from mft_core.making.draft import Refused, Seed
from mft_core.making.maker import SeedRequest
from mft_core.testing import ScriptedAuthor
from mft_makers.evolve import Evolve


def evolve(tmp_path: Path, **options: object) -> Evolve:
    rows = [{"prompt": f"Write f{number}.", "response": "a"} for number in range(7)]
    return Evolve.from_options({"records": str(write_rows(tmp_path / "a.jsonl", rows)), **options})


def seeds(maker: Evolve, turn: int = 0) -> list[Seed]:
    return list(maker.seeds(SeedRequest(round=turn)))


def longer(messages: Sequence[Message], sample: int) -> str:
    """The task that was shown, with one requirement more."""
    task = messages[-1][1].partition("<task>\n")[2].partition("\n</task>")[0]
    return f"New task: {task} Do it twice."


def test_every_instruction_begins_each_way_once(tmp_path: Path) -> None:
    maker = evolve(tmp_path, steps=3)
    begun: dict[str, list[str]] = {}
    for turn in range(5):
        for seed in seeds(maker, turn):
            assert len(seed.facts["ways"]) == 3
            begun.setdefault(seed.text, []).append(seed.facts["ways"][0])
    assert len(begun) == 7
    assert {tuple(sorted(ways)) for ways in begun.values()} == {
        ("broader", "complexity", "constraints", "debugging", "harder")
    }
    assert seeds(maker, 5) == []
    assert list(maker.own_seeds()) == [f"Write f{number}." for number in range(7)]


def test_a_chain_goes_on_from_what_was_evolved_and_solves_each_step(tmp_path: Path) -> None:
    maker, author = evolve(tmp_path, steps=2, ways=["harder", "debugging"]), ScriptedAuthor({"evolution": longer})
    seed = Seed("0/0", "Write f.", facts={"ways": ["harder", "debugging"]})
    drafts = list(maker.make(seed, author))
    assert [draft.instruction for draft in drafts] == ["Write f. Do it twice.", "Write f. Do it twice. Do it twice."]
    assert [draft.topic for draft in drafts] == ["harder", "debugging"]
    assert author.stages() == ["evolution", "solution"] * 2
    assert "make it harder" in author.asked[0].messages[1][1]
    assert "has a mistake" in author.asked[2].messages[1][1]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("write F", "evolved into its parent"),
        ("#Rewritten Prompt#: Write g.", "speaks of the prompt"),
        ("The changed task asks for g.", "speaks of the prompt"),
        ("<task>Write g.</task>", "speaks of the prompt"),
        ("改写后的任务：写 g。", "speaks of the prompt"),
        (" ", "no instruction"),
        (Refused("cut off"), "cut off"),
    ],
)
def test_what_is_no_evolution_ends_the_chain(tmp_path: Path, answer: str | Refused, reason: str) -> None:
    maker, seed = evolve(tmp_path, steps=2), Seed("0/0", "Write f.", facts={"ways": ["harder", "harder"]})
    with pytest.raises(Refused) as caught:
        maker.make(seed, ScriptedAuthor({"evolution": answer}))
    assert caught.value.reason == reason
    assert maker.passed_over() == {}

    def then(messages: Sequence[Message], sample: int) -> str | Refused:
        return answer if "twice" in messages[-1][1] and answer != "write F" else longer(messages, sample)

    if answer != "write F":
        (draft,) = maker.make(seed, ScriptedAuthor({"evolution": then}))
        assert draft.instruction == "Write f. Do it twice."
        assert maker.passed_over() == {f"end of a chain: {reason}": 1}


def test_long_instructions_are_counted_once(tmp_path: Path) -> None:
    maker = evolve(tmp_path, most_characters=8)
    assert seeds(maker) + seeds(maker, 1) == []
    assert maker.passed_over() == {"record: an instruction of more than 8 characters": 7}


def test_records_must_be_given() -> None:
    with pytest.raises(UsageError, match=r"method\.records is not given"):
        seeds(Evolve())
