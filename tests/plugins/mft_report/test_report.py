"""The report plugin: curves.png, report.html, `mft report`."""

from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mft_core.errors import UsageError
from mft_core.events import EventLog, read_events
from mft_core.run.results import load_events, read_run_facts, relative_change, run_facts
from mft_core.testing.contexts import evaluation_context
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table
from mft_core.training.callbacks import CallbackContext, Callbacks
from mft_report.callback import Report
from mft_report.files import redraw, worth_redrawing
from mft_report.history import History, history
from mft_report.page import page
from mft_report.style import choose

HOSTILE = ("<script>alert(1)</script>", "a & b", r"$\frac$", "_hidden", "naïve 任务", "tab\tescape\x1b[31m")


def write_run(folder: Path, tasks: Sequence[str], steps: int = 60, every: int = 2, end: bool = True) -> Path:
    """A run whose task i starts at loss 2 + i/N and falls, faster for small i; the last one gets worse."""
    folder.mkdir(parents=True)
    log = EventLog(folder)
    counts = {"train": 90, "valid": 10, "tokens": 9000, "supervised": 3000, "weight": 1.0}
    log.emit("start", 0, model={"adapter": "llama"}, tasks=dict.fromkeys(tasks, counts), steps=steps)

    def loss(index: int, step: int) -> float:
        rise = 0.5 if index == len(tasks) - 1 and len(tasks) > 1 else -1 / (1 + index / len(tasks))
        return 2 + index / len(tasks) + rise * step / steps

    def evaluate(step: int) -> None:
        found = {name: {"loss": loss(index, step), "tokens": 100} for index, name in enumerate(tasks)}
        log.emit("eval", step, loss=sum(task["loss"] for task in found.values()) / len(tasks), tasks=found)

    evaluate(0)
    for step in range(every, steps + 1, every):
        values = {
            name: {"loss": loss(index, step), "weight": 1 / len(tasks), "tokens": 10 * (index + 1)}
            for index, name in enumerate(tasks)
        }
        if len(tasks) > 1:
            values[tasks[0]] |= {"loss": math.nan, "tokens": 0}
        log.emit(
            "train", step, loss=1.5, tokens_per_second=800.0, learning_rate=2e-4, gradient_norm=1.0,
            epoch=step / steps, seconds=1.0 * step, tasks=values,
        )  # fmt: skip
        if step % 20 == 0 and step < steps:
            evaluate(step)
    if end:
        evaluate(steps)
        log.emit("end", steps, reason="done", seconds=70.0, tokens=12345)
    return folder


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


def columns_with_ink(png: bytes) -> float:
    """Share of pixel columns that are not all one colour."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    return float((pixels.min(axis=0) != pixels.max(axis=0)).mean())


@pytest.mark.parametrize("count", [5, 100])
def test_curves_are_a_picture_of_any_number_of_tasks(tmp_path: Path, count: int) -> None:
    run = write_run(tmp_path / "run", [f"task-{index}" for index in range(count)])
    redraw(run)
    with Image.open(run / "curves.png") as picture:
        assert picture.format == "PNG"
        assert picture.width >= 1200
        assert picture.height >= 900
    png = (run / "curves.png").read_bytes()
    assert len(png) > 40_000
    assert columns_with_ink(png) > 0.9
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


def test_many_tasks_are_bands_with_the_extremes_named(tmp_path: Path) -> None:
    names = [f"task-{index}" for index in range(100)]
    choice = choose(history(names, load_events(write_run(tmp_path / "run", names))))
    assert choice.bands
    assert len(choice.lines) == 6
    assert choice.lines[-1].label == "task-99"
    assert {line.label for line in choice.lines[:3]} <= set(names[:5])
    assert len({line.colour for line in choice.lines}) == 6


def test_few_tasks_are_all_lines_that_differ(tmp_path: Path) -> None:
    names = [f"task-{index}" for index in range(14)]
    choice = choose(history(names, load_events(write_run(tmp_path / "run", names))))
    assert [line.label for line in choice.lines] == names
    assert not choice.bands
    assert len({(line.colour, line.dash) for line in choice.lines}) == 14


@pytest.mark.parametrize("steps", [0, 1])
def test_hardly_anything_logged_still_draws(tmp_path: Path, steps: int) -> None:
    run = write_run(tmp_path / "run", ["only"], steps=max(1, steps), every=1, end=bool(steps))
    if not steps:
        lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
        (run / "metrics.jsonl").write_text(lines[0])
    facts = redraw(run)
    assert facts.steps == 1
    assert (facts.after is None) == (steps == 0)
    assert (run / "curves.png").stat().st_size > 10_000


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


def test_page_redacts_secrets(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["only"])
    (run / "recipe.toml").write_text('note = "hf_abcdefghijklmnopqrstuvwxyz"\n')
    assert "hf_abcdefghijkl" not in page_of(run).text


def test_facts_of_a_finished_run(tmp_path: Path) -> None:
    facts = read_run_facts(write_run(tmp_path / "run", ["completion", "repair"]))
    completion, repair = facts.tasks
    assert (facts.step, facts.steps, facts.reason, facts.seconds, facts.tokens) == (60, 60, "done", 70.0, 12345)
    assert (completion.before, completion.after, completion.best_step) == (2.0, 1.0, 60)
    assert completion.change == -0.5
    assert completion.perplexity == pytest.approx(math.e)
    assert (repair.before, repair.after, repair.best, repair.best_step) == (2.5, 3.0, 2.5, 0)
    assert repair.change == pytest.approx(0.2)
    assert (completion.seen, repair.seen) == (0, 600)
    assert (completion.share, repair.share) == (0.0, 1.0)
    assert repair.weight == 0.5
    assert facts.improved == 1
    assert json.loads(json.dumps(facts.as_json(), allow_nan=False))["tasks"]["repair"]["best_step"] == 0


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


def test_a_run_stopped_before_its_second_evaluation_claims_no_change(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["only"], steps=10, every=1, end=False)
    facts = read_run_facts(run)
    assert facts.before == 2.0
    assert facts.after is None
    assert facts.change is None
    assert facts.tasks[0].change is None
    assert facts.improved == 0


def test_change_from_zero_is_undefined() -> None:
    assert relative_change(0.0, 1.0) is None
    assert relative_change(None, 1.0) is None
    assert relative_change(2.0, 0.0) == -1.0


def test_smoothing_is_a_trailing_mean_over_tokens() -> None:
    nan = math.nan
    shown = History(
        ("a", "b"), np.array([2, 4, 6]), np.array([[4.0, nan], [1.0, 3.0], [nan, 5.0]]),
        np.array([[1.0, 0.0], [1.0, 2.0], [0.0, 6.0]]), np.zeros((3, 2)), {}, np.array([]), np.zeros((0, 2)),
    )  # fmt: skip
    smooth = shown.smoothed(half_life=2)
    expected = [[4.0, nan], [(0.5 * 4 + 1) / 1.5, 3.0], [(0.5 * 4 + 1) / 1.5, (0.5 * 2 * 3 + 6 * 5) / 7]]
    np.testing.assert_allclose(smooth, expected)


def test_history_leaves_gaps_where_nothing_was_measured(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["completion", "repair"])
    found = history(["completion", "repair"], load_events(run))
    assert found.loss.shape == (30, 2)
    assert np.isnan(found.loss[:, 0]).all()
    assert np.isfinite(found.loss[:, 1]).all()
    assert found.eval_steps.tolist() == [0, 20, 40, 60]
    np.testing.assert_allclose(found.relative[-1], [0.5, 1.2])


def callbacks_of(run: Path) -> Callbacks:
    """A run's callbacks as the loop has them: the report alone."""
    validation = evaluation_context(random_token_loss_model(), random_table([1]), ("only",))
    return Callbacks({"report": Report()}, CallbackContext(validation.model, validation, EventLog(run), 60))


def test_it_is_drawn_again_only_when_that_is_worth_it(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["only"])
    recipe = run / "recipe.toml"
    recipe.touch()
    callbacks = callbacks_of(run)
    callbacks.start(0)
    callbacks.after_step(20)
    assert not (run / "curves.png").exists()  # the run has just begun
    os.utime(recipe, (0, 0))
    callbacks.after_step(21)
    assert (run / "report.html").exists()
    assert not worth_redrawing(run)
    (run / "report.html").unlink()
    callbacks.after_step(22)
    assert not (run / "report.html").exists()
    callbacks.close(60)
    assert (run / "report.html").exists()
    os.utime(run / "curves.png", (0, 0))
    assert worth_redrawing(run)


def test_failure_to_draw_does_not_stop_the_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["only"], end=False)
    (run / "curves.png").mkdir()  # cannot be replaced by a file
    callbacks = callbacks_of(run)
    callbacks.start(0)
    callbacks.close(60)
    last = read_events(run / "metrics.jsonl")[-1]
    assert last["event"] == "warning"
    assert "the callback report failed and is left out" in last["message"]
    callbacks.close(60)
    assert read_events(run / "metrics.jsonl")[-1] == last


def test_no_run_folder_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run folder"):
        read_run_facts(tmp_path)


def test_facts_need_no_start_event(tmp_path: Path) -> None:
    events = [event for event in load_events(write_run(tmp_path / "r", ["x", "y"])) if event["event"] != "start"]
    assert [task.name for task in run_facts(tmp_path, events).tasks] == ["x", "y"]


def test_command_redraws_and_prints(tmp_path: Path, mft: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    run = write_run(tmp_path / "run", ["completion", "repair"])
    shown = mft("report", str(run))
    assert shown.returncode == 0, shown.stderr
    assert "completion" in shown.stdout
    assert "-50.0%" in shown.stdout
    assert (run / "curves.png").exists()
    wrong = mft("report", str(tmp_path))
    assert wrong.returncode == 2
    assert "no metrics.jsonl" in wrong.stderr


def test_command_prints_json(tmp_path: Path, mft: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    run = write_run(tmp_path / "run", ["completion", "repair"])
    found = json.loads(mft("report", str(run), "--json").stdout)
    assert found["tasks"]["completion"]["change"] == -0.5
    assert Path(found["files"]["report"]).exists()


def test_plugin_imports_nothing_heavy() -> None:
    heavy = ("matplotlib", "numpy", "jinja2", "torch")
    code = f"import sys, mft_report, mft_report.command; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
