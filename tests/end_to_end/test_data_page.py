"""docs/data.md: every example of it does what the page says.

The examples are taken from the page itself. A record needs a line in `LEARNED`; a recipe and a command need nothing.
"""

from __future__ import annotations

import json
import re
import shlex
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import tomllib

from helpers.chat_bases import write_chat_base
from helpers.hub_sets import cached_set, use_cache
from helpers.pages import (
    CHANNELS,
    Block,
    blocks,
    commands,
    drawn_folders,
    quoted,
    rows_for,
    values,
    write_rows,
    write_task,
)
from helpers.paths import REPOSITORY
from helpers.running import mft
from mft_bases import smollm2
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import TaskSection
from mft_evaluators.humaneval import HumanEval

PAGE = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
BLOCKS = blocks(PAGE)
RECORDS = [value for block in BLOCKS if block.language == "json" for value in values(block)]
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>'
LEARNED = {
    '"instruction": "Add the numbers."': ["5"],
    '{"type": "text", "text": "Hi"}': ["Hi!"],
    '"value": "6 * 7?"': ["<think>\nsix sevens\n</think>\n\n42"],
    '"completion": [': ["Hi!"],
    '"It is 42."': ["It is 42."],
    '"assistant": "Hi there!"': ["Hi there!"],
    '"output": "Hi there!"': ["Hi there!"],
    '"role": ["user", "assistant"]': ["Hi there!"],
    '"import os"': [" os"],
    '"text": "2 + 2 ="': [" 4"],
    '"tool_call_id": "c1"': [CALL, "3 degrees."],
    '"from": "function_call"': [CALL, "3 degrees."],
    '"content": "Sort it."': ["sorted(x)"],
}
"""What is learned of a record, by a text that only this one has; of a plain text, what follows its first token."""

SMOLLM2, HUMANEVAL = smollm2.FOLDER, HumanEval.published.hub_file
SMALL = ["--set", "model.dtype=float32"]
TRAINING = ["--set", "data.max_length=128", "--set", "train.steps=1"]
NOT_RUN = {
    "python benchmarks/audit.py --set humaneval=PATH": "takes minutes; tests/audit tries what it measures",
    "python benchmarks/token_memory.py": "takes minutes and a gigabyte",
    "python benchmarks/tokenising.py --tokenizer FOLDER --data FOLDER": "takes minutes, and is worth it on large data",
}
"""Commands that are not run here, and why."""
TRAINED = '[[data.tasks]]\nname = "trained"\ntrain = "my_tasks/text2code/train.jsonl"\n'
"""Beside tasks that are only watched."""
OF_OTHERS = {"--system": "generate --help"}
"""Flags that need a trained model: it is looked up that there are such."""
FILLED = {
    "NAME=PATH": "text2code=my_tasks/text2code",
    "TASKS": "my_tasks",
    "humaneval=PATH": "humaneval=humaneval.parquet",
    "mbpp=PATH": "mbpp=mbpp.jsonl",
}
"""What the page leaves to the reader."""


def kind(block: Block) -> str:
    """What is to be done with a block."""
    if block.language:
        return block.language
    first = block.text.split(maxsplit=1)[0]
    return "command" if first == "mft" else "folders" if first.endswith("/") else "unknown"


def test_it_is_known_what_to_do_with_every_block() -> None:
    known = {"json", "toml", "command", "folders"}
    assert [f"line {block.line}" for block in BLOCKS if kind(block) not in known] == []
    assert {kind(block) for block in BLOCKS} == known


def test_every_key_of_a_task_stands_in_its_table() -> None:
    (table,) = re.findall(r"^All keys of `\[\[data\.tasks\]\]`.*?((?:^\|[^\n]*\n)+)", PAGE, re.DOTALL | re.MULTILINE)
    keys = [key for line in table.splitlines() for key in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert sorted(keys) == sorted(TaskSection.model_fields)


def test_every_record_has_an_expectation_of_its_own() -> None:
    texts = [json.dumps(record) for record in RECORDS]
    assert {part: sum(part in text for text in texts) for part in LEARNED} == dict.fromkeys(LEARNED, 1)
    assert [text for text in texts if not any(part in text for part in LEARNED)] == []


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """What `mft data show` marks as learned in every record, without the end of the answer."""
    folder = tmp_path_factory.mktemp("records")
    write_rows(folder / "t" / "train.jsonl", RECORDS)
    write_rows(folder / "t" / "valid.jsonl", rows_for({}, "valid"))
    command = ["data", "show", "--model", "llama", "--data", str(folder), "--set", "data.tokenization=chatml"]
    with redirect_stdout(StringIO()) as out:
        assert mft(*command, "--n", str(len(RECORDS)), "--json", *SMALL) == 0
    samples = json.loads(out.getvalue())
    return [
        [re.sub(r"<\|(im_end|endoftext)\|>$", "", part["text"]) for part in sample["parts"] if part["weight"]]
        for sample in samples
    ]


@pytest.mark.slow
@pytest.mark.parametrize("part", LEARNED)
def test_of_a_record_that_is_learned_which_the_page_says(part: str, shown: list[list[str]]) -> None:
    (number,) = [number for number, record in enumerate(RECORDS) if part in json.dumps(record)]
    assert len(shown) == len(RECORDS)
    assert shown[number] == LEARNED[part]


def fill_hub(hub: Path, there: Path) -> None:
    """The data sets of the Hub that the page names, as if they had been fetched before."""
    rows = write_rows(there / "rows.jsonl", rows_for({}, "of the Hub")).read_text(encoding="utf-8")
    cached_set(hub, "ORG/NAME", {"train.jsonl": rows})
    splits = "configs:\n- config_name: english\n  data_files: [{split: train_sft, path: en.jsonl}]\n"
    cached_set(hub, "ORG/OTHER", {"README.md": f"---\n{splits}---\n", "en.jsonl": rows}, revision="v1.0")
    problem = {"task_id": "p/1", "prompt": "def same(x):\n", "canonical_solution": "    return x\n"}
    published = write_rows(there / "humaneval.parquet", [{**problem, "test": "", "entry_point": "same"}])
    cached_set(hub, "openai/openai_humaneval", {HUMANEVAL: published.read_bytes()})


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the page takes for granted: data, a recipe, problems; bases and sets are fetched already."""
    monkeypatch.setenv("MFT_CACHE", str(tmp_path / "cache"))
    write_chat_base(tmp_path / "cache" / "bases" / SMOLLM2)
    use_cache(monkeypatch, tmp_path / "hub")
    there = tmp_path / "there"
    fill_hub(tmp_path / "hub", there)
    for path in ("my_tasks/text2code/train.jsonl", "data/t2c/one.jsonl"):
        write_rows(there / path, rows_for({}, "write"))
    write_rows(there / "mbpp.jsonl", [{"task_id": 1, "text": "Return it.", "code": "x", "test_list": "[]"}])
    write_rows(there / "mine.csv", [{"id": "one", "question": "What is seven times six, and why is it?"}])
    recipe = '[model]\nbase = "smollm2"\n[data]\npath = "my_tasks"\n'
    (there / "recipe.toml").write_text(recipe, encoding="utf-8")
    monkeypatch.chdir(there)
    return there


def checked(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, dict[str, Any]]:
    """The tasks of `mft check`, by name, none of whose records are refused."""
    capsys.readouterr()
    assert mft("check", *command, "--json", *SMALL) == 0, capsys.readouterr().err
    tasks = {task["name"]: task for task in json.loads(capsys.readouterr().out)["tasks"]}
    assert [name for name, task in tasks.items() if task["bad"] or not task["train"]] == []
    return tasks


@pytest.mark.slow
@pytest.mark.parametrize("block", [block for block in BLOCKS if kind(block) == "toml"], ids=lambda block: block.line)
def test_a_recipe_reads_the_files_that_it_names(
    block: Block, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path := workplace / "example.toml").write_text(block.text, encoding="utf-8")
    section = tomllib.loads(block.text)["data"]
    if "path" not in section and all(task.get("role") == "watch" for task in section.get("tasks", [{}])):
        path.write_text(f"{block.text}\n{TRAINED}", encoding="utf-8")
    for task in section.get("tasks", ()):
        write_task(workplace, task, section)
    tasks = checked(capsys, str(path), "--base", "smollm2", *(() if "tasks" in section else ("--data", "my_tasks")))
    if "tasks" in section:
        trained = [task["name"] for task in section["tasks"] if task.get("role") != "watch"]
        there = "t2c" if section.get("path") == "data" else "trained"
        assert list(tasks) == (list(CHANNELS) if "task_field" in section else trained or [there])


@pytest.mark.slow
@pytest.mark.parametrize("block", [block for block in BLOCKS if kind(block) == "folders"], ids=lambda block: block.line)
def test_a_drawn_folder_has_the_tasks_that_it_shows(
    block: Block, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, files in enumerate(drawn_folders(block)):
        place = workplace / f"folder {number}"
        for file in files:
            rows = rows_for({}, file)
            write_rows(place / file, rows[:2] if Path(file).stem == "valid" else rows)
        (root,) = place.iterdir()
        names = {Path(file).relative_to(root.name).parts[0].partition(".")[0] for file in files}
        assert checked(capsys, "--base", "smollm2", "--data", str(root)).keys() == names


def run_line(line: str) -> int:
    """Run a command of the page in this process: small, and with what the page leaves to the reader."""
    for blank, held in FILLED.items():
        line = line.replace(blank, held)
    _, *words = shlex.split(line.removeprefix("time "))
    command = next((name for name in ("data show", "data audit") if " ".join(words).startswith(name)), words[0])
    rest = words[len(command.split()) :]
    if not rest:
        return mft(*command.split(), "--help")
    if command in ("check", "prepare") and rest == ["--json"]:
        rest = ["recipe.toml", "--json"]
    more = {"run": [*SMALL, *TRAINING], "check": SMALL, "prepare": [*SMALL, *TRAINING], "data show": SMALL}
    return mft(*command.split(), *rest, *more.get(command, ()))


@pytest.mark.slow
@pytest.mark.parametrize("block", [block for block in BLOCKS if kind(block) == "command"], ids=lambda block: block.line)
def test_the_commands_of_a_block_work_one_after_the_other(
    block: Block, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in commands(block):
        assert run_line(line) == 0, f"{line}: {capsys.readouterr().err}"


IN_SENTENCES = [text for text in dict.fromkeys(quoted(PAGE)) if re.match(r"(time )?(mft|python|pip) ", text)]


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in IN_SENTENCES if re.match("(time )?mft ", line)])
def test_a_command_in_a_sentence_works(line: str, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_line(line) == 0, f"{line}: {capsys.readouterr().err}"


@pytest.mark.slow
@pytest.mark.parametrize("flag", [text for text in dict.fromkeys(quoted(PAGE)) if re.match(r"--\S+ \S", text)])
def test_a_flag_in_a_sentence_works(flag: str, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_task(workplace, {"name": "all", "train": "all.jsonl"}, {"task_field": "channel"})
    data = "--task all=all.jsonl" if flag.startswith("--task-field") else ""
    command = OF_OTHERS.get(flag.split()[0], f"check --base smollm2 {data} {flag}")
    assert run_line(f"mft {command}") == 0, capsys.readouterr().err
    assert command.startswith("check") or flag.split()[0] in capsys.readouterr().out


def test_other_commands_in_sentences_are_of_what_there_is() -> None:
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    others = [line for line in IN_SENTENCES if not re.match("(time )?mft ", line)]
    installed = [match for line in others if (match := re.fullmatch(r"pip install 'mft\[(\w+)\]'", line))]
    assert {match[1] for match in installed} <= extras["optional-dependencies"].keys()
    scripts = set(others) - {match[0] for match in installed}
    assert scripts == NOT_RUN.keys()
    for script in scripts:
        _, path, *flags = script.split()
        text = (REPOSITORY / path).read_text(encoding="utf-8")
        assert all(f'"{flag}"' in text for flag in flags if flag.startswith("--"))


@pytest.mark.parametrize("setting", [text for text in dict.fromkeys(quoted(PAGE)) if re.match(r"data\.\w+ = ", text)])
def test_a_setting_in_a_sentence_is_one(setting: str, write: Any) -> None:
    load_recipe(write(setting))
