"""The plain table of `mft list`."""

from __future__ import annotations

import sys

import pytest

from mft_cli.columns import print_columns

COLUMNS = ("name", "summary", "status")
ROWS = [
    {"name": "famo", "summary": "weights by how fast losses fall", "status": "ok"},
    {"name": "mine", "summary": "", "status": "broken"},
]
COLOURS = {"ok": "green"}
Captured = pytest.CaptureFixture[str]


def table(capsys: Captured, rows: list[dict[str, str]] = ROWS) -> list[str]:
    print_columns(rows, COLUMNS, "summary", COLOURS)
    return capsys.readouterr().out.splitlines()


def test_columns_stand_below_their_headings(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert table(capsys) == [
        "name  summary                          status",
        "----  -------------------------------  ------",
        "famo  weights by how fast losses fall  ok",
        "mine                                   broken",
    ]


def test_only_the_summary_is_folded_where_there_is_too_little_room(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "34")
    assert table(capsys)[2:4] == ["famo  weights by how fast   ok", "      losses fall"]
    monkeypatch.setenv("COLUMNS", "1")
    assert table(capsys)[2:4] == ["famo  weights by how fast   ok", "      losses fall"]


def test_wide_characters_take_two_places(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = table(capsys, [{"name": "a", "summary": "中文", "status": "ok"}, ROWS[0]])
    assert lines[2].index("ok") + len("中文") == lines[3].index("ok")
    monkeypatch.setenv("COLUMNS", "40")
    folded = table(capsys, [{"name": "a", "summary": "中" * 25, "status": "ok"}])
    assert [line.count("中") for line in folded[2:]] == [13, 12]


@pytest.mark.parametrize("name", ["cafe\u0301", "हिन्दी", "中文"])
def test_marks_take_no_place(name: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.cells import cell_len

    monkeypatch.setenv("COLUMNS", "80")
    lines = table(capsys, [{"name": name, "summary": "x", "status": "ok"}, ROWS[0]])
    assert cell_len(lines[2].partition("x")[0]) == lines[3].index("weights")


def test_only_a_terminal_gets_colours(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "\x1b[32mok\x1b[0m" in table(capsys)[2]
    assert "\x1b" not in table(capsys)[3]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in table(capsys)[2]
