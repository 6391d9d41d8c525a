"""Small mixtures of tasks of which it is known what a balancer should do: see `planted_truth.py`.

A task maps the keys of a table to answers. A sample is a mark, the two tokens of a key, and its answer, which alone is
supervised. Validation holds every key of a task once, so that its loss is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mft_core.batching.sample_table import SampleTable
from mft_core.records import Sample, TaskCounts
from mft_core.testing.samples import ListStore

DIGITS = 32
"""Tokens that keys are made of."""

ANSWERS = 16
"""Tokens that answers are made of; they come after the keys'."""

VOCABULARY = DIGITS + ANSWERS + 8
SAMPLES = 1024
FEW = SAMPLES // 100


@dataclass(frozen=True)
class PlantedTask:
    """Samples to train and to validate on.

    Attributes:
        mark: number of the token that samples begin with: tasks of one mark have the same prompts.
        keys: [keys, 2], digits.
        answers: [keys, answers that a key may have], one of them at random in each sample.
        samples: of training, keys drawn at random.
    """

    mark: int
    keys: np.ndarray
    answers: np.ndarray
    samples: int = SAMPLES

    def stores(self, generator: np.random.Generator) -> tuple[ListStore, ListStore]:
        """Training and validation."""
        drawn = generator.integers(0, len(self.keys), self.samples)
        choices = generator.integers(0, self.answers.shape[1], self.samples)
        training = [self._sample(int(key), int(choice)) for key, choice in zip(drawn, choices, strict=True)]
        every = range(self.answers.shape[1])
        return ListStore(training), ListStore([self._sample(key, n) for key in range(len(self.keys)) for n in every])

    def _sample(self, key: int, choice: int) -> Sample:
        ids = [DIGITS + ANSWERS + self.mark, *self.keys[key], DIGITS + self.answers[key, choice]]
        return Sample(np.array(ids, np.int64), np.array([False, False, False, True]))


@dataclass(frozen=True)
class Mixture:
    """Tasks under their names; the counts and tables that a trainer takes."""

    names: tuple[str, ...]
    training: SampleTable
    validation: SampleTable

    def counts(self, importance: Sequence[float]) -> TaskCounts:
        """Of the training data."""
        samples, tokens = self.training.sizes(np.arange(len(self.training)), len(self.names))
        return TaskCounts(self.names, samples, tokens, np.array(importance, np.float64))


def _table(generator: np.random.Generator, mark: int, keys: int, samples: int = SAMPLES) -> PlantedTask:
    """Random keys, each with one random answer."""
    cells = generator.permutation(DIGITS * DIGITS)[:keys]
    pairs = np.stack([cells // DIGITS, cells % DIGITS], axis=1)
    return PlantedTask(mark, pairs, generator.integers(0, ANSWERS, (keys, 1)), samples)


def _other_answers(generator: np.random.Generator, task: PlantedTask, samples: int = SAMPLES) -> PlantedTask:
    """The same prompts, every answer another one."""
    moved = (task.answers + generator.integers(1, ANSWERS, task.answers.shape)) % ANSWERS
    return PlantedTask(task.mark, task.keys, moved, samples)


def duplicated(generator: np.random.Generator) -> dict[str, PlantedTask]:
    """Two tasks of one kind, and the first once more under another name."""
    first = _table(generator, 0, 64)
    return {"one": first, "one-again": first, "other": _table(generator, 1, 64)}


def conflicting(generator: np.random.Generator) -> dict[str, PlantedTask]:
    """Two tasks that answer the same prompts differently, the first with twice the data, and a third that agrees."""
    yes = _table(generator, 0, 64)
    return {
        "yes": PlantedTask(0, yes.keys, yes.answers, 2 * SAMPLES),
        "no": _other_answers(generator, yes),
        "third": _table(generator, 1, 64),
    }


def helped(generator: np.random.Generator) -> dict[str, PlantedTask]:
    """A small task whose few keys are answered as in a large one, and a large one that has nothing to do with it."""
    helper = _table(generator, 0, 64)
    small = PlantedTask(1, helper.keys, helper.answers, 32)
    return {"small": small, "helper": helper, "stranger": _table(generator, 2, 64)}


def slow(generator: np.random.Generator) -> dict[str, PlantedTask]:
    """Two tasks of few keys, and one of eight times as many, which is learned much more slowly."""
    return {"fast": _table(generator, 0, 16), "fast-too": _table(generator, 1, 16), "slow": _table(generator, 2, 128)}


def useless(generator: np.random.Generator) -> dict[str, PlantedTask]:
    """Two tasks, and one whose answers are drawn anew in every sample: its loss cannot fall below log 16."""
    keys = _table(generator, 2, 64).keys
    shuffled = PlantedTask(2, keys, np.tile(np.arange(ANSWERS), (64, 1)))
    return {"good": _table(generator, 0, 64), "good-too": _table(generator, 1, 64), "shuffled": shuffled}


def cut(generator: np.random.Generator) -> dict[str, PlantedTask]:
    """Three tasks of one kind, the last with a hundredth of the data."""
    tasks = {name: _table(generator, mark, 16) for mark, name in enumerate(("whole", "whole-too"))}
    return {**tasks, "cut": _table(generator, 2, 16, FEW)}


@dataclass(frozen=True)
class Plant:
    """A mixture and what is known of it.

    Attributes:
        tasks: draws them.
        planted: the tasks that the plant is about.
        told: weights, relative to each other, of someone who knows what was planted.
    """

    tasks: Callable[[np.random.Generator], dict[str, PlantedTask]]
    planted: tuple[str, ...]
    told: tuple[float, ...]

    def mixture(self, seed: int) -> Mixture:
        """Tasks and samples drawn."""
        generator = np.random.default_rng(seed)
        tasks = self.tasks(generator)
        stores = [task.stores(generator) for task in tasks.values()]
        return Mixture(tuple(tasks), *(SampleTable(side) for side in zip(*stores, strict=True)))


PLANTS: Mapping[str, Plant] = {
    "duplicated": Plant(duplicated, ("one", "one-again"), (0.5, 0.5, 1.0)),
    "conflicting": Plant(conflicting, ("yes", "no"), (1.0, 1.0, 1.0)),
    "helped": Plant(helped, ("small",), (1.0, 1.0, 0.01)),
    "slow": Plant(slow, ("slow",), (1.0, 1.0, 4.0)),
    "useless": Plant(useless, ("shuffled",), (1.0, 1.0, 0.01)),
    "cut": Plant(cut, ("cut",), (1.0, 1.0, 1.0)),
}
