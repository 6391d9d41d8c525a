from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("rensa", reason="near duplicates need the extra audit")

from helpers.readers import READERS
from helpers.running import mft
from helpers.token_data import task_file
from mft_core.audit.auditing import CHUNK, COMPARING, LOOKING, audit
from mft_core.audit.leakage import Problem
from mft_core.records import TaskFiles
from mft_core.support.reading import RecordForm, TaskSampling

WORDS = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "omicron", "pi", "rho", "sigma", "tau", "upsilon",
]  # fmt: skip


def record(number: int) -> dict[str, str]:
    said = " ".join(f"{word}{number}" for word in WORDS)
    return {"prompt": f"question {number}", "response": f"{said} and so on, as in {number} other places of the text"}


def tasks(folder: Path) -> list[TaskFiles]:
    near = {**record(3), "response": record(3)["response"].replace("other places", "more places")}
    a = task_file(folder / "a" / "train.jsonl", [*map(record, range(20)), "{broken", near])
    shouted = {key: f" {value.upper()}\n" for key, value in record(5).items()}
    b = task_file(folder / "b" / "train.jsonl", [record(30), shouted])
    valid = task_file(folder / "b" / "valid.jsonl", [record(30), record(7)])
    return [TaskFiles("a", (a,)), TaskFiles("b", (b,), (valid,))]


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_duplicates_in_and_between_tasks(tmp_path: Path, processes: int) -> None:
    found = audit(tasks(tmp_path), READERS, processes=processes)
    assert found.records == {("a", "train"): 21, ("b", "train"): 2, ("b", "valid"): 2}

    def name(origin: str) -> str:
        return origin.removeprefix(f"{tmp_path}/")

    names = {(name(pair.second.origin), name(pair.first.origin)): pair.share == 1 for pair in found.pairs}
    assert names == {
        ("b/train.jsonl:2", "a/train.jsonl:6"): True,
        ("b/valid.jsonl:1", "b/train.jsonl:1"): True,
        ("b/valid.jsonl:2", "a/train.jsonl:8"): True,
        ("a/train.jsonl:22", "a/train.jsonl:4"): False,
    }


def test_all_files_of_a_watched_task_are_validation_data(tmp_path: Path) -> None:
    a, b = tasks(tmp_path)
    found = audit([a, replace(b, sampling=TaskSampling(watched=True))], READERS)
    assert found.records == {("a", "train"): 21, ("b", "valid"): 4}


def test_problems_are_found_where_they_are(tmp_path: Path) -> None:
    problem = Problem("set", "p", (record(11)["response"],))
    (leak,) = audit(tasks(tmp_path), READERS, [problem]).leaks
    assert (leak.place.origin, leak.hit.share) == (f"{tmp_path}/a/train.jsonl:12", 1.0)


def test_the_command_writes_what_to_leave_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks(tmp_path / "data")
    problems = tmp_path / "set.json"
    problems.write_text(json.dumps([{"id": "p", "code": record(11)["response"]}]), encoding="utf-8")
    output = tmp_path / "audit.json"
    command = ["data", "audit", "--model", "llama", "--data", str(tmp_path / "data"), "--against", str(problems)]
    assert mft(*command, "--output", str(output)) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "25 records of 2 tasks" in out
    assert "1 of 1 problems are in 1 records" in out
    written = json.loads(output.read_text(encoding="utf-8"))
    left_out = {(Path(row["origin"]).parent.name, row["place"], row["reason"].split()[0]) for row in written["exclude"]}
    assert left_out == {("a", 22, "repeats"), ("a", 12, "has"), ("a", 8, "repeats"), ("b", 1, "repeats")}
    assert mft(*command[:-1], "nothing.json") == 2


def test_records_are_understood_as_the_task_says(tmp_path: Path) -> None:
    rows = [{"asked": record(number)["prompt"], "said": record(number)["response"]} for number in (1, 2, 1)]
    path = task_file(tmp_path / "t.jsonl", rows)
    own = RecordForm(columns=(("prompt", "asked"), ("response", "said")))
    assert audit([TaskFiles("t", (path,))], READERS).records == {}
    (pair,) = audit([TaskFiles("t", (path,), form=own)], READERS).pairs
    assert pair.second.place == 3
    assert audit([TaskFiles("t", (path,))], READERS, form=own).pairs == [pair]


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_it_tells_how_far_it_is(tmp_path: Path, processes: int) -> None:
    path = task_file(tmp_path / "t.jsonl", [record(number) for number in range(CHUNK + 10)])
    told: list[tuple[str, int]] = []
    progress = {"processes": processes, "on_progress": lambda what, records: told.append((what, records))}
    audit([TaskFiles("t", (path,))], READERS, **progress)
    assert told == [(LOOKING, CHUNK), (LOOKING, CHUNK + 10), (COMPARING, CHUNK + 10)]


def test_progress_is_on_stderr_and_none_beside_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks(tmp_path / "data")
    command = ["data", "audit", "--model", "llama", "--data", str(tmp_path / "data")]
    command += ["--output", str(tmp_path / "audit.json")]
    assert mft(*command) == 0
    shown = capsys.readouterr()
    assert f"{LOOKING}: " in shown.err
    assert LOOKING not in shown.out
    assert mft(*command, "--json") == 0
    assert capsys.readouterr().err == ""


def test_answers_that_call_tools_otherwise_are_no_duplicates(tmp_path: Path) -> None:
    def asked(city: str) -> dict[str, object]:
        call = {"type": "function", "function": {"name": "weather", "arguments": {"city": city}}}
        answer = {"role": "assistant", "content": "", "tool_calls": [call]}
        return {"messages": [{"role": "user", "content": "Is it cold there?"}, answer]}

    path = task_file(tmp_path / "t.jsonl", [asked(city) for city in ("Oslo", "Rome", "Oslo")])
    equal = [pair for pair in audit([TaskFiles("t", (path,))], READERS).pairs if pair.share == 1.0]
    assert [(pair.first.place, pair.second.place) for pair in equal] == [(1, 3)]
