"""The README.md beside a run's result: what it was made of, what came out, and how to use it without mft."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mft_core.records import Score
from mft_core.support import units
from mft_core.tuning.tuner import Form

CARD = "README.md"
MISSING = "not measured"
USE_ADAPTER = """```python
{imports}from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

base = AutoModelForCausalLM.from_pretrained({base})
model = PeftModel.from_pretrained(base, "{place}")
tokenizer = AutoTokenizer.from_pretrained("{place}")
```
"""
USE_OWN = """It belongs to the base, and is put onto it by mft:

```
mft chat "{place}"
mft generate "{place}" --help
```
"""
USE_MODEL = """```python
{imports}from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{place}")
tokenizer = AutoTokenizer.from_pretrained("{place}")
```
"""
LIBRARIES = {"adapter": "peft", "model": "transformers", "own": "mft"}
HEADINGS = {"adapter": "An adapter for", "model": "A model tuned from", "own": "A tuning of"}
USES = {"adapter": USE_ADAPTER, "model": USE_MODEL, "own": USE_OWN}
CONVERTED = """The base was published in a format of its own, which plain transformers does not load. The native model
that this adapter belongs to is written once by `mft export BASE --output NATIVE`.
"""
NOT_ON_HUB = """BASE is the folder of the base, which has no name that transformers knows. `mft export RUN --output DIR`
writes the base and this adapter as one model, which `from_pretrained("DIR")` loads.
"""
TRAINED = """Trained by mft ({facts.method}) on {count} tasks at once, for {facts.step:,} steps.

| task | training samples | validation samples | supervised tokens | loss of the base | of this model | change |
| --- | --- | --- | --- | --- | --- | --- |"""
LOSSES = """Losses are of the validation samples, in nats per supervised token. Behind a change, ± is half its 95%
interval, for token losses that spread as widely as their mean.
"""
SCORES = """## Scores

| set | metric | value | 95% interval | n | protocol |
| --- | --- | --- | --- | --- | --- |
{rows}
"""
RECIPE = """## The recipe

`mft run` trained it by this, with data of the names that are left of paths:

```toml
{recipe}```
"""
HERE = "this folder"
IMPORT = "import {module}  # of mft, for the model's class\n"
FORGOTTEN = """## What the base could

Loss of the base and of this model on what was watched and never trained, the worst first:

{lost}
"""
ENDS_OF_ADAPTER = """
## Where an answer ends

At {tokens}. PEFT and transformers take the settings of the base, which may name fewer; those beside this file name all:

```python
model.generation_config = GenerationConfig.from_pretrained("{place}")
```
"""
ENDS_OF_MODEL = """
## Where an answer ends

At {tokens}, which generation_config.json names.
"""


@dataclass(frozen=True, slots=True)
class CardTask:
    """One task in a model card.

    Attributes:
        name: the task.
        train: training samples.
        valid: validation samples.
        supervised: training tokens that were targets.
        before: validation loss of the base, nats per token; None: not measured.
        after: that of this model.
        noise: half the 95% interval of the relative change; 0: not known.
    """

    name: str
    train: int
    valid: int
    supervised: int
    before: float | None
    after: float | None
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a run knows of its result.

    Attributes:
        base: what the base is called, without a place on this machine.
        on_hub: whether that is a name on the Hugging Face Hub.
        converted: whether the base was published in a format that plain transformers does not load.
        method: the tuner.
        step: optimizer steps that the result has seen.
        tasks: those that were trained, in the run's order.
        watched: those that were only measured.
        imports: modules that have to be imported before transformers knows the model's class.
        scores: of this model, by evaluators.
        recipe: that it was trained by, as TOML, without places on a machine; "": not shown.
        repository: where it lies on the Hub; "": the card lies beside it.
    """

    base: str
    on_hub: bool = False
    converted: bool = False
    method: str = ""
    step: int = 0
    tasks: tuple[CardTask, ...] = ()
    watched: tuple[CardTask, ...] = ()
    imports: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()
    recipe: str = ""
    repository: str = ""


def write_card(folder: Path, facts: CardFacts, form: Form, ends: Sequence[tuple[str, int]]) -> None:
    """Write the card into `folder`, in place of PEFT's; the arguments are those of `card_text`."""
    (folder / CARD).write_text(card_text(facts, form, ends), encoding="utf-8")


def imports_in(card: str) -> tuple[str, ...]:
    """The modules that a card says have to be imported."""
    return tuple(re.findall(re.escape(IMPORT).replace(r"\{module\}", "(.+?)"), card))


def is_of_converted(card: str) -> bool:
    """Whether a card is of an adapter whose base was published in a format that plain transformers does not load."""
    return CONVERTED in card


def card_text(facts: CardFacts, form: Form, ends: Sequence[tuple[str, int]]) -> str:
    """The card, in Markdown.

    Args:
        form: of the result, as its tuner says.
        ends: tokens that end an answer, with their ids.
    """
    is_adapter = form == "adapter"
    parts = [_header(facts, form), f"# {HEADINGS[form]} {facts.base}\n"]
    if facts.tasks:
        parts += [_training(facts), LOSSES]
    if facts.scores:
        parts.append(SCORES.format(rows="\n".join(map(_score_row, facts.scores))))
    if lost := _forgotten(facts):
        parts.append(FORGOTTEN.format(lost=lost))
    parts.append("## How to use it\n")
    if facts.converted and is_adapter:
        parts.append(CONVERTED)
    elif is_adapter and not facts.on_hub:
        parts.append(NOT_ON_HUB)
    imports = "".join(IMPORT.format(module=module) for module in facts.imports)
    place = facts.repository or HERE
    parts.append(USES[form].format(imports=imports, base=_base_argument(facts), place=place))
    if ends:
        tokens = ", ".join(f"`{token}` (id {number})" for token, number in ends)
        told = (ENDS_OF_ADAPTER if is_adapter else ENDS_OF_MODEL).format(tokens=tokens, place=place)
        parts.append(told.lstrip("\n"))
    if facts.recipe:
        parts.append(RECIPE.format(recipe=facts.recipe))
    return "\n".join(parts)


def _base_argument(facts: CardFacts) -> str:
    """What `from_pretrained` takes for the base."""
    if facts.converted:
        return '"NATIVE"'
    if not facts.on_hub:
        return '"BASE"'
    name, _, revision = facts.base.partition("@")
    return f'"{name}", revision="{revision}"' if revision else f'"{name}"'


def _header(facts: CardFacts, form: Form) -> str:
    lines = [f"library_name: {LIBRARIES[form]}", "pipeline_tag: text-generation"]
    if facts.on_hub:
        lines.append(f"base_model: {json.dumps(facts.base.partition('@')[0])}")
    return "\n".join(["---", *lines, "---", ""])


def _training(facts: CardFacts) -> str:
    watched = [_row(task, " (not trained)") for task in facts.watched]
    rows = [*map(_row, facts.tasks), *watched, ""]
    return "\n".join([TRAINED.format(facts=facts, count=len(facts.tasks)), *rows])


def _forgotten(facts: CardFacts) -> str:
    """A line for each watched task, the worst first."""
    measured = [
        (task.after / task.before - 1, task) for task in facts.watched if task.before and task.after is not None
    ]
    ranked = sorted(measured, key=lambda pair: (-pair[0], pair[1].name))
    return "\n".join(
        f"- {task.name}: {_loss(task.before)} -> {_loss(task.after)} ({change:+.1%})" for change, task in ranked
    )


def _row(task: CardTask, remark: str = "") -> str:
    counts = f"{task.train:,} | {task.valid:,} | {task.supervised:,}"
    change = MISSING
    if task.before and task.after is not None:
        noise = f" ± {task.noise:.1%}" if task.noise else ""
        change = f"{task.after / task.before - 1:+.1%}{noise}"
    return f"| {task.name}{remark} | {counts} | {_loss(task.before)} | {_loss(task.after)} | {change} |"


def _score_row(score: Score) -> str:
    show = units.percent if score.details.get("best") == 1.0 else _loss
    interval = " .. ".join(map(show, score.interval)) if score.interval else "exact"
    cells = (score.task, score.metric, show(score.value), interval, str(score.n), score.protocol)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _loss(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"
