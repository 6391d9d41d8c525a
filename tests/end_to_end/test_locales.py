"""Data in UTF-8, in names and in files, under locales of every encoding: real processes (fault 40)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.running import events, settings, write_tasks
from helpers.workers import run_commands_in

LOCALES = {"zh_CN.GB18030": ("zh_CN", "GB18030"), "de_DE.ISO-8859-1": ("de_DE", "ISO-8859-1"), "C": ("", "UTF-8")}
"""Name -> what `localedef` makes it from; the interpreter is in UTF-8 mode in C."""


CHARMAP = """<code_set_name> {}
<mb_cur_min> 1
<mb_cur_max> {}
<comment_char> %
<escape_char> /
CHARMAP
{}
END CHARMAP
"""


def write_charmap(path: Path, encoding: str) -> Path:
    """The letters of ASCII: all of GB18030's take ten times as long, and the C library converts by its name."""
    letters = "\n".join(f"<U{number:04X}> /x{number:02x} c" for number in range(128))
    longest = len("\U00020000".encode(encoding, "replace"))
    path.write_text(CHARMAP.format(encoding, longest, letters), encoding="ascii")
    return path


@pytest.fixture(scope="module")
def locale(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables that set a locale, which is built where the machine has none; skipped where it cannot be."""
    language, encoding = LOCALES[request.param]
    given = {"LC_ALL": request.param, "OMP_NUM_THREADS": "1"}
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHON"))}
    if not language:
        return {**clean, **given}
    folder = tmp_path_factory.mktemp("locales")
    if not shutil.which("localedef"):
        pytest.skip("there is no localedef to build the locale")
    charmap = write_charmap(folder / "charmap", encoding)
    command = ["localedef", "-c", "-i", language, "-f", str(charmap), str(folder / request.param)]
    made = subprocess.run(command, capture_output=True, check=False)
    variables = {**clean, **given, "LOCPATH": str(folder)}
    ask = "import locale; locale.setlocale(locale.LC_ALL, ''); print(locale.nl_langinfo(locale.CODESET))"
    found = subprocess.run([sys.executable, "-c", ask], env=variables, capture_output=True, text=True, check=False)
    if encoding not in found.stdout:
        pytest.skip(f"the locale {request.param} cannot be built here: {made.stderr!r}")
    return variables


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tasks; a record, a recipe and every name with letters that no one-byte encoding has together."""
    folder = tmp_path_factory.mktemp("place")
    write_tasks(folder / "données", {"代码": 12, "hé": 8})
    record = {"prompt": "日本 é", "response": "ответ"}
    with (folder / "données" / "hé" / "train.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(record, ensure_ascii=False) + "\n")
    (folder / "rezept.toml").write_text('[data]\npath = "données"\ninclude = ["代码", "hé"]\n', encoding="utf-8")
    return folder


def mft(place: Path, locale: dict[str, str], *command: str | bytes) -> subprocess.CompletedProcess[bytes]:
    program = [sys.executable, "-m", "mft_cli", *command]
    return subprocess.run(program, cwd=place, env=locale, capture_output=True, timeout=300, check=False)


@pytest.mark.parametrize("locale", [name for name in LOCALES if name != "C"], indirect=True)
def test_the_locale_has_no_effect_on_a_run(place: Path, locale: dict[str, str]) -> None:
    """Checked, trained, resumed, reported and asked, by one process, since to start one is what takes time.

    In UTF-8, as C is too, everything else here runs.
    """
    output = f"läufe-{locale['LC_ALL']}"
    common = ("rezept.toml", "--model", "llama", *settings("model.dtype=float32", "data.max_length=128"))
    commands = (
        ["check", *common, "--json"],
        ["run", *common, "--steps", "2", "--output", output],
        ["run", "--resume", "--steps", "3", "--output", output],
        ["report", output],
        ["generate", output, "--prompt", "hé 日本", "--max-new-tokens", "3"],
    )
    run_commands_in(place, locale, *commands)
    run = place / output
    assert list(events(run, "eval")[-1]["tasks"]) == ["hé", "代码"]
    assert events(run, "eval")[-1]["step"] == 3
    assert all(name in (run / "report.html").read_text(encoding="utf-8") for name in ("hé", "代码"))


@pytest.mark.parametrize("locale", LOCALES, indirect=True)
def test_what_is_typed_and_shown_has_the_locales_encoding(place: Path, locale: dict[str, str]) -> None:
    encoding = LOCALES[locale["LC_ALL"]][1]
    (place / "x.jsonl").write_text('{"prompt": "q", "response": "a"}\n', encoding="utf-8")
    typed = "gr\u00fc\u00df e"
    refused = mft(place, locale, "check", "--model", "llama", "--task", f"{typed}=x.jsonl".encode(encoding))
    assert refused.returncode == 2
    assert f"'{typed}' cannot be the name of a task" in refused.stderr.decode(encoding)
    missing = mft(place, locale, "check", "--model", "llama", "--data", "nirgends/h\u00e9")
    assert missing.returncode == 2
    assert "nirgends/h\u00e9 is not a folder" in missing.stderr.decode(encoding)
