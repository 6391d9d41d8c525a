"""The pages on data: what a run was trained on, single samples, what was refused, what an audit found."""

from __future__ import annotations

from collections.abc import Mapping

from mft_board.audits import read_audit, record_at
from mft_board.live import WatchedRuns
from mft_board.pictures import bars
from mft_board.places import AUDIT, RUN, Place, Places
from mft_board.quarantine import read_refused
from mft_board.queries import number
from mft_board.rendering import render
from mft_board.worker_process import WorkerProcess
from mft_core.support import run_files

PER_PAGE, MOST_RUNS = 10, 200
COUNTS = ("train", "valid", "tokens", "supervised", "weight")


class DataPages:
    """What is shown of data.

    Args:
        places: where runs and audits are.
        watched: the runs that are looked at.
    """

    def __init__(self, places: Places, watched: WatchedRuns) -> None:
        self._places, self._watched = places, watched
        self.worker = WorkerProcess()

    def all(self) -> str:
        """Runs and audits."""
        runs = [place for place in self._places.all(RUN) if (place.path / run_files.RECIPE).is_file()]
        return render("data.jinja", runs=runs[:MOST_RUNS], more=len(runs[MOST_RUNS:]), audits=self._places.all(AUDIT))

    def of_run(self, place: Place) -> str:
        """The tasks of a run with their counts, and what was refused."""
        run, path = self._watched.get(place), place.path / run_files.QUARANTINE
        with run.lock:
            run.refresh()
            facts = run.facts()
        tasks = [*facts.tasks, *facts.watched]
        refused, whole = read_refused(path) if self._places.holds(path) else ({}, True)
        largest = max((task.data.get("supervised") or 0 for task in tasks), default=0)
        shown = [(task, bars([task.data.get("supervised") or 0], largest)) for task in tasks]
        return render("run_data.jinja", place=place, tasks=shown, counts=COUNTS, refused=refused, whole=whole)

    def samples(self, place: Place, query: Mapping[str, str]) -> str:
        """The page on which samples will be."""
        return render("samples.jinja", place=place, query=dict(query))

    def samples_part(self, place: Place, query: Mapping[str, str]) -> str:
        """Some samples of a task; the first time this takes as long as to import torch and to open the data.

        Raises:
            MftError: the data cannot be opened, or lies elsewhere.
        """
        side = "valid" if query.get("side") == "valid" else "train"
        (found,) = self.worker.ask(
            work="samples", run=str(place.path), roots=[str(root) for root in self._places.roots],
            task=query.get("task", ""), side=side, first=number(query.get("first", "")),
        )  # fmt: skip
        histograms = {name: (bars(one["counts"]), one["edges"]) for name, one in found["histograms"].items()}
        return render("samples_part.jinja", place=place, found=found, side=side, histograms=histograms)

    def audit(self, place: Place, query: Mapping[str, str]) -> str:
        """Duplicates and leaks, those of a page with their records side by side."""
        found, first = read_audit(place.path), number(query.get("first", ""))

        def text(record: Mapping[str, str]) -> str:
            return record_at(record["origin"], place.path, self._places.holds)

        pairs = [(pair, text(pair["first"]), text(pair["second"])) for pair in found["pairs"][first : first + PER_PAGE]]
        leaks = [(leak, text(leak["record"])) for leak in found["leaks"][first : first + PER_PAGE]]
        most = max(len(found["pairs"]), len(found["leaks"]))
        return render(
            "audit.jinja", place=place, found=found, pairs=pairs, leaks=leaks, first=first, per_page=PER_PAGE, most=most
        )
