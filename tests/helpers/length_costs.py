"""Made-up costs of lengths, to look at how they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mft_core.data.record_lengths import UP_TO, LengthCost, LengthHistogram
from mft_core.run.length_costs import LENGTHS, CostOfLength, LengthCosts

OWN = 1024


def made_up_costs(lost: Mapping[str, Sequence[int]], overlong: str = "drop") -> LengthCosts:
    """Tasks of 100 records, of which so many are lost at each of `LENGTHS`."""

    def cost(number: int) -> LengthCost:
        dropped, truncated = (0, number) if overlong == "truncate" else (number, 0)
        return LengthCost(100, dropped, truncated, 100 * (100 - number), 40 * (100 - number), 40 * number)

    generator = np.random.default_rng(0)
    histograms = {}
    for number, name in enumerate(lost):
        bins = np.clip(generator.normal(6 + number % 9, 2, 100), 0, len(UP_TO)).astype(int)
        records = np.bincount(bins, minlength=len(UP_TO) + 1)
        tenths = np.bincount(np.clip(generator.normal(number % 10, 1, 100), 0, 9).astype(int), minlength=10)
        histograms[name] = LengthHistogram(records, 100 * records, 40 * records, tenths)
    costs = [
        CostOfLength(
            length, {name: cost(each[place]) for name, each in lost.items()}, 9 - place, 9 - place, 0.99, length > OWN
        )
        for place, length in enumerate(LENGTHS)
    ]
    return LengthCosts(OWN, overlong, 2048, histograms, costs)
