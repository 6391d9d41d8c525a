"""What `mft check` says of `data.max_length`: a table of what each length costs, and the picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import UsageError

if TYPE_CHECKING:
    from mft_core.run.length_costs import CostOfLength, LengthCosts

PICTURES = (".png", ".svg")
WIDEST_NAME = 24


def refuse_other_pictures(path: Path | None) -> None:
    """Refuse what is not drawn, before anything else is done.

    Raises:
        UsageError: the file's name says that it is to be something else.
    """
    if path is not None and path.suffix.lower() not in PICTURES:
        raise UsageError(f"--picture {path}: pictures are {' and '.join(PICTURES)} files", "such as lengths.png")


def print_lengths(costs: LengthCosts) -> None:
    """A row for each length up to the first that loses nothing, and for the recipe's own; nothing where none loses."""
    from rich.table import Table

    from mft_cli.display import console
    from mft_core.support import units

    rows = lengths_worth_a_row(costs)
    if not rows:
        return
    truncates = costs.overlong == "truncate"
    title = "What data.max_length costs"
    if costs.positions is not None and rows[-1].max_length > costs.positions:
        title += f" (the model knows {costs.positions:,} positions)"
    if costs.unseen:
        records = costs.own.total.records
        title += f", by {records - costs.unseen:,} of {records:,} records"
    table = Table("max_length", title=title, title_justify="left", box=None)
    for heading in ("dropped", *["cut"] * truncates, "targets lost", "rows", "steps", "padding", "most of"):
        table.add_column(heading, justify="left" if heading == "most of" else "right")
    for row in rows:
        total, about = row.total, "~" * row.estimated
        table.add_row(
            f"{row.max_length:,}" + " (now)" * (row is costs.own),
            _share(total.dropped, total.records),
            *[_share(total.truncated, total.records)] * truncates,
            _share(total.supervised_lost, total.supervised + total.supervised_lost),
            f"{about}{units.count(row.rows)}",
            f"{about}{units.count(row.steps)}",
            f"{about}{1 - row.packing_efficiency:.1%}",
            _worst(row),
        )
    console().print(table)


def lengths_worth_a_row(costs: LengthCosts) -> list[CostOfLength]:
    """Those that lose something, the first that does not, and the recipe's own; none where none loses anything."""
    losing = [cost for cost in costs.costs if cost.total.lost_share]
    if not losing:
        return []
    last = next((cost for cost in costs.costs if cost.max_length > losing[-1].max_length), costs.own)
    return [cost for cost in costs.costs if cost in losing or cost in (last, costs.own)]


def _worst(row: CostOfLength) -> str:
    from mft_core.support.units import printable, shorten

    name, cost = max(row.tasks.items(), key=lambda item: item[1].lost_share)
    if len(row.tasks) == 1 or not cost.lost_share:
        return ""
    return f"{shorten(printable(name), WIDEST_NAME)} ({_share(cost.dropped + cost.truncated, cost.records)})"


def _share(part: int, whole: int) -> str:
    """In percent; what is not nothing is not shown as nothing, and what is not all not as all."""
    if not whole or not part:
        return "0%"
    percent = 100 * part / whole
    if part == whole:
        return "100%"
    return "<0.1%" if percent < 0.1 else f"{min(percent, 99.9):.1f}%"
