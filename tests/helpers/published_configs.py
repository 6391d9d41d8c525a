"""The config.json of published checkpoints, key by key as they were published, in sizes that run in a moment."""

from __future__ import annotations

from helpers.published_converted import CONVERTED
from helpers.published_llamas_and_qwens import LLAMAS_AND_QWENS
from helpers.published_others import OTHERS
from helpers.published_shapes import Published

__all__ = ["CONVERTED", "NATIVE", "PUBLISHED", "Published"]

NATIVE = {**LLAMAS_AND_QWENS, **OTHERS}
"""Those whose classes transformers has."""

PUBLISHED = {**NATIVE, **CONVERTED}
