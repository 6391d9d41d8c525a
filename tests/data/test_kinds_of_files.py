"""Files of every kind as tasks: what trains, what is quarantined, and where it says that it stands."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.column_files import write_arrow, write_parquet
from helpers.readers import READERS
from helpers.running import mft
from helpers.token_data import answers, pair, prepare
from mft_core.data.stored_records import stored_records
from mft_core.data.tasks import write_quarantine
from mft_core.errors import MftError
from mft_core.records import TaskFiles

GOOD = [pair(number) for number in range(24)]
BAD = {"prompt": "q", "response": ""}
ROWS = [*GOOD[:3], BAD, *GOOD[3:]]


def as_array(path: Path) -> None:
    path.write_text(json.dumps(ROWS, indent=1), encoding="utf-8")


def as_object(path: Path) -> None:
    path.write_text(json.dumps({"name": "x", "rows": ROWS}), encoding="utf-8")


def as_lines(path: Path) -> None:
    content = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def as_table(path: Path) -> None:
    separator = "\t" if path.suffix == ".tsv" else ","
    lines = [f'"{row["prompt"]}"{separator}"{row["response"]}"\n' for row in ROWS]
    path.write_text("".join([f"prompt{separator}response\n", *lines]), encoding="utf-8")


def as_parquet(path: Path) -> None:
    write_parquet(path, {key: [row[key] for row in ROWS] for key in BAD}, rows_per_group=2)


def as_arrow(path: Path) -> None:
    write_arrow(path, [ROWS[:2], ROWS[2:]])


KINDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a.json": (as_array, "[3]"),
    "b.json": (as_object, "[3]"),
    "lines.json": (as_lines, ":4"),
    "a.jsonl": (as_lines, ":4"),
    "a.jsonl.gz": (as_lines, ":4"),
    "a.csv": (as_table, ":5"),
    "a.tsv": (as_table, ":5"),
    "a.parquet": (as_parquet, ":1/1"),
    "a.arrow": (as_arrow, ":1/1"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_trains_the_same_and_says_where_its_bad_record_stands(tmp_path: Path, name: str) -> None:
    write, place = KINDS[name]
    path = tmp_path / name
    write(path)
    (task,) = tasks = prepare([TaskFiles("t", (path,))], tmp_path / "cache")
    assert (task.report.read, task.report.bad) == (25, {"empty response": 1})
    assert task.report.examples[0].startswith(f"{path}{place} empty response")
    write_quarantine(tasks, tmp_path / "quarantine.jsonl")
    (kept,) = map(json.loads, (tmp_path / "quarantine.jsonl").read_text(encoding="utf-8").splitlines())
    assert (kept["origin"], kept["file"], json.loads(kept["record"])) == (f"{path}{place}", str(path), BAD)
    assert kept.get("line") == (int(place[1:]) if place[1:].isdigit() else None)
    found = sorted(answer for store in (task.train, task.valid) for answer in answers(store))
    assert [answer.split()[0] for answer in found] == sorted(row["response"].split()[0] for row in GOOD)
    prompts = [record.turns[0].content for record in stored_records(task.valid, READERS)]
    assert set(prompts) <= {row["prompt"] for row in GOOD}


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(tmp_path: Path, processes: int) -> None:
    names = ["a.json", "a.csv", "a.parquet"]
    for name in names:
        KINDS[name][0](tmp_path / name)
    files = [TaskFiles(name.replace(".", "-"), (tmp_path / name,)) for name in names]
    tasks = prepare(files, tmp_path / "cache", processes=processes)
    assert [[store.sample(0).ids.tolist() for store in (task.train, task.valid)] for task in tasks] == [
        [store.sample(0).ids.tolist() for store in (tasks[0].train, tasks[0].valid)]
    ] * 3


ODD = [
    ('{"text": "\\ud800"}', "broken unicode"),
    ('{"text": "a", "text": "b"}', "duplicate key"),
    ('{"text": "a", "score": NaN}', "NaN or Infinity"),
    ('{"text": "a", "deep": ' + "[" * 200 + "]" * 200 + "}", "nested too deeply"),
    ('{"text": 1}', "content is not text"),
    ("17", "not an object"),
]


def test_odd_values_in_a_json_array_are_quarantined_by_their_index(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    good = [json.dumps({"text": f"text {number}"}) for number in range(20)]
    path.write_text(f"[{','.join([*good, *(text for text, _ in ODD)])}]", encoding="utf-8")
    tasks = prepare([TaskFiles("t", (path,))], tmp_path / "cache", max_bad=0.5)
    write_quarantine(tasks, tmp_path / "quarantine.jsonl")
    kept = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["origin"], line["reason"]) for line in kept] == [
        (f"{path}[{number}]", reason) for number, (_, reason) in enumerate(ODD, 20)
    ]


@pytest.mark.parametrize("name", ["a.json", "a.parquet", "a.csv.gz", "a.jsonl.gz"])
def test_a_file_that_is_cut_short_leaves_no_entry_behind(tmp_path: Path, name: str) -> None:
    whole = tmp_path / name.removesuffix(".gz")
    KINDS[whole.name][0](whole)
    content = gzip.compress(whole.read_bytes() * 1000) if name.endswith(".gz") else whole.read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(MftError) as caught:
        prepare([TaskFiles("t", (path,))], tmp_path / "cache")
    assert str(path) in caught.value.message
    assert list((tmp_path / "cache").glob("*")) == []


@pytest.mark.slow
def test_a_folder_of_all_kinds_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    for name, (write, _) in KINDS.items():
        task = data / name.replace(".", "-")
        task.mkdir(parents=True)
        write(task / f"train.{name.partition('.')[2]}")
    (data / "essays.txt").write_text("".join(f"essay {number}\n" for number in range(20)), encoding="utf-8")
    (data / "a-csv" / "notes.txt").write_text("ask Ann", encoding="utf-8")
    command = ["check", "--model", "llama", "--data", str(data), "--steps", "1", "--set", "model.dtype=float32"]
    assert mft(*command, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert [Path(file["path"]).name for file in said["unread_files"]] == ["notes.txt"]
    assert "plain text beside records" in said["unread_files"][0]["reason"]
    assert set(said["data"]) == {"essays", *(name.replace(".", "-") for name in KINDS)}
    assert said["data"]["a-parquet"]["examples"][0].startswith(f"{data}/a-parquet/train.parquet:1/1 empty response")


@pytest.mark.slow
def test_options_of_a_reader_from_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(b"prompt;response\n" + "".join(f"问 {n};答\n" for n in range(20)).encode("gb18030"))
    (tmp_path / "essay.txt").write_text("one\ntwo\n\nthree\n", encoding="utf-8")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        """[data]
reader = {name = "csv", delimiter = ";", encoding = "gb18030"}
max_length = 128
[[data.tasks]]
name = "table"
train = "t.csv"
[[data.tasks]]
name = "essays"
train = "essay.txt"
reader = {name = "text", documents = "paragraph"}
[model]
adapter = "llama"
dtype = "float32"
""",
        encoding="utf-8",
    )
    assert mft("check", str(recipe), "--steps", "1", "--json") == 0
    reports = json.loads(capsys.readouterr().out)["data"]
    assert {name: report["read"] for name, report in reports.items()} == {"table": 20, "essays": 2}
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("delimiter", "delimeter"), encoding="utf-8")
    assert mft("check", str(recipe), "--steps", "1") == 2
    assert "delimeter" in capsys.readouterr().err
