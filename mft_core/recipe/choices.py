"""Components that a recipe names, with their options: `"best-fit"` or `{name = "best-fit", key = value}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_serializer,
    model_validator,
)


class Section(BaseModel):
    """A table of the recipe: strict about keys, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(Section):
    """A component by name, with its own options beside it: `"best-fit"` or `{name = "best-fit", key = value}`."""

    name: str
    options: dict[str, Any] = {}


def named(default: str) -> BeforeValidator:
    """Reads a component from its name or its table; options without a name belong to the default one."""

    def choice(value: Any) -> Any:
        if isinstance(value, str):
            return Choice(name=value)
        if isinstance(value, Mapping):
            options = {key: inner for key, inner in value.items() if key != "name"}
            return {"name": value.get("name", default), "options": options}
        return value

    return BeforeValidator(choice)


def as_table(value: Choice) -> dict[str, Any]:
    """A component as a table of a recipe."""
    return {"name": value.name, **value.options}


def _as_name_or_table(value: Choice) -> Any:
    return as_table(value) if value.options else value.name


AUTO, PACKER, LOSS, EVALUATOR, OPTIMIZER, REPORT = "auto", "best-fit", "balanced", "loss", "adamw", "report"

AutoChoice = Annotated[Choice, named(AUTO), PlainSerializer(_as_name_or_table)]
PackerChoice = Annotated[Choice, named(PACKER), PlainSerializer(_as_name_or_table)]
OptimizerChoice = Annotated[Choice, named(OPTIMIZER), PlainSerializer(_as_name_or_table)]
CallbackChoice = Annotated[Choice, named(REPORT), PlainSerializer(_as_name_or_table)]
LossChoice = Annotated[Choice, named(LOSS), PlainSerializer(as_table)]


class EvaluatorChoice(Choice):
    """A measure of the model, with its own options beside its name, and when it is taken."""

    every: int = Field(0, ge=0, description="optimizer steps between two measurements; 0: only at the end")

    @model_validator(mode="before")
    @classmethod
    def _from_name_or_table(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Mapping) and "options" not in value:
            own = {key: value[key] for key in ("every",) if key in value}
            options = {key: inner for key, inner in value.items() if key not in ("name", "every")}
            return {"name": value.get("name", EVALUATOR), "options": options, **own}
        return value

    @model_serializer
    def _with_every(self) -> dict[str, Any]:
        every = {"every": self.every} if self.every else {}
        return {"name": self.name, **every, **self.options}
