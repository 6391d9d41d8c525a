"""Java: candidate and tests are compiled apart, loaded apart, and only copies of JDK values come back to the tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from tarfile import TarFile
from typing import TYPE_CHECKING

from mft_evaluators.languages.braces import cut_at_end, open_blocks
from mft_evaluators.languages.language import COMPILE_SECONDS, GIBIBYTE, MEBIBYTE, Fields, Language

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier

HARNESSES = Path(__file__).with_name("harnesses")
SOURCES = ("Harness.java", "Bridge.java", "Wrappers.java")
OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto", "-Xmx512m")
START = f"exec java {' '.join(OPTIONS)} -cp harness Harness <&4 4<&- 1>&2 2>&3 3>&-"
"""The nonce on standard input, what the program prints on standard error, the result where Java has standard error."""
IMPORT = re.compile(r"^\s*import [\w.*]+(?: [\w.*]+)?;[ \t]*$", re.MULTILINE)
CLASS = re.compile(r"^(?:public[ \t]+|final[ \t]+)*class\s+(\w+)", re.MULTILINE)
START_SECONDS = 20.0
"""What starting Java and its compiler may take on a busy machine, besides the tests."""


class Java(Language):
    """The tests are compiled against the published solution's signatures: no class of the candidate's stands for one
    that they use, and `equals` of what it returns is the JDK's."""

    name, title, task_prefix = "java", "Java", "Java"
    fences = ("java",)
    commands = ("java", "javac")
    shared_process = True

    def program(self, fields: Fields, completion: str) -> str:
        """The prompt and what continues it; or the whole class or method instead."""
        imports = "\n".join(IMPORT.findall(fields["prompt"] + fields["canonical_solution"])) + "\n"
        if CLASS.search(completion):
            return imports + completion
        name = _method(fields["declaration"])
        if _has_method(completion, name):
            owner = CLASS.findall(fields["declaration"])[-1]
            return f"{imports}class {owner} {{\n{completion}\n}}\n"
        return fields["prompt"] + completion

    def cut(self, fields: Fields, text: str) -> str:
        """Up to the class's closing brace: methods that follow belong to the answer."""
        return cut_at_end(text, max(1, len(open_blocks(fields["prompt"]))))

    def judge(self, fields: Fields, program: str, limits: Limits, tier: Tier) -> Outcome:
        """pass: the tests' main method came to its end."""
        from mft_core.sandbox import judge_with_nonce

        files: dict[str, bytes | str] = {
            **_harness(tier),
            "candidate.txt": program,
            "reference.txt": self.program(fields, fields["canonical_solution"]),
            "tests.txt": fields["test"],
        }
        outcome = judge_with_nonce(["sh", "-c", START], files, limits=_java(limits, START_SECONDS), tier=tier)
        return replace(outcome, verdict="fail") if outcome.exit_code == 1 and outcome.verdict == "crash" else outcome


def _java(limits: Limits, more_seconds: float) -> Limits:
    """A JVM reserves far more addresses than it uses, and has threads of its own."""
    return replace(
        limits,
        seconds=limits.seconds + more_seconds,
        cpu_seconds=limits.cpu_seconds + round(more_seconds),
        memory_bytes=max(limits.memory_bytes, 1536 * MEBIBYTE),
        address_space_bytes=16 * GIBIBYTE,
        processes=max(limits.processes, 128),
    )


@lru_cache(maxsize=4)
def _harness(tier: Tier) -> Mapping[str, bytes]:
    """The compiled harness: the classes' files by name.

    Raises:
        MftError: it does not compile.
    """
    from mft_core.errors import MftError
    from mft_core.sandbox import Limits, run_program

    sources = {name: (HARNESSES / name).read_text(encoding="utf-8") for name in SOURCES}
    command = f"javac -J-XX:TieredStopAtLevel=1 -d harness {' '.join(SOURCES)} && tar cf - harness >&3"
    bounds = _java(Limits(seconds=COMPILE_SECONDS, cpu_seconds=round(COMPILE_SECONDS)), 0)
    outcome = run_program(["sh", "-c", command], sources, limits=bounds, tier=tier)
    if not outcome.passed:
        errors = outcome.stderr.decode(errors="replace")[-500:]
        raise MftError(f"the judge for Java cannot be compiled: {outcome.verdict} {errors}", "Is a JDK 11+ installed?")
    with TarFile(fileobj=BytesIO(outcome.result)) as archive:
        return {member.name: _content(archive, member.name) for member in archive if member.isfile()}


def _content(archive: TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    return file.read() if file else b""


def _has_method(source: str, name: str) -> bool:
    """Whether the source has a method of that name with a modifier; read once, however long and odd it is."""
    marks = re.compile(rf"^[ \t]*(?:public|private|protected|static)\b|\b{name}\s*\(|[;={{}}]", re.MULTILINE)
    modified = head = False
    for mark in marks.finditer(source):
        if mark[0] == "{" and head:
            return True
        if mark[0].endswith("("):
            head = head or modified
        elif mark[0] == "=":
            modified = False
        elif mark[0] in ";{}":
            modified = head = False
        else:
            modified = True
    return False


def _method(declaration: str) -> str:
    """The method that the declaration ends with."""
    return re.findall(r"(\w+)\s*\([^()]*\)[^(){}]*\{", declaration)[-1]
