"""benchmarks/on_gpu.py without a GPU: it says so, tries itself at tiny sizes; a part that fails holds up no other."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.paths import REPOSITORY

FOLDER = REPOSITORY / "benchmarks"
PARTS = "attention-256,norms-and-rotations"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / "on_gpu.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def lines(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_runs_nothing(tmp_path: Path) -> None:
    done = run("benchmarks", "--results", str(tmp_path / "results.jsonl"))
    assert done.returncode == 2
    assert "no CUDA device" in done.stderr
    assert "--try" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_try_writes_what_it_is_and_goes_on_where_it_was(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    command = ("benchmarks", "--try", "--results", str(results), "--only", PARTS)
    left = run(*command, "--seconds", "1")
    assert left.returncode == 3, left.stderr
    assert not results.exists(), "no part is begun that might not end in time"
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    written = lines(results)
    assert [line["part"] for line in written] == PARTS.split(",")
    for line in written:
        assert (line["outcome"], line["exit_code"], line["measures"]) == ("done", 0, False)
        assert line["packages"]["torch"] == torch.__version__
        assert "ours" in {row["contender"] for row in line["figures"]}
    again = run(*command)
    assert again.returncode == 0
    assert "attention-256: done before" in again.stdout
    assert lines(results) == written


def test_a_part_that_fails_or_hangs_is_written_down_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    from gpu_parts import Part
    from on_gpu import run_parts

    hangs = "import subprocess; subprocess.run(['sleep', '600'])"
    parts = [
        Part("fails", (sys.executable, "-c", "raise SystemExit('no memory')"), 60),
        Part("hangs", (sys.executable, "-c", hangs), 2),
        Part("works", (sys.executable, "-c", "print('| a | b |\\n| --- | --- |\\n| 1 | 2 |')"), 60),
    ]
    results = tmp_path / "results.jsonl"

    def outcomes(again: bool) -> list[tuple[str, str]]:
        assert run_parts(parts, results, time.monotonic() + 3600, {"measures": False}, again) == 1
        return [(line["part"], line["outcome"]) for line in lines(results)]

    first = [("fails", "failed"), ("hangs", "out of time: 2 s"), ("works", "done")]
    assert outcomes(again=False) == first
    assert lines(results)[2]["figures"] == [{"a": "1", "b": "2"}]
    assert "no memory" in lines(results)[0]["output"]
    assert outcomes(again=False) == first
    assert "fails: failed before" in capsys.readouterr().out
    assert outcomes(again=True) == [*first, *first[:2]]


def test_both_lists_have_parts_of_different_names_that_fit_into_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    import gpu_parts

    for tiny in (False, True):
        parts = [*gpu_parts.tests(tiny), *gpu_parts.benchmarks(tiny)]
        assert len({part.name for part in parts}) == len(parts)
        assert all(part.limit < 570 for part in parts)
        assert all(Path(part.command[1]).is_file() or part.command[1] in ("-m", sys.executable) for part in parts)
