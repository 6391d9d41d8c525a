"""The board in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.boards import TOKEN, RunningBoard
from helpers.browsers import dumped, find_browser
from mft_board.places import RUN

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chromium() -> str:
    return find_browser()


def test_a_browser_gets_in_by_the_link_and_draws_the_run(chromium: str, running: RunningBoard, tmp_path: Path) -> None:
    page = f"{running.origin}/runs/{running.key(RUN, '中文运行')}"
    document = dumped(chromium, tmp_path, f"{page}?token={TOKEN}")
    assert "代码补全" in document
    assert document.count('class="chart"') == 6
    assert "link" in dumped(chromium, tmp_path / "other", page)  # another browser has no cookie
    assert "代码补全" not in dumped(chromium, tmp_path / "other", page)


def test_no_hostile_name_runs_a_script(chromium: str, running: RunningBoard, tmp_path: Path) -> None:
    """Each would open an alert, which headless Chromium shows by an element of its own or waits for."""
    hostile = next(place.key for place in running.places.all(RUN) if "script" in place.title)
    document = dumped(chromium, tmp_path, f"{running.origin}/runs/{hostile}?token={TOKEN}")
    assert "&lt;img src=x onerror=alert(2)&gt;" in document
    assert "<img" not in document


def test_a_page_of_another_origin_reads_and_starts_nothing(
    chromium: str, running: RunningBoard, tmp_path: Path
) -> None:
    """A file is another origin. It knows the address, and even the token; the answers are not its own to read."""
    tried = f"""<pre id=out></pre><iframe src="{running.link}"></iframe><script>
    const out = [];
    const ways = {{
      get: {{credentials: "include"}},
      post: {{method: "POST", credentials: "include"}},
      opaque: {{mode: "no-cors", credentials: "include"}},
    }};
    for (const [name, settings] of Object.entries(ways))
      fetch("{running.link}", settings)
        .then(async answer => out.push(`${{name}} ${{answer.type}} ${{(await answer.text()).length}}`))
        .catch(() => out.push(`${{name}} failed`))
        .then(() => document.getElementById("out").textContent = out.join("|"));
    </script>"""
    page = tmp_path / "evil.html"
    page.write_text(tried, encoding="utf-8")
    document = dumped(chromium, tmp_path / "profile", page.as_uri())
    results = sorted(document.partition('id="out">')[2].partition("<")[0].split("|"))
    assert results in (["get failed", "opaque failed", "post failed"], ["get failed", "opaque opaque 0", "post failed"])
