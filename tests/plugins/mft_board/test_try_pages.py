"""A prompt to several models, first with a stand-in for the worker, then with the real one."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.boards import TOKEN, RunningBoard, running_board
from helpers.browsers import dumped, find_browser
from helpers.made_up_runs import write_run
from helpers.paths import REPOSITORY
from helpers.running import arguments, mft, write_tasks
from mft_board import application, worker_process
from mft_board.places import RUN

ASKS = """
form.elements.prompt.value = "你好";
form.requestSubmit();
(async () => {
  for (let tries = 0; tries < 2000; tries++) {
    if (document.body.textContent.includes("chrF")) return;
    await fetch("/static/board.css");
  }
})();
"""
"""The browser's clock, which is not the real one, stands still only while something is fetched."""


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningBoard]:
    """Two finished runs, one that is not, and a worker that has its answers ready."""
    monkeypatch.setattr(worker_process, "COMMAND", (sys.executable, str(REPOSITORY / "tests/helpers/board_worker.py")))
    for name in ("one", "<i>two", "unfinished"):
        run = write_run(tmp_path / "runs" / name, ["x"])
        (run / "recipe.toml").touch()
        base = {"reference": "tiny", "folder": str(tmp_path / "base")}
        (run / "components.json").write_text(json.dumps({"base": base}))
        if name != "unfinished":
            (run / "final").mkdir()
    with running_board(tmp_path / "runs") as running:
        yield running


def ask(running: RunningBoard, **asked: Any) -> list[dict[str, Any]]:
    answer = running.client.post("/try/answers", content=json.dumps(asked), headers={"origin": running.origin})
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()]


def texts(replies: list[dict[str, Any]], column: int) -> str:
    return "".join(reply.get("text", "") for reply in replies if reply.get("column") == column)


def test_runs_and_their_base_answer_in_columns(running: RunningBoard) -> None:
    runs = [running.key(RUN, "one"), running.key(RUN, "<i>two")]
    titles, *replies = ask(running, runs=runs, base=True, prompt="你好")
    assert titles == {"titles": ["one", "<i>two", "base tiny"]}
    assert [texts(replies, column).split()[:4] for column in range(3)] == [
        ["答案", "<b>你好</b>", "of", name] for name in ("one", "<i>two", "base")
    ]
    assert [reply["chrf"] for reply in replies if "tokens" in reply] == [50.0] * 3


def test_a_model_that_dies_is_told_in_its_column_and_the_board_goes_on(running: RunningBoard) -> None:
    runs = [running.key(RUN, "one"), running.key(RUN, "<i>two")]
    errors = [reply for reply in ask(running, runs=runs, prompt="killed") if "error" in reply]
    assert [(error["column"], "memory ran out" in error["error"]) for error in errors] == [(0, True), (1, True)]
    assert texts(ask(running, runs=runs[:1], prompt="x"), 0).startswith("答案 <b>x</b> of one")


@pytest.mark.parametrize(
    "asked",
    [
        {"runs": [], "prompt": "x"}, {"runs": ["../etc"], "prompt": "x"}, {"runs": ["unfinished"], "prompt": "x"},
        {"runs": ["one"], "prompt": ""}, {"runs": ["one"], "prompt": "x", "tokens": 10**9}, {"runs": 3}, [],
        {"runs": ["one"], "prompt": "x", "folder": "/etc"},
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_told_and_starts_nothing(running: RunningBoard, asked: Any) -> None:
    if isinstance(asked, dict) and isinstance(asked.get("runs"), list):
        keys = {place.title: place.key for place in running.places.all(RUN)}
        asked = {**asked, "runs": [keys.get(name, name) for name in asked["runs"]]}
    answer = running.client.post("/try/answers", content=json.dumps(asked), headers={"origin": running.origin})
    (reply,) = [json.loads(line) for line in answer.text.splitlines()]
    assert set(reply) == {"error", "hint"}


def test_another_origin_starts_nothing(running: RunningBoard) -> None:
    asked = json.dumps({"runs": [running.key(RUN, "one")], "prompt": "x"})
    for headers in ({}, {"origin": "http://evil.example"}, {"origin": "null"}):
        assert running.client.post("/try/answers", content=asked, headers=headers).status_code == 403


def test_the_form_lists_what_has_a_result(running: RunningBoard) -> None:
    page = running.page(f"/try?run={running.key(RUN, 'one')}")
    assert "&lt;i&gt;two" in page
    assert "unfinished" not in page
    assert page.count("checked") == 1


@pytest.mark.slow
def test_in_a_browser_answers_are_text(running: RunningBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who asks at once: a script of the board's own that a test may have, and nobody else."""
    own = tmp_path / "static"
    shutil.copytree(application.FILES, own)
    with (own / "try.js").open("a", encoding="utf-8") as script:
        script.write(ASKS)
    monkeypatch.setattr(application, "FILES", own)
    address = f"{running.origin}/try?run={running.key(RUN, '<i>two')}&token={TOKEN}"
    document = dumped(find_browser(), tmp_path / "profile", address)
    assert "答案 &lt;b&gt;你好&lt;/b&gt; of &lt;i&gt;two" in document
    assert "3 tokens; chrF 50.0 against the reference" in document


@pytest.mark.slow
def test_a_real_run_shows_its_samples_and_answers(tmp_path: Path) -> None:
    """With torch, in the worker that users get."""
    data, run = write_tasks(tmp_path / "data"), tmp_path / "runs" / "run"
    assert mft(*arguments(data, run, "--base", "tiny", "--steps", "1")) == 0
    with running_board(tmp_path / "runs") as elsewhere:
        refused = elsewhere.page(f"/runs/{elsewhere.key(RUN)}/samples/part")
        assert "outside of the folders of this board" in refused
    with running_board(tmp_path) as running:
        key = running.key(RUN)
        page = running.page(f"/runs/{key}/samples/part?task=copy&first=5")
        assert "6 to 10 of 12" in page
        assert page.count('<svg class="histogram"') == 2
        assert page.count("<mark>") == 5
        assert f"{data}/copy/train.jsonl:6" in page
        prompts = running.page(f"/runs/{key}/prompts?task=copy")
        assert 'data-prompt="copy valid 0:' in prompts
        assert "data-reference=" in prompts
        titles, *replies = ask(running, runs=[key], base=True, prompt="alpha", tokens=4, reference="alpha")
        assert len(titles["titles"]) == 2
        ends = [reply for reply in replies if "tokens" in reply]
        assert [(end["column"], end["equal"]) for end in ends] == [(0, False), (1, False)]
        assert all(0 < end["tokens"] <= 4 for end in ends)
