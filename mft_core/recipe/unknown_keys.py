"""The right key for a wrong one: misspelt, in another section, or called as flags and other tools call it."""

from __future__ import annotations

from collections.abc import Sequence

from mft_core.recipe.choices import Section
from mft_core.recipe.schema import Recipe, TaskSection
from mft_core.support.lists import first_few
from mft_core.support.suggestions import nearest

TASKS = "data.tasks"
OTHER_WORDS = {
    "model.name": "model.adapter",
    "model": "model.adapter",
    "data": "data.path",
    "output": "output.dir",
    "output_dir": "output.dir",
    "model_name_or_path": "model.base",
    "base_model": "model.base",
    "lora_r": "tune.rank",
    "lora_target": "tune.targets",
    "cutoff_len": "data.max_length",
    "sequence_len": "data.max_length",
    "lr": "train.learning_rate",
    "num_train_epochs": "train.epochs",
    "max_steps": "train.steps",
    "per_device_train_batch_size": "train.micro_batch_size",
    "gradient_accumulation_steps": "train.batch_size",
    "warmup_ratio": "train.warmup",
}
"""What our flags (the first four) and LLaMA-Factory, axolotl and TRL call a key, where it is not much like our word."""
TUNE = "tune"
OF_LORA = ("rank", "alpha", "dropout", "targets")
"""Words that mean [tune] even where no plugin has been looked up that has them as options."""
MOST_KEYS = 20


def suggest_key(key: str, of_tuners: Sequence[str] = OF_LORA) -> str:
    """What to write for a key that there is not, as a sentence: the nearest in its own section before any other.

    Args:
        of_tuners: names of the options of all tuners, where they are known.
    """
    plain = ".".join(part for part in key.split(".") if not part.isdigit())
    section, _, word = plain.rpartition(".")
    known = recipe_keys(of_tuners)
    best = _best(section, word, known)
    if best:
        return f"did you mean {best!r}?"
    own = _keys_of(section, known) if section else {}
    return f"[{section}] has: {first_few(own, MOST_KEYS)}" if own else "`mft init` lists every key"


def recipe_keys(of_tuners: Sequence[str] = ()) -> list[str]:
    """Every key of a recipe, dotted, in order.

    Args:
        of_tuners: names of the options of all tuners, which are keys of [tune].
    """
    keys: list[str] = []
    for name, field in Recipe.model_fields.items():
        keys.append(name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            keys += [f"{name}.{key}" for key in field.annotation.model_fields]
        if name == TUNE:
            keys += [f"{name}.{key}" for key in of_tuners]
    return [*keys, *(f"{TASKS}.{key}" for key in TaskSection.model_fields)]


def _best(section: str, word: str, known: Sequence[str]) -> str:
    """The key meant; "" where none is likely."""
    other = OTHER_WORDS.get(f"{section}.{word}") or OTHER_WORDS.get(word, "")
    own, elsewhere = _keys_of(section, known), _keys_elsewhere(known)
    if other and other.rpartition(".")[0] == section:
        return other
    exact = elsewhere.get(word, "")
    return exact or other or own.get(nearest(word, own), "") or elsewhere.get(nearest(word, elsewhere), "")


def _keys_of(section: str, known: Sequence[str]) -> dict[str, str]:
    """Last part -> dotted key, of those directly in a section; of "", the sections themselves."""
    keys = [key for key in known if key.rpartition(".")[0] == section]
    return {key.rpartition(".")[2]: key for key in keys}


def _keys_elsewhere(known: Sequence[str]) -> dict[str, str]:
    """Last part -> dotted key, of the sections; what is in [loss] and [[data.tasks]] has a meaning there only."""
    keys = [key for key in known if key.count(".") == 1 and not key.startswith("loss.")]
    return {key.rpartition(".")[2]: key for key in keys}
