"""Does each balancer do what it claims, where the right answer is known?

    OMP_NUM_THREADS=1 python benchmarks/planted_truth.py --output planted.jsonl --seeds 3

Small mixtures (`planted_mixtures.py`: a task that stands there twice, a conflicting pair, a small task and its helper,
one that learns much more slowly, one with useless answers, one cut to a hundredth) train a network of 30 thousand
weights (`planted_model.py`) with the trainer of `mft run`, once for every loss and seed. Finished runs are kept in the
file and not repeated. Seeds decide on tables, samples, order and weights of the model. In the tables, weights are means
over the steps, losses are those on the validation samples at the end, differences are paired by seed with 95% t
intervals. `told` is `balanced` with the weights of someone who knows what was planted.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from planted_mixtures import PLANTS
from planted_model import TableModel
from planted_tables import Result, print_plant

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.packing import OneEach
from mft_core.evaluation.losses import EvaluationContext
from mft_core.events import EventLog, read_events
from mft_core.interfaces import Loss
from mft_core.objective.gradient_balancer import GradientBalancer
from mft_core.recipe.schema import TrainSection
from mft_core.registry.catalog import Catalog
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.training.checkpoint import CheckpointFolder
from mft_core.training.trainer import Trainer
from mft_optimizers.adamw import AdamW

LENGTH = 4
ROWS = 48
STEPS = 80
# So that what waits for measurements has them in a run as short as these.
SHORT = {"coba": ["warmup=10", "window=20"], "dwa": ["window=5"]}
# All first losses are that of random weights here, so that dividing by them is dividing by nothing.
LOSSES = (
    "balanced", "random", "mixed", "power", "uncertainty", "dwa", "dro", "coba", "famo-train",
    "famo", "famo divide_by=nothing",
)  # fmt: skip
TOLD = "told"


def main() -> None:
    """Train what is missing, then print a table for each mixture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="a line for every run")
    parser.add_argument("--seeds", type=int, default=3, choices=range(2, 11))
    parser.add_argument("--plants", default=",".join(PLANTS), help="of: %(default)s")
    parser.add_argument("--losses", default="", help='"NAME OPTION=VALUE,..."; default: all, with gradient balancers')
    parser.add_argument("--speeds", action="store_true", help="steps each task takes alone to a loss of 1, and no more")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    catalog = discover(Workspace.find()).catalog
    plants = arguments.plants.split(",")
    if arguments.speeds:
        print_speeds(plants, catalog)
        return
    losses = arguments.losses.split(",") if arguments.losses else [*LOSSES, *gradient_balancers(catalog)]
    results = read_results(arguments.output)
    for plant in plants:
        rows = [*losses, *([TOLD] if len(set(PLANTS[plant].told)) > 1 else [])]
        for seed in range(arguments.seeds):
            for loss in rows:
                if not any((each.plant, each.loss, each.seed) == (plant, loss, seed) for each in results):
                    results.append(measure(plant, loss, seed, catalog))
                    with arguments.output.open("a", encoding="utf-8") as stream:
                        stream.write(json.dumps(results[-1].as_json()) + "\n")
        print_plant(plant, [each for each in results if each.plant == plant], rows, arguments.seeds)


def gradient_balancers(catalog: Catalog) -> list[str]:
    """Names of the losses that are installed and balance by gradients."""
    names = [entry.name for entry in catalog.of_kind("loss") if not entry.missing]
    return [name for name in names if issubclass(catalog.load("loss", name), GradientBalancer)]


def read_results(path: Path) -> list[Result]:
    """Of earlier calls."""
    if not path.exists():
        return []
    return [Result(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def measure(plant: str, loss: str, seed: int, catalog: Catalog) -> Result:
    """Train once."""
    told = loss == TOLD
    name, *given = ("balanced" if told else loss).split()
    options: dict[str, Any] = dict(option.split("=") for option in [*SHORT.get(name, []), *given])
    importance = PLANTS[plant].told if told else [1.0] * len(PLANTS[plant].told)
    events = train(plant, catalog.build("loss", name, options), seed, importance)
    steps = [event["tasks"] for event in events if event["event"] == "train"]
    last = [event["tasks"] for event in events if event["event"] == "eval"][-1]
    weights = {task: float(np.mean([step[task]["weight"] for step in steps])) for task in last}
    return Result(plant, loss, seed, weights, {task: last[task]["loss"] for task in last})


def train(
    plant: str, loss: Loss, seed: int, importance: Sequence[float], steps: int = STEPS, eval_every: int = 0
) -> list[dict[str, Any]]:
    """The run's events."""
    mixture = PLANTS[plant].mixture(seed)
    loss.start(mixture.counts(importance))
    accelerator = Accelerator(cpu=True)
    model = accelerator.prepare(TableModel(seed))
    settings = TrainSection(
        batch_size=ROWS, micro_batch_size=ROWS, steps=steps, seed=seed, learning_rate=3e-3, min_learning_rate=3e-4,
        log_every=1, eval_every=eval_every, save_every=0,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            loss=loss,
            plan=BatchPlan(mixture.training, OneEach(), LENGTH, ROWS, seed),
            validation=EvaluationContext(
                model, mixture.names, mixture.validation, OneEach(), LENGTH, 4 * ROWS, accelerator
            ),
            settings=settings,
            accelerator=accelerator,
            log=EventLog(Path(folder)),
            checkpoints=CheckpointFolder(Path(folder) / "checkpoints", keep=1),
            total_steps=steps,
            optimizer=AdamW(),
        )
        result = trainer.run()
        if result.exit_code:  # a signal: the run is not whole
            raise SystemExit(result.exit_code)
        return list(read_events(Path(folder) / "metrics.jsonl"))


def print_speeds(plants: Sequence[str], catalog: Catalog) -> None:
    """For each task, trained with hardly any weight on the others."""
    for plant in plants:
        names = PLANTS[plant].mixture(0).names
        for task, name in enumerate(names):
            alone = [1.0 if other == task else 1e-6 for other in range(len(names))]
            events = train(plant, catalog.build("loss", "balanced"), 0, alone, steps=600, eval_every=5)
            reached = [e["step"] for e in events if e["event"] == "eval" and e["tasks"][name]["loss"] < 1.0]
            print(f"{plant} {name}: {reached[0] if reached else 'more than 600'} steps", flush=True)


if __name__ == "__main__":
    main()
