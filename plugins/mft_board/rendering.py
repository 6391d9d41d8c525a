"""Templates, which escape whatever they are given; only pictures drawn here are taken as they are."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from mft_core.comparison.markdown import interval, verdict
from mft_core.support import units
from mft_core.support.redact import redact

FOLDER = Path(__file__).parent / "templates"


@cache
def environment() -> jinja2.Environment:
    """All templates."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        count=units.count, loss=units.loss, percent=units.percent, perplexity=units.perplexity, weight=units.weight,
        duration=units.duration, printable=units.printable, verdict=verdict,
    )  # fmt: skip
    made.globals.update(interval=interval)
    return made


def render(template: str, **values: Any) -> str:
    """A page, or a part of one, without secrets."""
    return redact(environment().get_template(template).render(**values))
