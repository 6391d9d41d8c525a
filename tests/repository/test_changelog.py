"""CHANGELOG.md and the version: the newest heading is what is installed."""

from __future__ import annotations

import re
from datetime import date

import mft_core
from helpers.paths import REPOSITORY
from mft_core.support.toml_files import read_toml

HEADING = re.compile(r"(\d+)\.(\d+)\.(\d+) \((unreleased|\d{4}-\d\d-\d\d)\)")


def test_the_newest_heading_is_the_version() -> None:
    """`## 1.2.3 (unreleased)`, or with the date of its release; older ones below, released all."""
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = [HEADING.fullmatch(line[3:]) for line in text.splitlines() if line.startswith("## ")]
    found = [match.groups() for match in headings if match is not None]
    assert len(found) == len(headings) > 0, "a heading that is no version with a date"
    versions = [tuple(map(int, numbers)) for *numbers, _ in found]
    assert versions == sorted(set(versions), reverse=True)
    dates = [date.fromisoformat(released) for *_, released in found if released != "unreleased"]
    assert dates == sorted(dates, reverse=True)
    assert all(released != "unreleased" for *_, released in found[1:])

    version = ".".join(map(str, versions[0]))
    assert mft_core.__version__ == version
    assert read_toml(REPOSITORY / "pyproject.toml")["project"]["version"] == version
