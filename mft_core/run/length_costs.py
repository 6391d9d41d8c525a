"""What `data.max_length` costs: how long the records of every task are, and what each length leaves of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.sample_table import SampleTable
from mft_core.data.length_guard import OVERLONG, LengthPolicy
from mft_core.data.record_lengths import UP_TO, LengthCost, LengthHistogram, RecordLengths
from mft_core.data.tasks import Task
from mft_core.models.positions import known_positions
from mft_core.records import Sample
from mft_core.run.plan import Plan

LENGTHS = (512, 1024, 2048, 4096, 8192)


@dataclass(frozen=True, slots=True)
class CostOfLength:
    """What one `max_length` does to the records in all training files, and to an epoch.

    Attributes:
        max_length: tokens.
        tasks: by name.
        rows, steps, packing_efficiency: of the first epoch, with the packer of the recipe.
        estimated: records that the recipe's own length drops or cuts take part in the epoch; which of them would
            train, and their lengths to the token, is not known.
    """

    max_length: int
    tasks: Mapping[str, LengthCost]
    rows: int
    steps: int
    packing_efficiency: float
    estimated: bool

    @property
    def total(self) -> LengthCost:
        """Of all tasks."""
        return sum(self.tasks.values(), LengthCost(0, 0, 0, 0, 0, 0))

    def as_json(self) -> dict[str, Any]:
        """The cost as JSON values."""
        return {**asdict(self), **asdict(self.total)}


@dataclass(frozen=True, slots=True)
class LengthCosts:
    """The lengths of all tasks, before validation is split off and before any cap, and what each `max_length` costs.

    Attributes:
        max_length: of the recipe.
        overlong: what happens to longer samples, as in `data.overlong`.
        positions: tokens that the model knows positions for; None: no limit.
        histograms: by task.
        costs: by ascending length, that of the recipe among them.
        unseen: records of all tasks that were not tokenised, since few samples are wanted. What is counted in `costs`
            stands for them too, in proportion, task by task; `histograms` are without them.
    """

    max_length: int
    overlong: str
    positions: int | None
    histograms: Mapping[str, LengthHistogram]
    costs: Sequence[CostOfLength]
    unseen: int = 0

    @property
    def own(self) -> CostOfLength:
        """What the recipe's own length costs."""
        return next(cost for cost in self.costs if cost.max_length == self.max_length)

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "max_length": self.max_length,
            "overlong": self.overlong,
            "positions": self.positions,
            "unseen": self.unseen,
            "up_to": list(UP_TO),
            "tasks": {
                name: {part: counts.tolist() for part, counts in asdict(histogram).items()}
                for name, histogram in self.histograms.items()
            },
            "at": [cost.as_json() for cost in self.costs],
        }


def length_costs(plan: Plan) -> LengthCosts:
    """Of every length in `LENGTHS`, and the recipe's own; no text is read and nothing tokenised for it."""
    own = plan.recipe.data.max_length
    overlong = plan.recipe.data.overlong
    policies = [LengthPolicy(_limit(plan, task, own), overlong) for task in plan.task_set]
    records = [RecordLengths(task.train.entry, policy) for task, policy in zip(plan.task_set, policies, strict=True)]
    unseen = sum(each.cost(each.policy.max_length).records * (each.each_stands_for - 1) for each in records)
    return LengthCosts(
        own,
        overlong,
        known_positions(plan.config),
        {name: lengths.histogram() for name, lengths in zip(plan.task_set.names, records, strict=True)},
        [_cost(plan, records, length) for length in sorted({*LENGTHS, own})],
        round(unseen),
    )


def _limit(plan: Plan, task: Task, max_length: int) -> int:
    """Tokens that a sample of a task may have where rows have `max_length`."""
    return min(max_length, plan.learnt or max_length, task.sampling.max_length or max_length)


def _cost(plan: Plan, records: Sequence[RecordLengths], max_length: int) -> CostOfLength:
    limits = [_limit(plan, task, max_length) for task in plan.task_set]
    pairs = list(zip(records, limits, strict=True))
    costs = [each.cost(limit).times(each.each_stands_for) for each, limit in pairs]
    tasks = dict(zip(plan.task_set.names, costs, strict=True))
    estimated = any(limit > each.policy.max_length and bool(each.longer.records) for each, limit in pairs)
    training = plan.training if max_length == plan.recipe.data.max_length else _packed(plan, records, max_length)
    if training is None:
        return CostOfLength(max_length, tasks, 0, 0, 1.0, estimated)
    epoch, efficiency = training.epoch(0), training.packing_efficiency(0, plan.recipe.train.micro_batch_size)
    return CostOfLength(max_length, tasks, len(epoch.rows), epoch.steps, efficiency, estimated)


def _packed(plan: Plan, records: Sequence[RecordLengths], max_length: int) -> BatchPlan | None:
    """The rows of another `max_length`; None: no sample is left."""
    data, train = plan.recipe.data, plan.recipe.train
    stores = [
        _ForLength(task, each.policy, _limit(plan, task, max_length))
        for task, each in zip(plan.task_set, records, strict=True)
    ]
    left = [number for number, store in enumerate(stores) if len(store)]
    if not left:
        return None
    table, rows = SampleTable([stores[number] for number in left]), (max_length, train.batch_size, train.seed)
    return BatchPlan(table, plan.training.packer, *rows, data.temperature, plan.task_set.repeat[left])


class _ForLength:
    """The training samples of a task as they would be under another `max_length`, in numbers alone."""

    weight_sums = None

    def __init__(self, task: Task, policy: LengthPolicy, max_length: int) -> None:
        lengths = RecordLengths(task.train.entry, policy, task.train.index)
        kept = lengths.under(max_length)
        self.lengths, self.supervised_counts = kept.lengths, kept.supervised
        if max_length > policy.max_length:
            self._add_longer(lengths, max_length, len(task.train) / max(1, len(task.train.entry)))

    def __len__(self) -> int:
        return len(self.lengths)

    def sample(self, number: int) -> Sample:
        """There is no text to it."""
        raise NotImplementedError

    def _add_longer(self, lengths: RecordLengths, max_length: int, share: float) -> None:
        """That share of the records that are dropped or cut now, but for those dropped then; those cut are in already,
        as short as they are now."""
        steps, counts = np.array(sorted(lengths.longer.records.items()), np.int64).reshape(-1, 2).T
        longer = np.repeat(steps, counts)
        stay = longer[: len(longer) - lengths.cost(max_length).dropped]
        likely = stay[np.linspace(0, max(0, len(stay) - 1), round(share * len(stay))).astype(np.int64)]
        whole = np.ones(len(self.lengths), bool)
        cut = share * (len(longer) - lengths.entry.counts.get(OVERLONG, 0))
        whole[np.flatnonzero(self.lengths == lengths.policy.max_length)[: round(cut)]] = False
        self.lengths = np.concatenate([self.lengths[whole], np.minimum(likely, max_length)])
        self.supervised_counts = np.concatenate([self.supervised_counts[whole], np.maximum(1, likely // 2)])
