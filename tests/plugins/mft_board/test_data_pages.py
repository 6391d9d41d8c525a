"""What the pages on data say, and what they do not open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.boards import RunningBoard, running_board
from helpers.made_up_runs import write_run
from helpers.running import write_rows
from mft_board import quarantine
from mft_board.audits import record_at
from mft_board.places import AUDIT, RUN
from mft_board.quarantine import read_refused

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    run = write_run(root / "inside" / "run", ["任务", HOSTILE])
    (run / "recipe.toml").touch()
    refused = [
        {"task": "任务", "origin": "a.jsonl:3", "reason": "empty response", "detail": "nothing", "record": HOSTILE},
        {"task": "任务", "origin": "a.jsonl:4", "reason": "empty response", "detail": "nothing", "record": "{}"},
        {"task": HOSTILE, "origin": "b.jsonl:1", "reason": "bad JSON", "detail": "x", "record": "nonsense"},
    ]
    write_rows(run / "quarantine.jsonl", refused)
    with (run / "quarantine.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"torn')
    data = write_rows(root / "inside" / "a.jsonl", [{"prompt": "一", "response": HOSTILE}, {"prompt": "二"}])
    secret = write_rows(root / "secret.jsonl", [{"prompt": "secret"}])
    (root / "inside" / "linked.jsonl").symlink_to(secret)

    def place(origin: str) -> dict[str, str]:
        return {"task": HOSTILE, "side": "train", "origin": origin}

    audit = {
        "format": 1,
        "records": [],
        "pairs": [
            {"first": place(f"{data}:1"), "second": place("a.jsonl:2"), "share": 0.8},
            {"first": place(f"{secret}:1"), "second": place("linked.jsonl:1"), "share": 1.0},
        ],
        "leaks": [
            {"record": place("../secret.jsonl:1"), "set": "humaneval", "problem": "P/1", "share": 0.6, "view": "text"}
        ],
    }  # fmt: skip
    (root / "inside" / "audit.json").write_text(json.dumps(audit), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def running(root: Path) -> Iterator[RunningBoard]:
    with running_board(root / "inside") as running:
        yield running


def test_a_runs_tasks_and_its_quarantine_are_shown_by_reason(running: RunningBoard) -> None:
    page = running.page(f"/runs/{running.key(RUN)}/data")
    for words in ("任务", "3,000", "empty response: 2", "bad JSON: 1", "a.jsonl:3: nothing", "&lt;script&gt;alert(1)"):
        assert words in page
    assert "<script>" not in page
    assert f"/runs/{running.key(RUN)}/data" in running.page("/data")


def test_an_audits_records_stand_side_by_side_and_nothing_outside_is_read(running: RunningBoard) -> None:
    page = running.page(f"/audits/{running.key(AUDIT)}")
    for words in ("80% in common", "prompt: 一", "prompt: 二", "P/1 of humaneval: 60% of its text"):
        assert words in page
    assert "prompt: secret" not in page
    assert page.count("not a line of a JSONL file in the board&#39;s folders") + page.count("board's folders") == 3
    assert "<script>" not in page


def test_a_file_that_only_has_the_name_is_told(running: RunningBoard, root: Path, tmp_path: Path) -> None:
    for number, text in enumerate(
        ("{", "[]", '{"format": 1}', '{"format": 1, "pairs": 3, "leaks": [], "records": []}')
    ):
        (tmp_path / f"audit{number}.json").write_text(text)
    with running_board(tmp_path) as other:
        for place in other.places.all(AUDIT):
            assert "is no audit" in other.page(f"/audits/{place.key}", 404)


def test_a_long_quarantine_is_read_to_a_limit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = root / "inside" / "run" / "quarantine.jsonl"
    found, whole = read_refused(path)
    assert whole
    assert found["empty response"].tasks == {"任务": 2}
    monkeypatch.setattr(quarantine, "MOST_BYTES", 200)
    assert not read_refused(path)[1]


@pytest.mark.parametrize(
    "origin", ["a.jsonl", "a.jsonl:0", "a.jsonl:99", "a.parquet:1", "none.jsonl:1", "a.jsonl:99999999"]
)
def test_what_is_no_line_is_not_shown(root: Path, origin: str) -> None:
    assert record_at(origin, root / "inside" / "audit.json", lambda _: True) == ""


@pytest.mark.slow
def test_data_elsewhere_is_not_opened(root: Path, tmp_path: Path) -> None:
    from mft_board.samples import _inside
    from mft_core.errors import UsageError

    inside = (root / "inside").resolve()
    _inside(inside / "a.jsonl", [inside])
    for path in (root / "secret.jsonl", inside / "linked.jsonl", inside / ".." / "secret.jsonl"):
        with pytest.raises(UsageError, match="outside of the folders of this board") as raised:
            _inside(path, [inside])
        assert f"mft board ... {root.resolve()}" in raised.value.hint
