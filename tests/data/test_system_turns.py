"""The system turn of conversations that have none: learned with it, and asked with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.readers import READERS
from helpers.running import arguments, mft, settings, write_rows
from helpers.token_data import Counting, pair, prepare, task_file, texts
from helpers.tokenizations import with_template
from mft_core.data.record_forms import parse_record
from mft_core.data.stored_records import validation_records
from mft_core.data.tokenising import prepare_tasks
from mft_core.errors import MftError
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.naming import record_form
from mft_core.recipe.schema import DataSection
from mft_core.records import TaskFiles, Turn
from mft_core.support.reading import RecordForm
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import MftCoder

FORM = RecordForm(system="Be brief.")
SYSTEM = Turn("system", "Be brief.")
ASKED, SAID = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(
    "value",
    [
        {"prompt": "q", "response": "a"},
        {"prompt": "q", "response": "a", "system": ""},
        {"messages": [ASKED, SAID]},
        [ASKED, SAID],
        {"prompt": [ASKED], "completion": [SAID]},
        {"instruction": "q", "output": "a", "history": [["p", "b"]]},
    ],
)
def test_every_form_of_conversation_gets_it_first(value: object) -> None:
    plain, turns = parse_record(value, "").turns, parse_record(value, "", FORM).turns
    assert turns == (SYSTEM, *plain)


def test_it_stands_after_the_tools() -> None:
    turns = parse_record({"messages": [ASKED, SAID], "tools": [{"name": "f"}]}, "", FORM).turns
    assert [turn.role for turn in turns] == ["tools", "system", "user", "assistant"]


@pytest.mark.parametrize(
    "value",
    [
        {"prompt": "q", "response": "a", "system": "Own."},
        {"messages": [{"role": "system", "content": "Own."}, ASKED, SAID]},
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "system": "Own."},
        {"text": "import os"},
    ],
)
def test_records_that_have_one_and_plain_text_stay_as_they_are(value: object) -> None:
    assert parse_record(value, "", FORM) == parse_record(value, "")


def test_a_tasks_own_stands_in_place_of_the_common_one(tmp_path: Path) -> None:
    tasks = [{"name": "own", "train": "a", "system": "Own."}, {"name": "common", "train": "b"}]
    for common in ("", "All."):
        data = load_recipe(None, [("data.tasks", tasks), ("data.system", common)]).data
        assert [record_form(data, task).system for task in data.tasks] == ["Own.", common]
        assert record_form(data).system == common


def test_only_its_own_task_is_tokenised_again(tmp_path: Path) -> None:
    path, cache = task_file(tmp_path / "t.jsonl", [pair(number) for number in range(6)]), tmp_path / "cache"
    plain = TaskFiles("plain", (path,), form=RecordForm())
    prepare([plain], cache, Counting)
    before = Counting.calls
    one, other = prepare([plain, TaskFiles("own", (path,), form=FORM)], cache, Counting)
    assert Counting.calls == before + 6
    assert all(text.startswith("<s>human\n") for text in texts(one.train))
    assert all(text.startswith("<s>system\nBe brief.\n<s>human\n") for text in texts(other.train))


def test_validation_asks_as_was_learned(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl", [pair(number) for number in range(9)])
    (task,) = prepare([TaskFiles("t", (path,))], tmp_path / "cache", valid_fraction=0.3, system="Be brief.")
    (records,) = validation_records([task], READERS).values()
    tokenizer, tokenization = small_tokenizer(), MftCoder()
    tokenization.bind(tokenizer)
    assert len(records) == 3
    for number, record in enumerate(records):
        asked, sample = tokenization.prompt(record.turns[:-1]), task.valid.sample(number)
        assert record.turns[0] == SYSTEM
        assert sample.ids[: len(asked)].tolist() == asked
        assert sample.supervised.tolist().index(True) == len(asked)


NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('No system role.') }}{% endif %}"
    "{{ '[' + m.role + ']' + m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


def test_a_template_that_knows_none_refuses_by_name(tmp_path: Path) -> None:
    path, chat = task_file(tmp_path / "t.jsonl", [pair(0), pair(1)]), with_template(NO_SYSTEM)
    files, data = [TaskFiles("t", (path,))], DataSection(system="Be brief.")
    with pytest.raises(MftError, match=r"2 of 2 records are bad \(2 template refuses roles\)") as caught:
        prepare_tasks(files, chat, chat._tokenizer, data, tmp_path / "cache", processes=1)
    assert "No system role." in caught.value.message


RECIPE = """
[data]
system = "Be brief."
[[data.tasks]]
name = "own"
train = "t.jsonl"
system = "Own."
[[data.tasks]]
name = "common"
train = "t.jsonl"
"""


def test_samples_are_shown_with_it_and_prepared_data_is_compared_by_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path / "t.jsonl", [pair(number) for number in range(9)])
    recipe, folder = tmp_path / "recipe.toml", tmp_path / "prepared"
    recipe.write_text(RECIPE, encoding="utf-8")
    model = ("--model", "llama", *settings("model.dtype=float32"))
    assert mft("data", "show", str(recipe), *model, "--n", "1", "--json") == 0
    out = capsys.readouterr().out
    shown = ["".join(part["text"] for part in sample["parts"]) for sample in json.loads(out[out.index("[") :])]
    assert ["Own." in shown[0], "Be brief." in shown[0], "Be brief." in shown[1]] == [True, False, True]
    assert mft("prepare", str(recipe), *model, "--output", str(folder)) == 0
    capsys.readouterr()
    assert mft("check", str(folder / "recipe.toml"), "--json") == 0
    out = capsys.readouterr().out
    assert [task["system"] for task in json.loads(out[out.index("{") :])["tasks"]] == ["Own.", "Be brief."]
    other = tmp_path / "other.toml"
    other.write_text(RECIPE.replace("Own.", "Other."), encoding="utf-8")
    more = settings(f"data.prepared={folder}", "data.system=")
    capsys.readouterr()
    assert mft("check", str(other), *model, *more) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "data.system: 'Be brief.' there, '' in this run" in said
    assert "data.tasks.own.system: 'Own.' there, 'Other.' in this run" in said


@pytest.mark.slow
def test_the_model_of_a_run_is_asked_with_its_system_turn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data" / "t").mkdir(parents=True)
    write_rows(tmp_path / "data" / "t" / "train.jsonl", [pair(number) for number in range(9)])
    run = tmp_path / "run"
    assert mft(*arguments(tmp_path / "data", run, "--steps", "1", *settings("data.system=Be brief."))) == 0
    capsys.readouterr()
    lengths = []
    for more in ((), ("--system", "Be brief."), ("--system", "")):
        assert mft("generate", str(run), "--prompt", "Hello", "--max-new-tokens", "2", "--json", *more) == 0
        lengths.append(json.loads(capsys.readouterr().out)["prompt_tokens"])
    assert lengths[0] == lengths[1] > lengths[2]
