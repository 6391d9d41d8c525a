"""A task with a tokenization of its own: learned in it and asked in it; the model keeps that of all tasks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from helpers.running import arguments, events, mft, settings, with_recipe, write_rows
from helpers.token_data import Counting, pair, prepare, task_file, texts
from mft_core.data.tasks import TaskSet
from mft_core.data.tokenising import prepare_tasks
from mft_core.errors import MftError, UsageError
from mft_core.generation.answering import Answer, Prompt
from mft_core.generation.assistant import Assistant, own_assistants
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import DataSection
from mft_core.records import TaskFiles, Turn
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.run.components import Parts, choose_parts
from mft_core.testing.small_tokenizers import small_tokenizer

ALPACA_BEGINS = "Below is an instruction"
TASKS = [
    {"name": "common", "train": "t.jsonl"},
    {"name": "own", "train": "t.jsonl", "tokenization": "alpaca"},
    {"name": "same", "train": "t.jsonl", "tokenization": "alpaca"},
]
OWN = (
    "{% for m in messages %}{{ ROLE + m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
CATALOG = discover(Workspace()).catalog


def chosen(tasks: list[dict[str, str]]) -> Parts:
    settings = [("data.tasks", tasks), ("data.tokenization", "mftcoder")]
    return choose_parts(load_recipe(None, settings), CATALOG)


def tokenised(tmp_path: Path, kind: str = "byte", processes: int = 1) -> tuple[Parts, TaskSet]:
    path = task_file(tmp_path / "t.jsonl", [pair(number) for number in range(9)])
    parts, tokenizer = chosen(TASKS), small_tokenizer(kind)
    parts.bind(tokenizer)
    files = [TaskFiles(task["name"], (path,)) for task in TASKS]
    more = {"processes": processes, "own": parts.bound}
    return parts, prepare_tasks(files, parts.tokenization, tokenizer, DataSection(), tmp_path / "cache", **more)


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_only_its_own_samples_are_laid_out_so(tmp_path: Path, processes: int) -> None:
    parts, tasks = tokenised(tmp_path, processes=processes)
    common, own, same = (texts(task.train) for task in tasks)
    assert all(text.startswith("<s>human\n") for text in common)
    assert all(text.startswith(ALPACA_BEGINS) and "### Response:\n" in text for text in own)
    assert own == same
    assert tasks[1].train.entry.folder == tasks[2].train.entry.folder, "tokenised once"
    assert parts.bound["own"] is parts.bound["same"]


def test_the_tokenizer_of_the_model_keeps_the_common_template() -> None:
    alone, both = chosen(TASKS[:1]), chosen(TASKS)
    templates = []
    for parts in (alone, both):
        tokenizer = small_tokenizer()
        parts.bind(tokenizer)
        templates.append(tokenizer.chat_template)
    assert templates[0] == templates[1] != both.bound["own"].tokenizer.chat_template


def test_the_tokenizers_own_template_is_there_for_a_task() -> None:
    """The common tokenization sets another one on the model's tokenizer."""
    template = OWN.replace("ROLE", "m.role + ':'")
    parts = chosen([{"name": "own", "train": "t", "tokenization": "chat"}])
    tokenizer = small_tokenizer(chat_template=template)
    parts.bind(tokenizer)
    bound = parts.bound["own"]
    prompt = bound.tokenization.prompt([Turn("user", "q")])
    assert tokenizer.decode(prompt) == "user:qassistant:"
    assert "<s>human" in tokenizer.chat_template


def test_its_prompts_are_as_it_was_learned(tmp_path: Path) -> None:
    parts, tasks = tokenised(tmp_path)
    model = object()
    asked = own_assistants(parts.bound, model)
    assert list(asked) == ["own", "same"]
    assert asked["own"] is asked["same"]
    sample = tasks[1].valid.sample(0)
    start = sample.supervised.tolist().index(True)
    (number,) = [number for number in range(9) if f"question {number}\n" in texts(tasks[1].valid)[0]]
    assert asked["own"].prompt_ids([Turn("user", f"question {number}")]) == sample.ids[:start].tolist()
    assert asked["own"].model is model


def test_what_is_unknown_or_does_not_fit_is_named_with_its_task() -> None:
    with pytest.raises(UsageError, match="no tokenization called 'alpaka'"):
        chosen([{"name": "own", "train": "t", "tokenization": "alpaka"}])
    parts = chosen([{"name": "own", "train": "t", "tokenization": "chatml"}])
    with pytest.raises(MftError, match=r"Task 'own', tokenization: ChatML needs the token"):
        parts.bind(small_tokenizer("metaspace-first"))


def test_it_is_self_tested_like_the_common_one() -> None:
    template = OWN.replace("ROLE", "m.role + '?'")
    parts = chosen([{"name": "own", "train": "t", "tokenization": "chat"}])
    with pytest.raises(MftError, match="Task 'own', tokenization: "):
        parts.bind(small_tokenizer(chat_template=template))


def test_other_tasks_are_not_tokenised_again(tmp_path: Path) -> None:
    path, cache = task_file(tmp_path / "t.jsonl", [pair(0), pair(1)]), tmp_path / "cache"
    prepare([TaskFiles("common", (path,))], cache, Counting)
    before = Counting.calls
    parts = chosen(TASKS)
    tokenizer, common = small_tokenizer(), Counting()
    parts.bind(small_tokenizer())
    common.bind(tokenizer)
    files = [TaskFiles(name, (path,)) for name in ("common", "own")]
    prepare_tasks(files, common, tokenizer, DataSection(), cache, processes=1, own=parts.bound)
    assert Counting.calls == before


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    rows = [pair(number) for number in range(12)]
    for name in ("a", "b"):
        write_rows(tmp_path / f"{name}.jsonl", rows)
    path = tmp_path / "recipe.toml"
    path.write_text(
        '[data]\ntokenization = "mftcoder"\nvalid_fraction = 0.25\n'
        '[[data.tasks]]\nname = "common"\ntrain = "a.jsonl"\n'
        '[[data.tasks]]\nname = "own"\ntrain = "b.jsonl"\ntokenization = "alpaca"\n'
        '[[eval]]\nname = "exact-match"\nmax_new_tokens = 2\n',
        encoding="utf-8",
    )
    return path


@pytest.mark.slow
def test_a_run_asks_each_task_as_it_was_learned(
    tmp_path: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, set[str]] = {}
    answer_many = Assistant.answer_many

    def noted(self: Assistant, prompts: Sequence[Prompt], *others: object) -> list[Answer]:
        for prompt in prompts:
            asked.setdefault(place, set()).add(self.tokenizer.decode(self.prompt_ids(prompt))[:11])
        return answer_many(self, prompts, *others)

    monkeypatch.setattr(Assistant, "answer_many", noted)
    run, place = tmp_path / "run", "run"
    command = with_recipe(arguments(tmp_path, run, "--steps", "1"), recipe)
    del command[command.index("--data") : command.index("--data") + 2]
    assert mft(*command) == 0
    place = "eval"
    short = settings("eval.exact-match.max_new_tokens=2")
    assert mft("eval", str(run), "--on", "exact-match", "--output", str(tmp_path / "eval"), *short) == 0
    for prompts in asked.values():
        assert {text.partition("\n")[0][:8] for text in prompts} == {"<s>human", ALPACA_BEGINS[:8]}
    assert len(asked) == 2
    scored = {event["task"]: event["n"] for event in events(run, "score")}
    assert scored == {"exact-match/common": 3, "exact-match/own": 3}
    saved = AutoTokenizer.from_pretrained(run / "final")
    assert "<s>human" in saved.chat_template


@pytest.mark.slow
def test_prepared_data_is_compared_by_it(tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, model = tmp_path / "prepared", ("--model", "llama", *settings("model.dtype=float32"))
    assert mft("prepare", str(recipe), *model, "--output", str(folder)) == 0
    capsys.readouterr()
    shown = []
    for path in (recipe, folder / "recipe.toml"):
        assert mft("check", str(path), *model, "--json") == 0
        out = capsys.readouterr().out
        shown.append(json.loads(out[out.index("{") :]))
    assert shown[0] == shown[1]
    assert [task["tokenization"] for task in shown[0]["tasks"]] == ["", "alpaca"]
    other = tmp_path / "other.toml"
    other.write_text(recipe.read_text(encoding="utf-8").replace('tokenization = "alpaca"', ""), encoding="utf-8")
    assert mft("check", str(other), *model, *settings(f"data.prepared={folder}")) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "data.tasks.own.tokenization: 'Alpaca, template" in said
    assert "there, nothing in this run" in said


def test_ids_are_those_of_the_tokenization_alone(tmp_path: Path) -> None:
    """Samples of a task among others are those that they are where all tasks have its tokenization."""
    _, tasks = tokenised(tmp_path)
    parts = choose_parts(load_recipe(None, [("data.tokenization", "alpaca")]), CATALOG)
    tokenizer = small_tokenizer()
    parts.bind(tokenizer)
    files = [TaskFiles("t", (tmp_path / "t.jsonl",))]
    (alone,) = prepare_tasks(files, parts.tokenization, tokenizer, DataSection(), tmp_path / "other", processes=1)
    assert np.array_equal(alone.train.entry.ids, tasks[1].train.entry.ids)
    assert np.array_equal(alone.train.entry.folder.name, tasks[1].train.entry.folder.name)
