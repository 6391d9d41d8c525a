"""A plan as the facts that `mft run`, `mft run --dry-run` and `mft check` print."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_cli.messages import progress_shown
from mft_cli.plan_facts import AffinityFacts, PlanFacts, ProbeFacts, TaskFacts
from mft_core.recipe.choices import AUTO
from mft_core.recipe.schema import OutputSection
from mft_core.support.ranks import once_per_cache, process_state

if TYPE_CHECKING:
    from mft_cli.progress import Progress
    from mft_core.data.tasks import Task
    from mft_core.recipe.schema import Recipe
    from mft_core.registry.catalog import Catalog
    from mft_core.registry.discovery import Plugins
    from mft_core.run.memory import MemoryEstimate
    from mft_core.run.plan import Plan


def prepare(recipe: Recipe, plugins: Plugins, progress: Progress) -> Plan:
    """The plan of a recipe; of several ranks one fills the cache that they share."""
    from mft_core.run.memory import with_checkpointing_decided
    from mft_core.run.plan import make_plan

    with once_per_cache(recipe.model_copy(update={"output": OutputSection()}).as_toml()):
        plan = make_plan(recipe, plugins.catalog, progress.tokenizing)
    return with_checkpointing_decided(plan)


def prepare_shown(recipe: Recipe, plugins: Plugins) -> Plan:
    """The same, with its progress on stderr."""
    from mft_cli.display import console

    with progress_shown(console(stderr=True)) as progress:
        return prepare(recipe, plugins, progress)


def plan_facts(plan: Plan) -> PlanFacts:
    """What the run is going to do, in numbers; no weights are loaded for it."""
    from mft_core.run.memory import expected_memory

    recipe = plan.recipe
    device = process_state().device
    precision = plan.precision(device)
    memory = expected_memory(plan, recipe)
    epoch = plan.training.epoch(0)
    tokens = int(plan.training.table.lengths[epoch.rows.members].sum())
    return PlanFacts(
        adapter=plan.adapter_name,
        base=recipe.model.base,
        random_weights=plan.parts.base.random_weights,
        dtype=str(precision.weights).removeprefix("torch.") + (f" with {precision.mixed}" * (precision.mixed != "no")),
        device=str(device),
        tuning=plan.parts.tuner.words() + (f", noise {recipe.tune.noise:g}" if recipe.tune.noise else ""),
        tasks=[task_facts(task, plan) for task in plan.task_set],
        watched=[task_facts(task, plan) for task in plan.task_set.watched],
        packer=recipe.data.packer.name,
        rows=len(epoch.rows),
        packing_efficiency=plan.training.packing_efficiency(0, recipe.train.micro_batch_size),
        steps=plan.total_steps,
        epochs=plan.total_steps / epoch.steps,
        batch_rows=recipe.train.batch_size,
        tokens_per_step=tokens / epoch.steps,
        loss=recipe.loss.name,
        loss_options=plan.parts.loss.options.model_dump(),
        optimizer=recipe.train.optimizer.name,
        probe=probe_facts(plan),
        affinity=affinity_facts(plan),
        trainable=memory.trainable,
        total=memory.parameters,
        memory=memory.total,
        gradient_checkpointing=recipe.train.gradient_checkpointing is True,
        output=Path(recipe.output.dir) if recipe.output.dir else None,
        warnings=plan.warnings,
    )


def unread_as_json(plan: Plan) -> list[dict[str, str]]:
    """The files where data lies that no task reads, as `--json` shows them."""
    return [{"path": str(file.path), "reason": file.reason} for file in plan.unread]


def without_task_as_json(plan: Plan) -> list[dict[str, Any]]:
    """The records of shared files that are of no task, as `--json` shows them: their counts, and the files."""
    return [
        {"files": [str(path) for path in task.train.paths], **task.report.as_json()}
        for task in plan.task_set.without_task
    ]


def probe_facts(plan: Plan) -> ProbeFacts | None:
    """What the loss's probe costs; which samples it takes is drawn later, so their mean length stands for them."""
    request = plan.parts.loss.probe
    if request is None:
        return None
    sides = []
    if request.gradients in ("train", "both"):
        sides.append(("training", [task.train.lengths for task in plan.task_set]))
    if request.on_validation:
        sides.append(("validation", [task.valid.lengths for task in plan.task_set]))
    lengths = [each for _, of_side in sides for each in of_side]
    taken = [min(request.samples_per_task, len(each)) for each in lengths]
    tokens = sum(count * float(each.mean()) for count, each in zip(taken, lengths, strict=True) if count)
    of = " and ".join(side for side, _ in sides)
    return ProbeFacts(sum(taken), round(tokens), request.every, of, bool(request.gradients))


def affinity_facts(plan: Plan) -> AffinityFacts | None:
    """How who helps whom is measured."""
    from mft_core.run.affinity import affinity_schedule

    schedule = affinity_schedule(plan.recipe, plan.task_set, plan.training, plan.total_steps)
    if schedule is None:
        return None
    trial_steps = len(plan.task_set) if schedule.request.look_ahead else 0
    return AffinityFacts(schedule.request.every, schedule.measurements, schedule.samples, trial_steps, schedule.share)


def memory_per_method(plan: Plan, catalog: Catalog) -> list[MemoryEstimate]:
    """What a training step would need with every `tune.method` that suits the model, all else as in the recipe."""
    from mft_core.errors import MftError
    from mft_core.run.memory import expected_memory
    from mft_core.tuning.preparing import build_tuner

    found = []
    for entry in catalog.of_kind("tuner"):
        recipe = plan.recipe.having("tune", method=entry.name)
        try:
            tuner = build_tuner(recipe.tune, catalog)
            tuner.check(recipe)
            found.append(expected_memory(plan, recipe, tuner))
        except MftError:
            continue  # it is not to be had here, or not with what else the recipe says
    return found


def task_facts(task: Task, plan: Plan) -> TaskFacts:
    """One task in numbers."""
    report = task.report
    own = {section.name: section.tokenization.name for section in plan.recipe.data.tasks}.get(task.name, AUTO)
    return TaskFacts(
        name=task.name,
        train=report.train,
        valid=report.valid,
        tokens=report.tokens,
        supervised=report.supervised,
        dropped=report.overlong,
        left_out=report.left_out,
        unseen=report.unseen,
        truncated=report.truncated,
        split=report.split,
        bad=report.bad_records,
        weight=task.weight,
        repeat=task.sampling.repeat,
        weighted_samples=report.weighted_samples,
        weighted_tokens=report.weighted_tokens,
        max_length=task.sampling.max_length,
        system=task.train.form.system,
        tokenization="" if own == AUTO else own,
    )


def facts_as_json(facts: PlanFacts) -> dict[str, Any]:
    """The facts as JSON values."""
    return {**asdict(facts), "output": str(facts.output) if facts.output else None}
