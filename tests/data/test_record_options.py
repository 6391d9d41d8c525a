"""What a recipe says of its records: from [data] and [[data.tasks]] to tokens, in this process and in workers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.chat_templates import THINK, THINK_TOKENS
from helpers.running import mft, write_rows
from helpers.token_data import answers, one_task, prepare, task_file, texts
from mft_core.batching.prepared import open_prepared
from mft_core.data.tasks import TaskSet
from mft_core.data.tokenising import prepare_tasks
from mft_core.errors import MftError, UsageError
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.naming import record_form
from mft_core.recipe.schema import DataSection, TaskSection
from mft_core.records import TaskFiles
from mft_core.run.data_warnings import data_warnings
from mft_core.support.reading import RecordForm
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import Chat

ROWS = [{"ask": f"q{number}", "say": f"a{number}", "context": "c"} for number in range(6)]
COLUMNS = {"prompt": "{context}: {ask}", "response": "say"}


def test_columns_decide_what_is_tokenised_and_are_part_of_the_caches_key(tmp_path: Path) -> None:
    (task,) = one_task(tmp_path, ROWS, columns=COLUMNS)
    assert sorted(answers(task.train))[0].startswith("a")
    assert all("c: q" in text for text in texts(task.train))
    assert not task.report.unread_keys
    swapped = {"prompt": "say", "response": "{ask} {context}"}
    (other,) = one_task(tmp_path, ROWS, columns=swapped)
    assert all(answer.startswith("q") for answer in answers(other.train))


def test_a_tasks_own_form_stands_in_place_of_the_common_one(tmp_path: Path) -> None:
    own = RecordForm((("prompt", "say"), ("response", "ask"), ("system", "context")))
    files = [
        TaskFiles("a", (task_file(tmp_path / "a.jsonl", ROWS),), form=own),
        TaskFiles("b", (task_file(tmp_path / "b.jsonl", ROWS),)),
    ]
    one, other = prepare(files, tmp_path / "cache", columns=COLUMNS)
    assert all(answer.startswith("q") for answer in answers(one.train))
    assert all(answer.startswith("a") for answer in answers(other.train))


@pytest.mark.slow
def test_worker_processes_read_records_in_the_same_form(tmp_path: Path) -> None:
    files = [TaskFiles("t", (task_file(tmp_path / "t.jsonl", ROWS),))]
    here, there = (
        prepare(files, tmp_path / name, processes=processes, columns=COLUMNS)
        for name, processes in (("one", 1), ("two", 2))
    )
    assert np.array_equal(here[0].train.entry.ids, there[0].train.entry.ids)
    assert texts(here[0].train) == texts(there[0].train)


def test_a_column_that_no_record_has_is_named_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(MftError, match=r"missing column aks: columns\.prompt names it\. Did you mean 'ask'"):
        one_task(tmp_path, ROWS, columns={"prompt": "aks", "response": "say"})


@pytest.mark.parametrize(
    ("columns", "words"),
    [('{promt = "ask"}', "promt"), ('{prompt = "{ask"}', "brace"), ('{prompt = ""}', "name a column")],
)
def test_columns_that_mean_nothing_are_refused_with_the_recipe(tmp_path: Path, columns: str, words: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f"[data]\ncolumns = {columns}\n")
    with pytest.raises(UsageError, match=words):
        load_recipe(path)


def think(thoughts: int) -> dict[str, Any]:
    turns: list[dict[str, str]] = []
    for number in range(thoughts):
        turns.append({"role": "user", "content": f"user {number}"})
        turns.append({"role": "assistant", "content": f"assistant {number}", "reasoning_content": f"why {number}"})
    return {"messages": turns}


def tokenised(tmp_path: Path, **settings: Any) -> TaskSet:
    tokenizer, tokenization = small_tokenizer("byte", *THINK_TOKENS, chat_template=THINK), Chat()
    tokenization.bind(tokenizer)
    train, valid = task_file(tmp_path / "t.jsonl", [think(3), think(1)]), task_file(tmp_path / "v.jsonl", [think(2)])
    files = [TaskFiles("t", (train,), (valid,))]
    return prepare_tasks(files, tokenization, tokenizer, DataSection(**settings), tmp_path / "cache", processes=1)


@pytest.mark.parametrize(
    ("reasoning", "learned", "counts"),
    [
        ("all", [0, 1, 2, 0], {}),
        ("last", [2, 0], {"answers left out": 3}),
        ("none", [0, 1, 2, 0], {"thoughts left out": 6}),
    ],
)
def test_which_thoughts_are_learned_is_chosen_and_counted(
    tmp_path: Path, reasoning: str, learned: list[int], counts: dict[str, int]
) -> None:
    tasks = tokenised(tmp_path, reasoning=reasoning)
    (task,) = tasks
    thought = "\n\n" if reasoning == "none" else "\nwhy {}\n"
    assert answers_with(task.train) == [
        f"<think>{thought.format(number)}</think>\n\nassistant {number}<|im_end|>" for number in learned
    ]
    assert task.report.reasoning == counts
    assert task.report.bad == {}
    told = [line for line in data_warnings(tasks, False) if "data.reasoning" in line]
    assert told == [f"by data.reasoning: {count} {what}" for what, count in counts.items()]


def answers_with(store: Any) -> list[str]:
    tokenizer = small_tokenizer("byte", *THINK_TOKENS)
    samples = [store.sample(number) for number in range(len(store))]
    return [tokenizer.decode(sample.ids[sample.supervised]) for sample in samples]


def test_the_form_of_a_recipe() -> None:
    data = DataSection(columns={"prompt": "a"}, reasoning="last", preference="chosen", render_json=True)
    assert record_form(data) == RecordForm((("prompt", "a"),), "last", "chosen", True)
    assert record_form(data, TaskSection(name="t", train="t", columns={"text": "b"})).columns == (("text", "b"),)


RECIPE = """
[model]
adapter = "llama"
dtype = "float32"
[data]
max_length = 64
columns = {prompt = "{context}: {ask}", response = "say"}
[[data.tasks]]
name = "a"
train = "a.jsonl"
[[data.tasks]]
name = "b"
train = "b.jsonl"
columns = {messages = "conv"}
[train]
steps = 1
"""


@pytest.mark.slow
def test_a_recipe_with_columns_is_checked_prepared_and_read_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "a.jsonl", ROWS)
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    write_rows(tmp_path / "b.jsonl", [{"conv": json.dumps(turns), "id": number} for number in range(6)])
    (tmp_path / "recipe.toml").write_text(RECIPE)
    assert mft("check", "recipe.toml", "--json") == 0
    assert sum(task["bad"] for task in json.loads(capsys.readouterr().out)["tasks"]) == 0
    assert mft("prepare", "recipe.toml", "--output", "prepared") == 0
    (tmp_path / "a.jsonl").unlink()
    capsys.readouterr()
    assert mft("check", "prepared/recipe.toml", "--json") == 0
    assert mft("check", "prepared/recipe.toml", "--set", 'data.columns={prompt="ask", response="say"}') == 2
    assert "data.columns" in capsys.readouterr().err
    stored = open_prepared(tmp_path / "prepared").files(())
    assert [files.form and files.form.columns for files in stored] == [
        (("prompt", "{context}: {ask}"), ("response", "say")),
        (("messages", "conv"),),
    ]
