"""The conformance kit is asked about everything bundled."""

from __future__ import annotations

import runpy

import pytest

from helpers.paths import REPOSITORY
from mft_core import testing
from mft_core.registry.catalog import load_entry
from mft_core.registry.discovery import discover
from mft_core.registry.kinds import KINDS
from mft_core.registry.workspace import Workspace

WITHOUT_KIT = {"base", "callback"}
FILES = (REPOSITORY / "tests" / "plugins").glob("*/test_conformance.py")
CASES = [case for file in FILES for case in runpy.run_path(str(file)).values() if isinstance(case, type)]


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - WITHOUT_KIT))
def test_everything_bundled_is_tested(kind: str) -> None:
    kit = getattr(testing, f"{KINDS[kind].interface.rpartition(':')[2]}Tests")
    cases = [case for case in CASES if kit in case.__mro__[1:]]
    tested = {case.component for case in cases if hasattr(case, "component")}
    entries = [entry for entry in discover(Workspace()).catalog.of_kind(kind) if entry.distribution == "mft"]
    assert {load_entry(entry) for entry in entries if not entry.missing} <= tested
    assert {entry.component.target for entry in entries} == {f"{one.__module__}:{one.__qualname__}" for one in tested}
