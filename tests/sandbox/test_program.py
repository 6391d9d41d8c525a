"""What a program is given, and what is wrong use."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from mft_core.errors import MftError
from mft_core.sandbox import Limits, Tier, available_tiers, run_program

pytestmark = pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")
GENEROUS = Limits(seconds=60.0, cpu_seconds=60)


def test_program_gets_what_it_is_given_and_nothing_else(tier: Tier) -> None:
    script = """
env > environment; cat environment; cat; cat inner/data; cat <&4; cat "$1"; ls -A; printf result >&3; exit 7
"""
    given = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        given.chmod(0o755)
        given.joinpath("library").write_text("[library]")
        given.joinpath("library").chmod(0o644)
        outcome = run_program(
            ["sh", "main.sh", str(given / "library")],
            {"main.sh": script, "inner/data": b"[data]"},
            stdin="[stdin]",
            environment={"GIVEN": "[variable]"},
            readable=[given],
            private=b"[private]",
            tier=tier,
        )
    finally:
        shutil.rmtree(given)
    text = outcome.stdout.decode()
    assert (outcome.verdict, outcome.exit_code, outcome.result) == ("fail", 7, b"result"), outcome
    assert "[stdin][data][private][library]environment\ninner\nmain.sh\n" in text
    names = {line.partition("=")[0] for line in text.splitlines() if "=" in line}
    assert names <= {"PATH", "HOME", "TMPDIR", "LANG", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "GIVEN", "PWD", "_"}
    assert "GIVEN=[variable]" in text


def test_wrong_use_is_told(tier: Tier) -> None:
    with pytest.raises(MftError, match="not installed"):
        run_program(["no-such-program-anywhere"], tier=tier)
    for name in ("../out", "/etc/out"):
        with pytest.raises(MftError, match="may not be named"):
            run_program(["true"], {name: ""}, tier=tier)
    assert run_program(["./absent"], tier=tier).verdict == "fail"


ORDINARY = """
import os, shutil, tarfile, zipfile
with open("one", "w") as file:
    file.write("x" * 1000)
shutil.copy2("one", "two")
shutil.copytree(".", "copy", ignore=shutil.ignore_patterns("copy"))
with tarfile.open("all.tar", "w") as archive:
    archive.add("one"); archive.add("copy")
with tarfile.open("all.tar") as archive:
    archive.extractall("unpacked")
with zipfile.ZipFile("all.zip", "w") as archive:
    archive.write("two")
    archive.extractall("unzipped")
shutil.move("two", "three")
os.utime("three")
assert os.path.getsize("unpacked/copy/one") == os.path.getsize("three") == 1000
assert os.system("touch four && cp -a copy five && tar xf all.tar -C five && test -e five/one") == 0
"""


def test_programs_that_copy_and_unpack_their_own_files_work(tier: Tier) -> None:
    outcome = run_program(["python3", "main.py"], {"main.py": ORDINARY}, limits=GENEROUS, tier=tier)
    assert outcome.passed, outcome
