"""report.html: complete in itself, whatever people typed."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from helpers.made_up_runs import write_run
from mft_core.events import EventLog
from mft_core.run.results import read_run_facts
from mft_report.files import redraw
from mft_report.page import page

HOSTILE = ("<script>alert(1)</script>", "a & b", r"$\frac$", "_hidden", "naïve 任务", "tab\tescape\x1b[31m")


class Page(HTMLParser):
    """Text, tags in order, and everything the page would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.loads: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.loads += [value or "" for key, value in attrs if key in ("src", "href", "xlink:href", "srcset", "data")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(run: Path) -> Page:
    """The page around a small figure: drawing a real one takes its time."""
    return Page(page(read_run_facts(run), "<svg></svg>"))


def drawn_page_of(run: Path) -> Page:
    redraw(run)
    return Page((run / "report.html").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["completion", "repair"])
    found = drawn_page_of(run)
    assert found.open == []
    assert "svg" in found.tags
    assert not {"script", "link", "iframe", "img", "object"} & set(found.tags)
    assert all(address.startswith(("#", "data:")) for address in found.loads)
    text = (run / "report.html").read_text(encoding="utf-8")
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text.replace("url(#", "")
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


@pytest.mark.slow
def test_page_escapes_whatever_people_typed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run<b>", HOSTILE)
    (run / "recipe.toml").write_text('name = "</pre><script>recipe()</script>"\n', encoding="utf-8")
    (run / "components.json").write_text('{"loss": "<script>x</script>"}', encoding="utf-8")
    EventLog(run).emit("warning", 60, message="<img src=x onerror=alert(1)>")
    EventLog(run).emit("skip", 60, reason="<i>nan</i>", tasks=["<u>"], samples=[3])
    found = drawn_page_of(run)
    assert not {"script", "img", "u"} & set(found.tags)
    assert "<script" not in (run / "report.html").read_text(encoding="utf-8")  # not even in a comment
    assert found.tags.count("i") == len(HOSTILE)  # the bars
    for text in (*HOSTILE[:5], "</pre><script>recipe()", "<script>x", "<img src=x", "<i>nan</i>", "<u>"):
        assert text in found.text


def test_page_shows_the_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["completion", "repair"])
    (run / "final").mkdir()
    (run / "recipe.toml").write_text('[model]\nadapter = "llama"\n')
    EventLog(run).emit("score", 60, task="humaneval", metric="pass@1", value=0.125, n=164, protocol="greedy")
    text = page_of(run).text
    for expected in (
        "finished", "2.000", "2.250 at step 0, -11.1%", "1 of 2", "60 of 60", "12.3k tokens",
            "completion", "-50.0%", "+20.0%", "90", "9,000",
        f"mft generate {run} --prompt", f"mft chat {run}", f"mft export {run} --output DIR", 'adapter = "llama"',
        "humaneval", "pass@1", "0.125",
    ):  # fmt: skip
        assert expected in text


def test_the_table_of_data_has_what_any_task_has_and_no_histogram(tmp_path: Path) -> None:
    text = page_of(write_run(tmp_path / "run", ["completion", "repair"])).text
    (table,) = re.findall(r"Data(.*?)all tasks", text, re.DOTALL)
    assert "over max_length" in table
    for absent in ("longer", "576", "truncated", "bad"):
        assert absent not in table


def test_page_redacts_secrets(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["only"])
    (run / "recipe.toml").write_text('note = "hf_abcdefghijklmnopqrstuvwxyz"\n')
    assert "hf_abcdefghijkl" not in page_of(run).text


def test_killed_run_with_a_torn_line_is_told_from_a_finished_one(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["completion", "repair"], end=False)
    with (run / "metrics.jsonl").open("a") as stream:
        stream.write('{"event": "train", "step": 999, "lo')
    found = page_of(run)
    facts = read_run_facts(run)
    assert facts.step == 60
    assert facts.reason is None
    assert facts.tasks[0].after == pytest.approx(2 - 40 / 60)  # step 40, the last evaluation that took place
    assert "no end recorded" in found.text
    assert f"mft run --resume --output {run}" in found.text
