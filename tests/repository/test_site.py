"""The documentation as a site: built strictly, every page reached, nothing fetched from elsewhere."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY
from mft_core import interfaces
from mft_core.registry.kinds import KINDS

DOCS = REPOSITORY / "docs"


def build(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build"]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as the site's builder sees it; its pages are copies."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("mkdocs.yml", "mft_core", "plugins"):
        (folder / name).symlink_to(REPOSITORY / name)
    (folder / "docs").mkdir()
    for page in DOCS.iterdir():
        if page.is_file():
            (folder / "docs" / page.name).write_bytes(page.read_bytes())
    return folder


@pytest.mark.slow
def test_the_site_is_built_and_fetches_nothing(project: Path) -> None:
    done = build(project)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {page.stem for page in (project / "site").glob("*.html")}
    assert pages - {"404"} == {page.stem for page in DOCS.glob("*.md")}
    for page in (project / "site").glob("*.html"):
        loaded = re.findall(r'(?:<script[^>]* src|<link[^>]* href|<img[^>]* src)="(https?:[^"]+)"', page.read_text())
        assert loaded == [], page.name
    api = (project / "site" / "api.html").read_text()
    assert "after_evaluation" in api


@pytest.mark.slow
@pytest.mark.parametrize("link", ["nowhere.md", "data.md#no-such-heading"])
def test_a_dead_link_fails_it(project: Path, link: str) -> None:
    page = project / "docs" / "index.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(f"{text}\n[dead]({link})\n", encoding="utf-8")
    try:
        done = build(project)
    finally:
        page.write_text(text, encoding="utf-8")
    assert done.returncode != 0
    assert link.partition("#")[2] or link in done.stdout + done.stderr


def test_the_page_on_the_recipe_is_current() -> None:
    page = runpy.run_path(str(DOCS / "generate_recipe.py"))["page"]()
    assert (DOCS / "recipe.md").read_text(encoding="utf-8") == page, "run `make docs`"


def test_the_page_for_plugin_authors_has_every_kind_of_component() -> None:
    shown = set(re.findall(r"^::: \S+\.(\w+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert shown <= {*interfaces.__all__, "Component", "interfaces"}
    assert {kind.interface.rpartition(":")[2] for kind in KINDS.values()} <= shown


def test_messages_that_have_a_cure_are_those_that_are_said() -> None:
    source = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("mft_core", "mft_cli", "plugins")
        for path in (REPOSITORY / folder).rglob("*.py")
    )
    words = re.sub(r'"\s*f?"|\{[^}]*\}', "", source)
    rows = re.findall(r"^\| `([^`]+)`", (DOCS / "troubleshooting.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 10
    unknown = [row for row in rows if not any(row in text for text in (source, words))]
    assert unknown == []
