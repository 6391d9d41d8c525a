"""`mft doctor --models`: which causal language models of the installed transformers can be trained here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mft_core.registry.discovery import Plugins
    from mft_core.run.model_trial import TrialResult

RESULTS = {"packed": "green", "padded": "green", "refused": "yellow", "failed": "red", "untried": "yellow"}
"""What becomes of a model type, and the colour of its line."""


def show_models(plugins: Plugins, files: Sequence[Path], only: Sequence[str], json_output: bool) -> None:
    """Try them, and print each as soon as its result is known; with `json_output`, these lines go to stderr.

    Raises:
        UsageError: `only` holds a type that transformers does not know.
    """
    from rich.text import Text

    from mft_cli.display import console, show_json
    from mft_core.run.model_survey import survey, surveyed

    names, results = surveyed(only), []
    out = console(stderr=json_output)
    for result in survey(names, plugins.workspace, files):
        results.append(result)
        out.print(Text(_line(result, len(results), len(names)), RESULTS[result.result]), soft_wrap=True)
    found = findings(results)
    if json_output:
        show_json(found)
    else:
        out.print(_verdict(found), soft_wrap=True)


def findings(results: Sequence[TrialResult]) -> dict[str, Any]:
    """All results as JSON values, with how many there are of each, and the versions that they hold for."""
    from dataclasses import asdict

    from mft_cli.versions import package_version

    counts: Counter[str] = Counter(result.result for result in results)
    return {
        "versions": {name: package_version(name) for name in ("transformers", "torch", "peft")},
        "counts": {name: counts[name] for name in RESULTS},
        "models": [asdict(result) for result in results],
    }


def _line(result: TrialResult, number: int, of: int) -> str:
    taken = f" ({result.adapter})" if result.adapter else ""
    reason = f": {result.reason}" if result.reason else ""
    return f"[{number}/{of}] {result.result:7} {result.model_type}{taken}{reason}"


def _verdict(found: dict[str, Any]) -> str:
    counts, version = found["counts"], found["versions"]["transformers"]
    total, train = sum(counts.values()), counts["packed"] + counts["padded"]
    return (
        f"{train} of {total} causal language models of transformers {version} train here, {counts['packed']} of them "
        f"on packed rows and {counts['padded']} on padded ones; {counts['refused']} are refused by name, "
        f"{counts['failed']} fail, and of {counts['untried']} no small model could be made"
    )
