"""How `mft show` names the types of options."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import AfterValidator, BaseModel, Field

from mft_cli.session import Session
from mft_cli.show import describe_component
from mft_cli.type_words import type_words
from mft_core.registry.catalog import load_entry
from mft_core.registry.kinds import KINDS

Name = Annotated[str, AfterValidator(str.strip)]


class Options(BaseModel):
    rate: float = Field(0.5, ge=0, lt=1)
    by: Literal["tokens", "samples"] = "tokens"
    alpha: float | dict[Name, float] = 1.0
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = (0.9,)
    ways: list[Literal["a", "b"]] = []
    maybe: Optional[int] = None  # noqa: UP045 - plugins of others write it so
    anything: dict[str, Any] = {}


def test_types_are_written_as_in_a_program_with_their_limits() -> None:
    found = {name: type_words(field.annotation, field.metadata) for name, field in Options.model_fields.items()}
    assert found == {
        "rate": "float >= 0 and < 1",
        "by": '"tokens" | "samples"',
        "alpha": "float | dict[str, float]",
        "betas": "tuple[float >= 0 and < 1, ...]",
        "ways": 'list["a" | "b"]',
        "maybe": "int | None",
        "anything": "dict[str, Any]",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_no_component_shows_what_is_inside_of_python(session: Session, kind: str) -> None:
    for entry in session.plugins.catalog.of_kind(kind):
        if not entry.missing:
            for option in describe_component(entry, load_entry(entry))["options"]:
                for inside in ("<", "Annotated", "0x", "FieldInfo", "typing"):
                    assert inside not in option["type"].replace("< ", "").replace("<= ", ""), (entry.name, option)
