"""One arm of a comparison as it is written: `NAME[ OPTION=VALUE...]`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mft_core.errors import UsageError
from mft_core.recipe.loading import as_tables
from mft_core.recipe.schema import Recipe
from mft_core.recipe.unknown_keys import suggest_key
from mft_core.support.toml_files import toml_value

SINGLE, MIXED, MERGED, MIX, BASE = "single", "mixed", "merged", "mix", "base"
MERGE_EVENT = "merge"
"""What a run's log has in place of training where adapters were combined."""
AMOUNTS_EVENT, MIXTURE_EVENT = "amounts", "mixture"
"""What a small run of "mix" trained on; and how its last run came to its proportions, and what was expected of them."""
LOSS_SECTION = "loss"
QUOTES, OPENING, CLOSING = "\"'", "[{(", "]})"
PLAIN_FOLDER = re.compile(r"[a-z0-9_.=+-]+")
LONGEST_FOLDER = 80
LARGEST_WHOLE = 1e15
"""From here on a number is written with its exponent, and has no digits to spare."""
EXAMPLE = 'for example --arms "single,mixed,balanced tune.rank=64,famo every=5"'


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm.

    Attributes:
        name: "single" (each task alone), "merged" (those combined), "mix" (proportions from small runs), or a loss.
        settings: options of its loss (or of merging or mixing), and dotted keys of the recipe that are this arm's own.
    """

    name: str
    settings: Mapping[str, Any]

    @property
    def options(self) -> dict[str, Any]:
        """What has no section, or the section "loss"."""
        own = {key: value for key, value in self.settings.items() if not _is_of_recipe(key)}
        return as_tables({key.removeprefix(f"{LOSS_SECTION}."): value for key, value in own.items()})

    @property
    def keys(self) -> dict[str, Any]:
        """What has a section of the recipe other than "loss"."""
        return {key: value for key, value in self.settings.items() if _is_of_recipe(key)}

    @property
    def label(self) -> str:
        """What the user wrote, always in the same form: options first, each sorted by name."""
        written = (f"{key}={_written(value)}" for key, value in sorted(self.settings.items(), key=_options_first))
        return " ".join([self.name, *written])

    @property
    def folder(self) -> str:
        """A folder name that is the same for equal arms and another for others, on file systems of all kinds."""
        if not self.settings:
            return self.name.replace("/", "-")
        name = self.label.replace(" ", "+")
        if PLAIN_FOLDER.fullmatch(name) and len(name) <= LONGEST_FOLDER:
            return name
        readable = re.sub(r"[^\w.=+-]+", "-", name, flags=re.ASCII)[:LONGEST_FOLDER]
        return f"{readable}-{hashlib.sha256(self.label.encode()).hexdigest()[:8]}"

    def wrong(self, error: UsageError) -> UsageError:
        """The same error, said of this arm."""
        return UsageError(f"arm {self.label!r}: {error.message}", error.hint)


def parse_arms(text: str) -> list[Arm]:
    """The arms of `--arms`, separated by commas; within quotes and brackets a comma, or a space, separates nothing.

    Raises:
        UsageError: an arm that is not `NAME[ OPTION=VALUE...]`, or a quote or bracket that is not closed.
    """
    arms = [parse_arm(part) for part in _split(text, ",") if part.strip()]
    if not arms:
        raise UsageError("--arms names no arm", "for example --arms single,mixed,balanced,famo")
    return list({arm.label: arm for arm in arms}.values())


def parse_arm(text: str) -> Arm:
    """One arm.

    Raises:
        UsageError: it is not `NAME[ OPTION=VALUE...]`; a section that the recipe does not have.
    """
    name, *words = [word for word in _split(text, " \t\n") if word]
    settings: dict[str, Any] = {}
    if "=" in name:
        raise UsageError(f"--arms: {text.strip()!r} begins with no arm's name", EXAMPLE)
    for word in words:
        key, equals, value = word.partition("=")
        if not (equals and key and value):
            hint = f"options are written OPTION=VALUE without spaces; arms are separated by commas; {EXAMPLE}"
            raise UsageError(f"--arms: {word!r} in {text.strip()!r} is no option with a value", hint)
        _check_section(key, text)
        key = key.removeprefix(f"{LOSS_SECTION}.") if key.count(".") == 1 else key
        if key in settings:
            raise UsageError(f"--arms: {text.strip()!r} gives {key} twice", "leave one of them out")
        settings[key] = _value(key, value)
    _refuse_nested(settings, text)
    return Arm(name, settings)


def _refuse_nested(settings: Mapping[str, Any], text: str) -> None:
    """A table and a value within it would take each other's place, by the order in which they are written."""
    written = {key if "." in key else f"{LOSS_SECTION}.{key}": key for key in settings}
    for place, key in written.items():
        for dot in re.finditer(r"\.", place):
            if table := written.get(place[: dot.start()]):
                raise UsageError(
                    f"--arms: {text.strip()!r} gives {table} and, within it, {key}", "leave one of them out"
                )


def _value(key: str, text: str) -> Any:
    value = toml_value(text)
    if isinstance(value, str) and text[0] in OPENING:
        hint = f"""texts in a list need quotes, and those the shell's: --arms '... {key}=["a","b"]'"""
        raise UsageError(f"--arms: {key}={text} is no list or table", hint)
    return _plain(value)


def _plain(value: Any) -> Any:
    """A value in which a whole number is an int, however it was written: 4.0 is no other arm than 4."""
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_WHOLE:
        return int(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, dict) else value


def _check_section(key: str, text: str) -> None:
    section, dot, _ = key.partition(".")
    if key == f"{LOSS_SECTION}.name":
        raise UsageError(f"--arms: {key} in {text.strip()!r}: the arm's name is its loss", EXAMPLE)
    if dot and section not in Recipe.model_fields:
        hint = suggest_key(key)
        raise UsageError(
            f"--arms: {key} in {text.strip()!r}: the recipe has no section [{section}]",
            f"{hint}; an option of the loss that is a table is written loss.{key}=VALUE",
        )


def _is_of_recipe(key: str) -> bool:
    return "." in key and not key.startswith(f"{LOSS_SECTION}.")


def _options_first(setting: tuple[str, Any]) -> tuple[bool, str]:
    return _is_of_recipe(setting[0]), setting[0]


def _split(text: str, separators: str) -> Iterator[str]:
    """The parts between separators that stand neither in quotes nor in brackets.

    Raises:
        UsageError: one of these is not closed.
    """
    start, depth, quote = 0, 0, ""
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in QUOTES:
            quote = letter
        elif letter in OPENING:
            depth += 1
        elif letter in CLOSING:
            depth -= 1
        elif letter in separators and not depth:
            yield text[start:place]
            start = place + 1
    if quote or depth:
        raise UsageError(
            f"--arms: a quote or a bracket in {text.strip()!r} is not closed, or not opened",
            """write a list [1,2] or ["a","b"], a text with commas or spaces "a, b"; for the shell, '...' around all""",
        )
    yield text[start:]


def _written(value: Any) -> str:
    """A value as `parse_arm` reads it back."""
    if isinstance(value, str):
        plain = value and not set(value) & set(" \t\n,#" + QUOTES + OPENING + CLOSING)
        return value if plain and toml_value(value) == value else _nested(value)
    return _nested(value)


def _nested(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}={_nested(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_nested, value)) + "]"
    if isinstance(value, (str, bool)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
