"""Standard streams and arguments that are no text in the locale's encoding, with real processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mft_cli.streams import checked
from mft_core.errors import UsageError

SMALL = ("tiny", "--model", "llama", "--max-new-tokens", "30")


def run(*arguments: str | bytes, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "mft_cli", *arguments]
    given = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, input=stdin, capture_output=True, env=given, timeout=300, check=False)


def test_text_is_told_from_what_is_none() -> None:
    assert checked("h\u00e9 \u4f60\ufffd", "it") == "h\u00e9 \u4f60\ufffd"
    with pytest.raises(UsageError, match=r"^it is not GB18030: its character 2 is the byte 0xff\."):
        checked("h\udcff", "it", "gb18030")


@pytest.mark.slow
def test_what_an_encoding_lacks_is_shown_as_an_escape() -> None:
    # The random model answers "h\u00e9" with bytes that are no character.
    shown = run("generate", *SMALL, "--prompt", "h\u00e9", PYTHONIOENCODING="iso-8859-1", PYTHONUTF8="1")
    assert shown.returncode == 0, shown.stderr
    assert "\\ufffd" in shown.stdout.decode("iso-8859-1")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_prompt_that_is_no_text_is_named(encoding: str) -> None:
    piped = run("generate", *SMALL, "--prompt", "-", stdin=b"hello \xff", PYTHONIOENCODING=encoding)
    assert piped.returncode == 2
    expected = f"error: The prompt on standard input is not {encoding.upper()}: its character 7 is the byte 0xff."
    assert expected in piped.stderr.decode()


@pytest.mark.slow
def test_a_prompt_in_the_arguments_that_is_no_text_is_named() -> None:
    given = run("generate", *SMALL, "--prompt", b"hello \xff", PYTHONUTF8="1")
    assert given.returncode == 2
    assert "error: --prompt is not UTF-8: its character 7 is the byte 0xff." in given.stderr.decode()


@pytest.mark.slow
def test_a_conversation_goes_on_after_a_line_that_is_no_text() -> None:
    # What is said after /new is answered as before, but for the line in between; all in the encoding of the streams.
    first, second = "h\u00e9\n".encode("gb18030"), b"bye\n"
    typed = first + b"x \xff\n" + second + b"/new\n" + first + second
    said = run("chat", *SMALL, stdin=typed, PYTHONIOENCODING="gb18030")
    assert said.returncode == 0, said.stderr
    half = len(said.stdout) // 2
    assert said.stdout[:half] == said.stdout[half:]
    assert "\ufffd" in said.stdout.decode("gb18030")
    message = "error: This message is not GB18030: its character 3 is the byte 0xff."
    assert said.stderr.decode("gb18030").count(message) == 1
