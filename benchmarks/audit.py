"""How well `mft data audit` finds the problems of a published set in training data: recall and false alarms, and speed.

    python benchmarks/audit.py --set humaneval=PATH [--background FOLDER]

Every problem of the set is planted among the background (the tasks made of this machine's standard library, unless a
data folder is given) in four forms: as published; formatted otherwise (`ast.unparse`: other white space, quotes and
brackets, no comments); with another docstring; and with that and other names. A false alarm is a record of the
background that is said to hold a problem; look at them before you believe it: real data may hold real copies.

    python benchmarks/audit.py --records 1000000 [--processes 2]

Made-up records in place of all that: how long they take, and what memory at most, of the process and of its largest
worker. One in a hundred repeats the one before it, and one in a hundred with a few other words.
"""

from __future__ import annotations

import argparse
import ast
import json
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mft_core.audit.auditing import Thresholds, audit
from mft_core.audit.benchmarks import problems_of
from mft_core.data.readers import Readers
from mft_core.data.source import DataRequest
from mft_core.evaluation.published_sets import load_set
from mft_core.records import TaskFiles
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_sources.folder import Folder
from mft_sources.stdlib import StandardLibrary

WORDS, PROMPT, LENGTH, CHANGED = 20_000, 20, 80, 1
"""Different words; those of a prompt, of a prompt and its answer, and those that are others in a near duplicate."""
OFTEN = 100
"""One record in so many is an exact duplicate, and one a near one."""
OTHER_DOCSTRING = "Compute the result that the tests ask for, in the simplest way that comes to mind."


class _Renamed(ast.NodeTransformer):
    """Every name that the function itself brings in, under another one."""

    def __init__(self, tree: ast.AST) -> None:
        own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        self._names = {name: f"value_{number}" for number, name in enumerate(sorted(own))}

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._names.get(node.arg, node.arg)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._names.get(node.name, node.name)
        self.generic_visit(node)
        return node


def planted(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(form, source) of the copies of a problem; only the first where its source is no Python."""
    source = f"{row['prompt']}{row['canonical_solution']}" if "canonical_solution" in row else str(row["code"])
    yield "as published", f"{row.get('text', '')}\n{source}"
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    yield "formatted otherwise", ast.unparse(tree)
    yield "other docstring", ast.unparse(_with_docstring(ast.parse(source)))
    yield "other names", ast.unparse(_Renamed(tree).visit(_with_docstring(ast.parse(source))))


def _with_docstring(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
            node.body[0] = ast.Expr(ast.Constant(OTHER_DOCSTRING))
    return tree


def write_records(path: Path, records: int) -> None:
    """Records of random words, each OFTEN-th like the one before it, and each one after that nearly so."""
    generator = np.random.default_rng(0)
    said = generator.integers(0, WORDS, LENGTH)
    with path.open("w", encoding="utf-8") as stream:
        for number in range(records):
            if number % OFTEN == OFTEN - 1:
                said = said.copy()
                said[generator.choice(LENGTH, CHANGED, replace=False)] = generator.integers(0, WORDS, CHANGED)
            elif number % OFTEN != OFTEN - 2:
                said = generator.integers(0, WORDS, LENGTH)
            words = [f"word{word}" for word in said.tolist()]
            pair = {"prompt": " ".join(words[:PROMPT]), "response": " ".join(words[PROMPT:])}
            stream.write(json.dumps(pair) + "\n")


def measure(records: int, processes: int | None) -> None:
    """Time and memory of the audit of made-up records."""
    readers = Readers(discover(Workspace()).catalog)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made_up.jsonl"
        write_records(path, records)
        before, started = _largest(resource.RUSAGE_SELF), time.perf_counter()
        found = audit([TaskFiles("made_up", (path,))], readers, processes=processes)
        seconds, size = time.perf_counter() - started, path.stat().st_size
    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    exact = sum(pair.share == 1 for pair in found.pairs)
    print(
        f"{sum(found.records.values()):,} records, {size / 2**20:.0f} MiB: {seconds:.1f} s ({used:.1f} s of processors)"
    )
    print(f"found {exact:,} of {records // OFTEN:,} exact and {len(found.pairs) - exact:,} near duplicates of as many")
    largest = f"{_largest(resource.RUSAGE_SELF):.0f} MiB at most, {before:.0f} of them before it began"
    print(f"memory: {largest}; its largest worker {_largest(resource.RUSAGE_CHILDREN):.0f} MiB")


def _largest(who: int) -> float:
    """Resident memory at most, MiB (Linux counts it in KiB)."""
    return resource.getrusage(who).ru_maxrss / 1024


def main() -> None:
    """Plant, look, count; or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="humaneval", help="as --against of `mft data audit`")
    parser.add_argument("--background", type=Path, help="a data folder; default: the standard library's tasks")
    parser.add_argument("--leak", type=float, default=Thresholds().leak)
    parser.add_argument("--records", type=int, default=0, help="measure so many made-up records instead")
    parser.add_argument("--processes", type=int, help="of --records; default: one per core")
    given = parser.parse_args()
    if given.records:
        measure(given.records, given.processes)
        return
    catalog = discover(Workspace()).catalog
    readers, (name, _, place) = Readers(catalog), given.set.partition("=")
    rows = load_set(place, catalog.load("evaluator", name).published, name)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        source = Folder() if given.background else StandardLibrary()
        background = source.tasks(DataRequest(given.background, Path(folder) / "cache", readers))
        path = Path(folder) / "planted.jsonl"
        forms = [(number, form, text) for number, row in enumerate(rows) for form, text in planted(row)]
        with path.open("w", encoding="utf-8") as stream:
            for _, _, text in forms:
                stream.write(json.dumps({"prompt": "Write this function.", "response": text}) + "\n")
        started = time.perf_counter()
        found = audit(
            [TaskFiles("planted", (path,)), *background],
            readers,
            problems_of(given.set, catalog, readers),
            Thresholds(leak=given.leak),
        )
        seconds = time.perf_counter() - started
    names = [str(row.get("task_id")) for row in rows]
    hit = {(leak.place.place - 1, leak.hit.problem.name) for leak in found.leaks if leak.place.task == "planted"}
    asked, right = Counter(form for _, form, _ in forms), Counter[str]()
    for line, (number, form, _) in enumerate(forms):
        right[form] += (line, names[number]) in hit
    for form, count in asked.items():
        print(f"{form:<22} found {right[form]:>5} of {count:<5} {right[form] / count:.1%}")
    others = sum(count for (task, _), count in found.records.items() if task != "planted")
    alarms = {leak.place for leak in found.leaks if leak.place.task != "planted"}
    print(f"background: {len(alarms)} of {others:,} records are said to hold a problem")
    print(f"{seconds:.1f} s, {1e6 * seconds / sum(found.records.values()):.0f} s for a million records")


if __name__ == "__main__":
    main()
