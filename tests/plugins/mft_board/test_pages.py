"""What the pages on runs and comparisons say, to whoever may see them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.boards import RunningBoard, running_board
from helpers.made_up_runs import write_run
from mft_board.places import COMPARISON, RUN
from mft_core.events import EventLog


def rows(page: str) -> list[str]:
    """The texts of the rows of all tables."""
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL)]


def test_all_runs_stand_in_one_table_with_their_states(running: RunningBoard) -> None:
    page = running.page("/")
    found = {row.split()[0]: row for row in rows(page)}
    assert "ended" in found["中文运行"]
    assert "running" in found["running"]
    assert "broken off" in found["killed"]
    assert "4 of 4 runs" in page
    assert f"/compare/{running.key(COMPARISON)}" in page


def test_runs_are_found_by_name_task_and_state(running: RunningBoard) -> None:
    for query, names in (
        ("q=%E4%B8%AD%E6%96%87", ["中文运行"]),
        ("q=text2sql", ["中文运行"]),
        ("state=running", ["running"]),
    ):
        part = running.page(f"/runs/part?{query}")
        assert [row.split()[0] for row in rows(part)[1:]] == names
    assert running.page("/runs/part?page=99999999999999999999&order=nothing").count("<tr>") == 5


def test_a_run_tells_all_that_the_report_tells(running: RunningBoard) -> None:
    page = running.page(f"/runs/{running.key(RUN, '中文运行')}")
    assert page.count('<svg class="chart"') == 6
    for words in (
        "代码修复 stalls",
        "best mean",
        "2 of 3",
        "Who helps whom",
        "代码补全 hinders 代码修复",
        "mft run --resume",
    ):
        assert words in page
    assert any(row.startswith("代码补全 2.000 1.000 -50.0% improved") for row in rows(page))


def test_a_part_comes_again_only_when_there_is_something_new(running: RunningBoard, folder: Path) -> None:
    address = f"/runs/{running.key(RUN, 'running')}/part"
    first = running.client.get(address)
    revision = first.headers["x-revision"]
    assert running.client.get(address, params={"revision": revision}).status_code == 204
    EventLog(folder / "running").emit("warning", 60, message="something new")
    again = running.client.get(address, params={"revision": revision})
    assert again.status_code == 200
    assert "something new" in again.text
    assert again.headers["x-revision"] != revision


def test_two_runs_stand_side_by_side(running: RunningBoard) -> None:
    one, other = running.key(RUN, "中文运行"), running.key(RUN, "killed")
    page = running.page(f"/beside?one={one}&other={other}")
    assert page.count('<svg class="chart"') == 12
    assert [row.split()[0] for row in rows(page)[1:]] == ["代码补全", "代码修复", "text2sql", "add"]
    running.page(f"/beside?one={one}", 404)


def test_a_comparison_has_its_reading_its_intervals_and_who_helps_whom(running: RunningBoard) -> None:
    page = running.page(f"/compare/{running.key(COMPARISON)}")
    text = re.sub(r"\s+", " ", page)
    for words in (
        "On the mean over tasks famo is best", "one is small", "-0.5000 [-0.6000, -0.4000]", "unknown (unseen)",
        "famo against mixed: mean over tasks lower", "pass@1", "Who helps whom, in the runs of mixed",
        '<svg class="heat"',
    ):  # fmt: skip
        assert words in text
    assert running.key(COMPARISON) in running.page("/compare")


def test_hostile_names_are_text_on_every_page(running: RunningBoard) -> None:
    hostile = next(place for place in running.places.all(RUN) if "script" in place.title)
    other = running.key(RUN, "killed")
    pages = [
        "/", "/runs/part", f"/runs/{hostile.key}", f"/runs/{hostile.key}/part", f"/runs/{other}",
        f"/beside?one={hostile.key}&other={other}", "/?q=%22%3E%3Cscript%3Ealert(4)%3C/script%3E&state=%22%3E%3Cb%3E",
        "/runs/part?q=%22onload=x&page=2",
    ]  # fmt: skip
    for address in pages:
        page = running.page(address)
        assert not re.search(r"<(img|script(?! src=\"/static/board.js\"))", page), address
        assert not re.search(r"<[^>]*\s(on\w+|style)=", page), address
    assert "&lt;img src=x onerror=alert(2)&gt;" in running.page(f"/runs/{hostile.key}")


def test_a_damaged_comparison_and_a_missing_run_are_told(running: RunningBoard, tmp_path: Path) -> None:
    assert "There is no such run" in running.page("/runs/0123456789abcdef", 404)
    (tmp_path / "compare.json").write_text("{")
    with running_board(tmp_path) as damaged:
        assert "cannot be read" in damaged.page(f"/compare/{damaged.key(COMPARISON)}", 404)
        assert "There is no run below" in damaged.page("/")


@pytest.mark.slow
def test_a_thousand_runs_and_three_hundred_tasks_stay_small_pages(tmp_path: Path) -> None:
    one = write_run(tmp_path / "0000", [f"任务{number}" for number in range(300)], steps=6)
    text = (one / "metrics.jsonl").read_bytes()
    for number in range(1, 1000):
        (tmp_path / f"{number:04}").mkdir()
        (tmp_path / f"{number:04}" / "metrics.jsonl").write_bytes(text)
    with running_board(tmp_path) as running:
        page = running.page("/")
        assert rows(page)[1:]
        while "still to be read" in page:
            page = running.page("/runs/part")
        assert "1,000 of 1,000 runs" in page
        assert len(rows(page)) == 51
        assert len(page) < 500_000
        assert "page=20" in page
        run = running.page(f"/runs/{running.key(RUN, '0500')}")
        assert len(run) < 300_000
        assert "276 more tasks" in run
        assert running.page(f"/runs/{running.key(RUN, '0500')}/part?tasks=all").count("任务") >= 300


@pytest.mark.slow
def test_twenty_tabs_read_a_growing_log_once(running: RunningBoard, folder: Path) -> None:
    address = f"/runs/{running.key(RUN, 'running')}/part"

    def look(_: int) -> str:
        return running.client.get(address).headers["x-revision"]

    log = EventLog(folder / "running")
    with ThreadPoolExecutor(20) as tabs:
        for step in range(3):
            log.emit("warning", 60, message=f"news {step}")
            assert len(set(tabs.map(look, range(40)))) == 1
