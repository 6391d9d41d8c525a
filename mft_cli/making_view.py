"""A making on the terminal: what it will do, how far it is, what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from mft_cli.display import LiveView, print_line
from mft_cli.making_ending import ending_words
from mft_core.endpoint.spending import Spending
from mft_core.making.earlier import Earlier
from mft_core.making.estimate import Estimate
from mft_core.making.made import ENOUGH, Made, MakingProgress
from mft_core.making.making import Making
from mft_core.making.output import REFUSED, REPORT, TRAIN, VALID, sides
from mft_core.making.recipe import MakeRecipe
from mft_core.making.report import spent_words
from mft_core.support import run_files, units

SECONDS_BETWEEN_LINES = 10.0
MOST_REASONS = 4


def print_plan(screen: Console, recipe: MakeRecipe, folder: Path, expected: Estimate) -> None:
    """What will be done, by whom, and what it is likely to cost."""
    model = recipe.model
    who = f"{model.name} at {model.endpoint}" if model.endpoint else f"{model.base}, on this machine"
    print_line(screen, f"{recipe.n:,} records by {recipe.method.name}, written by {who}, into {folder}")
    tokens = (
        f"about {units.count(expected.tokens)} tokens ({units.count(expected.most_tokens)} with the longest answers)"
    )
    money = ""
    if expected.money is not None and expected.most_money is not None:
        money = f": {expected.money:.2f} ({expected.most_money:.2f}) by the given prices"
    questions = units.counted(expected.questions, "question")
    print_line(screen, f"if all of it is kept: {questions}, {tokens}{money}; what is refused comes on top")
    if expected.records < recipe.n:
        print_line(screen, f"there are seeds for {units.counted(expected.records, 'record')} alone", "yellow")
    if model.budget_tokens:
        print_line(screen, f"budget: {units.count(model.budget_tokens)} tokens")
    if model.base:
        print_line(screen, "a small model on this machine makes poor data: for trying things out", "yellow")


def print_journal(screen: Console, making: Making) -> None:
    """What earlier calls in the same folder have left."""
    author = making.author
    if author.earlier_spending.requests:
        answers = units.counted(author.restored, "answer")
        print_line(screen, f"{answers} taken from the journal; earlier calls spent {spent_words(making.spending)}")
    elif making.written:
        print_line(screen, "the journal of earlier calls is gone: what they were answered is asked again", "yellow")


class MakingView(LiveView):
    """Shows progress: one line that is drawn again on a terminal, else a plain line now and then; a context manager.

    Args:
        console: where to; on stderr when stdout carries JSON.
        clock: seconds, monotonic.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._last_line = self._last_trouble = float("-inf")
        self._telling = threading.Lock()
        self._words = ""
        super().__init__(console, lambda: Text(self._words))

    def progress(self, now: MakingProgress) -> None:
        """Take in how far it is."""
        self._words = progress_words(now)
        if self._live is None and self._clock() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = self._clock()
            print_line(self._console, self._words)

    def trouble(self, reason: str) -> None:
        """Say now and then that questions are asked once more; in any thread."""
        with self._telling:
            if self._clock() - self._last_trouble < SECONDS_BETWEEN_LINES:
                return
            self._last_trouble = self._clock()
        print_line(self._console, f"no answer: {reason}; trying again, with growing pauses", "yellow")


def progress_words(now: MakingProgress) -> str:
    """In one line: made, kept, refused by reason, tokens, money, time left."""
    refused = now.made - now.kept
    reasons = ", ".join(f"{reason} {count}" for (_, reason), count in now.reasons.most_common(MOST_REASONS))
    spent = now.spending
    parts = [
        f"kept {now.kept:,} of {now.wanted:,}",
        f"made {now.made:,}",
        f"refused {refused:,}" + (f" ({reasons})" if reasons else ""),
        f"{units.count(spent.prompt_tokens + spent.completion_tokens)} tokens",
    ]
    if spent.money is not None:
        parts.append(f"{spent.money:.2f} spent")
    if now.seconds_left is not None:
        parts.append(f"{units.duration(now.seconds_left)} left")
    return "  ".join(parts)


def print_made(screen: Console, making: Making, made: Made) -> None:
    """What came of it, where it is, and what to do next."""
    train, valid = sides(made.kept, making.recipe.valid_fraction)
    print_line(screen, f"kept {len(made.kept):,} of {making.recipe.n:,} wanted; refused {len(made.refused):,}")
    for (name, reason), count in made.reasons.most_common():
        print_line(screen, f"  {name}: {reason}: {count:,}")
    print_line(screen, f"spent: {spent_words(making.spending_now)}")
    if making.author.earlier_spending.requests:
        print_line(screen, f"with earlier calls: {spent_words(making.spending)}")
    if made.by_answers:
        print_line(
            screen,
            f"{made.by_answers:,} came to nothing by the endpoint or the method, and their answers are kept: the same "
            "command takes them from the journal; with --ask-again it asks anew",
            "yellow",
        )
    if made.unaffordable:
        seeds = units.counted(made.unaffordable, "seed")
        print_line(
            screen, f"the budget did not suffice to ask for {seeds} again: what was answered before holds", "yellow"
        )
    if made.ended != ENOUGH:
        print_line(screen, f"it ended with: {ending_words(making.recipe, made, making.spending)}", "yellow")
    folder = making.folder
    if not making.replaces(made):
        left = units.counted(making.written, "record")
        print_line(screen, f"{left} of earlier calls stay in {folder}: fewer do not take their place", "yellow")
        return
    files = f"{folder / TRAIN} ({len(train):,})" + (f", {folder / VALID} ({len(valid):,})" if valid else "")
    print_line(screen, f"data: {files}; how it was made: {folder / run_files.MADE}")
    print_line(screen, f"report: {folder / REPORT}; what was refused, and why: {folder / run_files.MAKING / REFUSED}")
    if made.kept:
        print_line(screen, f"next: mft data show --base smollm2 --data {folder}, then mft run with the same")


def print_whole(screen: Console, earlier: Earlier) -> None:
    """That nothing is left to be made."""
    records = units.counted(earlier.kept, "record")
    print_line(screen, f"{records} are in {earlier.folder} already, made with these settings: nothing was asked")


def whole_as_json(earlier: Earlier) -> dict[str, Any]:
    """The same for programs: as after a making, with nothing spent."""
    counts = {name: earlier.counts.get(name) for name in ("wanted", "kept", "train", "valid")}
    spent = asdict(Spending())
    return {"folder": str(earlier.folder), "ended": ENOUGH, **counts, "refused": [], "spending_now": spent}


def as_json(making: Making, made: Made) -> dict[str, Any]:
    """The same for programs."""
    train, valid = sides(made.kept, making.recipe.valid_fraction)
    return {
        "folder": str(making.folder),
        "ended": made.ended,
        "wanted": making.recipe.n,
        "kept": len(made.kept),
        "train": len(train),
        "valid": len(valid),
        "refused": [
            {"filter": name, "reason": reason, "count": count} for (name, reason), count in sorted(made.reasons.items())
        ],
        "spending": asdict(making.spending),
        "spending_now": asdict(making.spending_now),
    }
