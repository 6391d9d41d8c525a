"""What an audit found, as a file and as counts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mft_core.audit.auditing import TRAIN, Audit, Pair, Place
from mft_core.errors import MftError
from mft_core.support.durable import write_text

FORMAT = 1


def as_json(audit: Audit) -> dict[str, Any]:
    """Everything, as JSON values; "exclude" names the records that a run had better not train on."""
    return {
        "format": FORMAT,
        "records": [{"task": task, "side": side, "count": count} for (task, side), count in audit.records.items()],
        "duplicates": counts(audit),
        "pairs": [
            {"first": _place(pair.first), "second": _place(pair.second), "share": pair.share} for pair in audit.pairs
        ],
        "leaks": [
            {
                "record": _place(leak.place), "set": leak.hit.problem.of, "problem": leak.hit.problem.name,
                "share": round(leak.hit.share, 4), "view": leak.hit.view,
            }
            for leak in audit.leaks
        ],
        "exclude": excluded(audit),
    }  # fmt: skip


def write_audit(audit: Audit, path: Path) -> None:
    """Write it whole or not at all.

    Raises:
        MftError: it cannot be written.
    """
    try:
        write_text(path, json.dumps(as_json(audit), ensure_ascii=False, indent=1))
    except OSError as error:
        raise MftError(f"{path} cannot be written: {error}", "Check the space and the rights there.") from error


def counts(audit: Audit) -> list[dict[str, Any]]:
    """Pairs by the tasks and sides of the two records, and whether they are equal."""
    found = Counter(
        (pair.first.task, pair.first.side, pair.second.task, pair.second.side, pair.share == 1.0)
        for pair in audit.pairs
    )
    return [
        {"first": {"task": a, "side": b}, "second": {"task": c, "side": d}, "exact": exact, "count": count}
        for (a, b, c, d, exact), count in found.most_common()
    ]


def excluded(audit: Audit) -> list[dict[str, Any]]:
    """Training records that repeat an earlier one of their task, or a validation record of any, or have a problem of a
    published set in them: each once, with the reason.
    """
    reasons: dict[Place, str] = {
        leak.place: f"has {leak.hit.problem.name} of {leak.hit.problem.of} in it" for leak in audit.leaks
    }
    for pair in audit.pairs:
        if (repeated := _to_leave_out(pair)) is not None:
            reasons.setdefault(repeated[0], f"repeats {repeated[1].origin}")
    return [
        {
            "file": str(place.file), "place": place.place, "digest": place.digest, "origin": place.origin,
            "reason": reason,
        }
        for place, reason in reasons.items()
        if place.side == TRAIN
    ]  # fmt: skip


def _to_leave_out(pair: Pair) -> tuple[Place, Place] | None:
    """The training record that had better go, and the one that it repeats; None where two tasks share one."""
    if pair.first.side == pair.second.side:
        return (pair.second, pair.first) if pair.first.task == pair.second.task else None
    return (pair.first, pair.second) if pair.first.side == TRAIN else (pair.second, pair.first)


def _place(place: Place) -> Mapping[str, Any]:
    return {"task": place.task, "side": place.side, "origin": place.origin}
