"""How much of what a model processes is padding, under every packer and row length (the paper's padding table).

    python benchmarks/padding.py --data ../shared/data/tasks --base smollm2

Samples are tokenised once, at the largest length; for a shorter one those that do not fit are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.sample_table import SampleStore, SampleTable
from mft_core.recipe.loading import load_recipe
from mft_core.records import Sample
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.run.plan import make_plan

LENGTHS = (1024, 2048, 4096)
MICRO_BATCH = 8


class Shortened:
    """The samples of a store that fit into `longest` tokens; only their lengths are asked for."""

    def __init__(self, store: SampleStore, longest: int) -> None:
        kept = np.asarray(store.lengths) <= longest
        self.lengths = np.asarray(store.lengths)[kept]
        self.supervised_counts = np.asarray(store.supervised_counts)[kept]
        self.weight_sums = None

    def __len__(self) -> int:
        return len(self.lengths)

    def sample(self, number: int) -> Sample:
        raise NotImplementedError


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", default="smollm2")
    arguments = parser.parse_args()
    wishes = [("data.path", str(arguments.data.resolve())), ("model.base", arguments.base)]
    recipe = load_recipe(None, [*wishes, ("data.max_length", max(LENGTHS))])
    catalog = discover(Workspace.find()).catalog
    tasks = make_plan(recipe, catalog).task_set
    print(f"| packer | {' | '.join(map(str, LENGTHS))} |\n| --- |{' --- |' * len(LENGTHS)}")
    for entry in catalog.of_kind("packer"):
        packer = catalog.build("packer", entry.name)
        cells = []
        for longest in LENGTHS:
            table = SampleTable([Shortened(task.train, longest) for task in tasks])
            plan = BatchPlan(table, packer, longest, 32, 0)
            cells.append(f"{1 - plan.packing_efficiency(0, MICRO_BATCH):.2%}")
        print(f"| {entry.name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
