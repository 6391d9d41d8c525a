"""A making on the terminal."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

from rich.console import Console

from mft_cli.making_view import MakingView, print_plan, progress_words
from mft_core.endpoint.spending import Spending
from mft_core.making.estimate import Estimate
from mft_core.making.made import MakingProgress
from mft_core.making.recipe import MakeRecipe

SPENDING = Spending(requests=9, prompt_tokens=11_000, completion_tokens=1_345, money=0.5)
NOW = MakingProgress(40, 30, 20, Counter({("rouge", "like one"): 7, ("form", "empty answer"): 3}), SPENDING, 61.0)


def screen() -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, width=200), stream


def test_progress_says_what_was_made_kept_refused_spent_and_what_is_left() -> None:
    assert progress_words(NOW) == (
        "kept 20 of 40  made 30  refused 10 (like one 7, empty answer 3)  12.3k tokens  0.50 spent  1:01 left"
    )
    bare = MakingProgress(40, 0, 0, Counter(), Spending(), None)
    assert progress_words(bare) == "kept 0 of 40  made 0  refused 0  0 tokens"


def test_in_a_log_there_is_a_line_now_and_then() -> None:
    console, stream = screen()
    times = iter([0.0, 0.0, 5.0, 11.0, 11.0])
    with MakingView(console, lambda: next(times)) as view:
        for _ in range(3):
            view.progress(NOW)
    assert stream.getvalue().count("kept 20 of 40") == 2


def test_trouble_is_told_at_once_and_then_now_and_then() -> None:
    console, stream = screen()
    times = iter([0.0, 0.0, 5.0, 11.0, 11.0])
    view = MakingView(console, lambda: next(times))
    for _ in range(3):
        view.trouble("ConnectError")
    assert stream.getvalue().count("no answer: ConnectError; trying again") == 2


def test_the_plan_names_who_writes_and_what_it_costs() -> None:
    console, stream = screen()
    model = {"endpoint": "http://localhost:1/v1", "name": "one", "prices": [1, 2], "budget_tokens": 5000}
    recipe = MakeRecipe.model_validate({"n": 7, "method": "dialogue", "model": model})
    print_plan(console, recipe, Path("made/dialogue"), Estimate(7, 14, 12_000, 20_000, 0.02, 0.04))
    text = stream.getvalue()
    assert "7 records by dialogue, written by one at http://localhost:1/v1, into made/dialogue" in text
    assert "14 questions, about 12k tokens (20k with the longest answers): 0.02 (0.04) by the given prices" in text
    assert "what is refused comes on top" in text
    assert "budget: 5,000 tokens" in text
    assert "poor" not in text
    assert "alone" not in text


def test_a_model_on_this_machine_is_said_to_be_poor() -> None:
    console, stream = screen()
    recipe = MakeRecipe.model_validate({"model": {"base": "smollm2"}})
    print_plan(console, recipe, Path("made"), Estimate(3, 14, 12_000, 20_000, None, None))
    assert "written by smollm2, on this machine" in stream.getvalue()
    assert "poor" in stream.getvalue()
    assert "there are seeds for 3 records alone" in stream.getvalue()
