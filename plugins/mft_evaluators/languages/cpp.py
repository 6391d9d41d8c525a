"""C++: candidate and tests are compiled apart and meet in a process whose nonce was read before either was loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mft_evaluators.languages.braces import cut_at_end, open_blocks
from mft_evaluators.languages.language import COMPILE_SECONDS, MEBIBYTE, Fields, Language, not_compiled

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier

HARNESSES = Path(__file__).with_name("harnesses")
STANDARD = "-std=c++11 -w -I."
INCLUDES = "".join(
    f"#include <{name}>\n"
    for name in ("stdlib.h", "algorithm", "math.h", "stdio.h", "vector", "string", "climits", "cstring", "iostream")
)
"""In front of every candidate, as HumanEval-X's own harness puts them there."""
OPENSSL = Path("/usr/include/openssl/md5.h")
PREAMBLE_LINE = re.compile(r"^\s*(?:#include[^\n]*|using [^\n]*;|typedef [^\n]*;)[ \t]*$", re.MULTILINE)


class Cpp(Language):
    """Tests know the candidate's function by its declaration only: no macro, overload or `main` of it reaches them."""

    name, title, task_prefix = "cpp", "C++", "CPP"
    fences = ("cpp", "c++", "cc", "cxx", "c")
    commands = ("g++",)
    shared_process = True

    def lacking(self, fields: Fields) -> str:
        """OpenSSL's headers, for the one problem about MD5."""
        needed = "openssl/" in fields["declaration"] + fields["prompt"]
        return "OpenSSL's headers (libssl-dev)" if needed and not OPENSSL.exists() else ""

    def program(self, fields: Fields, completion: str) -> str:
        """Includes, the prompt and what continues it, or the whole function instead."""
        head = declared(fields["declaration"])
        name = entry_point(head)
        if re.search(rf"^[\w:<>&*, \t]+\b{name}\s*\([^;{{}}]{{0,2000}}\)\s*\{{", completion, re.MULTILINE):
            return INCLUDES + "\n".join(PREAMBLE_LINE.findall(head)) + "\n" + completion
        return INCLUDES + fields["prompt"] + completion

    def cut(self, fields: Fields, text: str) -> str:
        """Up to the function's closing brace."""
        return cut_at_end(text, max(1, len(open_blocks(fields["prompt"]))))

    def judge(self, fields: Fields, program: str, limits: Limits, tier: Tier) -> Outcome:
        """pass: the tests' main function came to its end."""
        from mft_core.sandbox import judge_with_nonce

        built = _library(program, "candidate", tier)
        if not built.passed:
            return built
        tests = _library_of_tests(f"{declared(fields['declaration'])};\n{fields['test']}", tier)
        files = {"run": _harness(tier), "candidate.so": built.result, "tests.so": tests}
        outcome = judge_with_nonce(["./run"], files, limits=limits, tier=tier)
        if outcome.verdict == "crash" and b"Assertion" in outcome.stderr:
            return replace(outcome, verdict="fail", detail=outcome.stderr.decode(errors="replace").strip()[-300:])
        return outcome


def declared(declaration: str) -> str:
    """Includes, helpers and the head of the function asked for, up to its opening brace."""
    unclosed = open_blocks(declaration)
    return declaration[: unclosed[0]] if unclosed else declaration.rstrip().rstrip(";")


def entry_point(head: str) -> str:
    """The name of the function whose head the text ends with."""
    return re.findall(r"(\w+)\s*\(", head[max(0, head.rstrip().rfind("\n")) :])[0]


def _library(source: str, name: str, tier: Tier) -> Outcome:
    """The outcome of compiling; its result is a shared library."""
    return _compile(f"-fPIC -shared -Wl,-Bsymbolic -o {name}.so", source, name, f"{name}.so", tier)


def _compile(options: str, source: str, name: str, product: str, tier: Tier) -> Outcome:
    from mft_core.sandbox import Limits, run_program

    libraries = "-lcrypto" if "openssl/" in source else ""
    command = f"g++ {STANDARD} {options} {name}.cc {libraries} -ldl && cat {product} >&3"
    bounds = Limits(
        seconds=COMPILE_SECONDS,
        cpu_seconds=round(COMPILE_SECONDS),
        memory_bytes=1024 * MEBIBYTE,
        output_bytes=16 * MEBIBYTE,
    )
    files: Mapping[str, str] = {f"{name}.cc": source, "boost/any.hpp": _published("any.hpp")}
    return not_compiled(run_program(["sh", "-c", command], files, limits=bounds, tier=tier))


@lru_cache(maxsize=512)
def _library_of_tests(source: str, tier: Tier) -> bytes:
    return _trusted(_library(source, "tests", tier))


@lru_cache(maxsize=4)
def _harness(tier: Tier) -> bytes:
    """The program that reads the nonce, loads both libraries and runs the tests; it binds its own symbols first."""
    source = _published("harness.cc")
    return _trusted(_compile("-O1 -Wl,-z,now -Wl,--no-as-needed -lm -o run", source, "run", "run", tier))


def _trusted(outcome: Outcome) -> bytes:
    """What was compiled of trusted sources.

    Raises:
        MftError: it does not compile: the machine's fault or the set's.
    """
    from mft_core.errors import MftError

    if not outcome.passed:
        hint = "Is the set as published, and g++ installed with its C++ library?"
        raise MftError(f"published C++ tests cannot be compiled: {outcome.verdict} {outcome.detail}", hint)
    return outcome.result


def _published(name: str) -> str:
    return (HARNESSES / name).read_text(encoding="utf-8")
