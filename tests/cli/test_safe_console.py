"""Nothing that a file says acts on the terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from helpers.running import mft
from helpers.tiny_models import write_checkpoint
from mft_cli.safe_console import SafeConsole

EVIL = "a\x1b]0;owned\x07b\x1b[2Jc\rd\u202ee\x9bf"
SHOWN = r"a\x1b]0;ownedb\x1b[2Jcd\u202ee\x9bf"
"""Two of them rich leaves out itself."""


def test_text_is_escaped_and_colours_stay() -> None:
    stream = io.StringIO()
    console = SafeConsole(file=stream, force_terminal=True, color_system="standard", width=200)
    table = Table("name")
    table.add_row(Text(EVIL))
    console.print(Text(f"{EVIL}\nnext", style="red"))
    console.print(table)
    written = stream.getvalue()
    lines = written.splitlines()
    assert lines[0] == f"\x1b[31m{SHOWN}\x1b[0m"
    assert lines[1] == "\x1b[31mnext\x1b[0m"
    assert SHOWN[:12] in "".join(lines[2:])
    for sign in ("\x1b]", "\x07", "\x1b[2J", "\r", "\u202e", "\x9b"):
        assert sign not in written


def test_errors_show_names_and_configurations_without_acting_them_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_checkpoint("llama", tmp_path / "a\x1b[2Jb")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": EVIL}))
    assert mft("generate", str(folder), "--prompt", "hi") == 1
    (folder / "config.json").write_text("\x1b[2J")
    assert mft("export", str(folder), "--output", str(tmp_path / "out")) == 1
    written = capsys.readouterr()
    assert "\\x1b[2J" in written.err
    assert "\x1b" not in written.out + written.err
