"""Java: the tests call a stub of the method, which asks the candidate in its own process; plain values cross."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from tarfile import TarFile
from typing import TYPE_CHECKING

from mft_evaluators.languages.braces import cut_at_end, open_blocks
from mft_evaluators.languages.language import COMPILE_SECONDS, GIBIBYTE, MEBIBYTE, MORE_SECONDS, Fields, Language

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier

HARNESSES = Path(__file__).with_name("harnesses")
SOURCES = ("Plain.java", "Sources.java", "CandidateSide.java", "TestsSide.java")
OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto", "-Xmx512m")
START = ("java", *OPTIONS, "--add-opens", "java.base/java.io=ALL-UNNAMED", "-cp", "harness")
"""Opened is what Java has of descriptors beyond the first three."""
IMPORT = re.compile(r"^\s*import [\w.*]+(?: [\w.*]+)?;[ \t]*$", re.MULTILINE)
CLASS = re.compile(r"^(?:public[ \t]+|final[ \t]+)*class\s+(\w+)", re.MULTILINE)
METHOD = re.compile(
    r"(?P<result>[\w<>\[\],.? ]+?)\s+(?P<name>\w+)\s*\((?P<parameters>[^()]*)\)\s*(?:throws [\w ,.]+)?\{\s*\Z"
)
PLAIN = re.compile(
    r"public|protected|private|static|final|boolean|char|int|long|float|double|Boolean|Character|Integer|Long|Float|Double"
    r"|Number|String|Object|BigInteger|BigDecimal|Optional|(?:Linked|Array)?List|Collection|Queue|Deque"
    r"|(?:Linked)?(?:Hash)?(?:Map|Set)|Tree(?:Map|Set)|Entry|java|util|lang|math"
)
"""Words of types that values can cross in, and of modifiers."""
GENERIC = re.compile(r"<[^<>]*>")
START_SECONDS = 20.0
"""What starting Java and its compiler may take on a busy machine, besides the tests."""


@dataclass(frozen=True)
class Signature:
    """A method's head in its parts: all code up to its opening brace, its class, its name, the parameters' names, the
    class that it returns, the words of types and modifiers in it, and how many braces are open then."""

    head: str
    owner: str
    name: str
    names: tuple[str, ...]
    result: str
    words: frozenset[str]
    depth: int


class Java(Language):
    """The tests are a program of their own, which the candidate never enters; what comes back are objects of the JDK,
    whose `equals` the candidate cannot choose."""

    name, title, task_prefix = "java", "Java", "Java"
    fences = ("java",)
    commands = ("java", "javac")

    def lacking(self, fields: Fields) -> str:
        """A plain form of what the method takes or returns."""
        strange = sorted(word for word in signature(fields["declaration"]).words if not PLAIN.fullmatch(word))
        return f"a plain form of {', '.join(strange)}" if strange else ""

    def program(self, fields: Fields, completion: str) -> str:
        """The prompt and what continues it; or the whole class or method instead."""
        imports = "\n".join(IMPORT.findall(fields["prompt"] + fields["canonical_solution"])) + "\n"
        if CLASS.search(completion):
            return imports + completion
        name = signature(fields["declaration"]).name
        if _has_method(completion, name):
            owner = signature(fields["declaration"]).owner
            return f"{imports}class {owner} {{\n{completion}\n}}\n"
        return fields["prompt"] + completion

    def cut(self, fields: Fields, text: str) -> str:
        """Up to the class's closing brace: methods that follow belong to the answer."""
        return cut_at_end(text, max(1, len(open_blocks(fields["prompt"]))))

    def judge(self, fields: Fields, program: str, limits: Limits, tier: Tier) -> Outcome:
        """pass: the tests' main method came to its end."""
        from mft_core.sandbox import Program, judge_pair

        it = signature(fields["declaration"])
        harness = _harness(tier)
        candidate = Program(
            [*START, "CandidateSide", it.owner, it.name],
            {**harness, "candidate.txt": program},
            limits=_java(limits, START_SECONDS),
        )
        tests = Program(
            [*START, "TestsSide"],
            {**harness, "tests.txt": f"{it.head}{_stub(it)}\n{fields['test']}"},
            limits=_java(limits, START_SECONDS + MORE_SECONDS),
        )
        return judge_pair(candidate, tests, tier)


def signature(declaration: str) -> Signature:
    """Of the method that the declaration begins last.

    Raises:
        MftError: it begins none.
    """
    from mft_core.errors import MftError

    unclosed = open_blocks(declaration)
    head = declaration[: unclosed[1] + 1] if len(unclosed) > 1 else declaration
    found = METHOD.search(head)
    if found is None:
        raise MftError(f"a declaration begins no Java method: {head[-200:]!r}", "Is the set as published?")
    bare = {name: GENERIC.sub("", found[name]) for name in ("result", "parameters")}
    while GENERIC.search("".join(bare.values())):
        bare = {name: GENERIC.sub("", text) for name, text in bare.items()}
    names = tuple(part_words[-1] for part in bare["parameters"].split(",") if (part_words := part.split()))
    owner = CLASS.findall(head)[-1]
    words = frozenset(re.findall(r"[a-zA-Z_]\w*", f"{found['result']} {found['parameters']}")) - set(names)
    return Signature(head, owner, found["name"], names, bare["result"].split()[-1], words, len(open_blocks(head)))


def _stub(it: Signature) -> str:
    """The body of the method that asks the candidate's process, and the end of its class."""
    given = ", ".join(it.names)
    return f" return TestsSide.call({it.result}.class, new Object[] {{{given}}}); " + "}" * it.depth


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
