"""What tells the prompts of one making from those of another."""

from __future__ import annotations

from collections.abc import Mapping

from mft_core.making.filters import judge
from mft_core.making.maker import Maker
from mft_core.making.output import digest
from mft_core.making.prompts import prompts


def prompt_digests(maker: Maker) -> Mapping[str, str]:
    """By name, those of all that a making may tell a model: the maker's prompts, the core's and the judge's."""
    told = {**prompts(), judge.STAGE: judge.SYSTEM_MESSAGE, **maker.prompts()}
    return {name: digest(text) for name, text in told.items()}
