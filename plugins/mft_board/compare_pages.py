"""The pages on comparisons: their list, and one with its tables, its reading and who helps whom."""

from __future__ import annotations

from mft_board.pictures import heat_map
from mft_board.places import COMPARISON, RUN, Place, Places
from mft_board.rendering import render
from mft_core.comparison.affinity import shown_arm
from mft_core.comparison.arm import BASE
from mft_core.comparison.markdown import ALONE, rows, summary_lines
from mft_core.comparison.statistics import CONFIDENCE
from mft_core.comparison.writing import read_affinity, read_outcome


class ComparePages:
    """What is shown of comparisons.

    Args:
        places: where they are.
    """

    def __init__(self, places: Places) -> None:
        self._places = places

    def all(self) -> str:
        """The list."""
        return render("comparisons.jinja", comparisons=self._places.all(COMPARISON), roots=self._places.roots)

    def one(self, place: Place) -> str:
        """A comparison.

        Raises:
            UsageError: its file cannot be read.
        """
        found, affinity = read_outcome(place.path), read_affinity(place.path)
        arm = shown_arm(affinity, found.reference) if affinity else ""
        arms = [BASE, *found.arms]
        runs = [run for run in self._places.all(RUN) if place.path in run.path.parents]
        return render(
            "compare.jinja", place=place, found=found, arms=arms, rows=list(rows(found)), alone=ALONE,
            others=[each for each in arms if each != found.reference], confidence=CONFIDENCE,
            summary=list(summary_lines(found)), arm=arm, runs=runs, affinity=affinity.get(arm),
            heat=heat_map(affinity[arm]) if affinity else "",
        )  # fmt: skip
