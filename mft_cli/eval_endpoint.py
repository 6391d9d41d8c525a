"""`mft eval endpoint:URL#MODEL`: what the command line says of a model behind an endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.errors import UsageError

if TYPE_CHECKING:
    from mft_core.registry.catalog import Catalog
    from mft_core.run.endpoint_target import EndpointTarget

PREFIX = "endpoint."


def is_endpoint(target: str) -> bool:
    """Whether a target of `mft eval` names an endpoint."""
    from mft_core.run.endpoint_target import SCHEME

    return target.startswith(SCHEME)


def split_settings(
    settings: Sequence[tuple[str, Any]],
) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """The options of the endpoint that `--set endpoint.KEY=VALUE` gives, by KEY; and the other settings."""
    own = {key.removeprefix(PREFIX): value for key, value in settings if key.startswith(PREFIX)}
    return own, [(key, value) for key, value in settings if not key.startswith(PREFIX)]


def open_endpoint(target: str, options: Mapping[str, Any], folder: Path, flags: Mapping[str, object]) -> EndpointTarget:
    """The endpoint that a target names; nothing is asked yet.

    Args:
        options: of the endpoint.
        folder: of the evaluation.
        flags: what was given by flags that say something of a model on this machine, by their names.

    Raises:
        UsageError: one of them was given; the target or an option is not what it should be; several processes would
            ask.
    """
    from mft_core.run.endpoint_target import endpoint_target
    from mft_core.support.ranks import launched_ranks

    if given := [flag for flag, value in flags.items() if value]:
        why = {
            "--data": "its tasks are measured with a tokenizer, and an endpoint shows none",
            "--samples-file": "these are judged without a model",
        }
        raise UsageError(
            f"{given[0]} with an endpoint: {why.get(given[0], 'it is about models on this machine')}",
            "Leave it out. Records of a file: --set eval.exact-match.data=FILE"
            if given[0] == "--data"
            else "Leave it out.",
        )
    if launched_ranks() > 1:
        raise UsageError(
            "several processes would ask the endpoint, each for itself",
            "Start mft eval without a launcher; --set endpoint.concurrency=N says how much it is asked at once.",
        )
    return endpoint_target(target, options, folder)


def check_evaluators(names: Sequence[str], catalog: Catalog) -> None:
    """See that the evaluators called `names` need no more of a model than its answers: an endpoint has nothing else.

    Raises:
        UsageError: one needs more; with those of them that do not.
    """
    from mft_core.evaluation.generative import GenerativeEvaluator

    writers = [name for name in names if issubclass(catalog.load("evaluator", name), GenerativeEvaluator)]
    if others := [name for name in names if name not in writers]:
        raise UsageError(
            f"{', '.join(others)} cannot be had of an endpoint: it gives answers, and not how likely each token is",
            f"Of these it can be: --on {','.join(writers)}" if writers else "Name others; `mft list evaluator`.",
        )
