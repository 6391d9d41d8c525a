"""C++: the tests call a stub of the function, which asks the candidate in its own process; plain values cross."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mft_evaluators.languages.braces import cut_at_end, open_blocks
from mft_evaluators.languages.language import COMPILE_SECONDS, MEBIBYTE, Fields, Language, not_compiled, outlasting

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


SIGNATURE = re.compile(r"(?P<result>[\w:<>,&* \t]*[\s>&*])(?P<name>\w+)\s*\((?P<parameters>[^()]*)\)\s*\Z")
PARAMETER = re.compile(r"(\w+)\s*(?:,|\Z)")
ANGLES = re.compile(r"<[^<>]*>")
PLAIN = re.compile(r"std|vector|list|set|map|pair|string|boost|any|list_any|bool|char|int|long|float|double|const")
"""Words of types that values can cross in."""
HEADERS = ("plain_values.hpp", "candidate_side.hpp", "tests_side.hpp")


@dataclass(frozen=True)
class Signature:
    """A function's head in its parts: what it returns, its name, its parameters as written, and their names."""

    result: str
    name: str
    parameters: str
    names: tuple[str, ...]


class Cpp(Language):
    """The tests are a program of their own, which the candidate never enters; values that come back have the type that
    the published declaration names."""

    name, title, task_prefix = "cpp", "C++", "CPP"
    fences = ("cpp", "c++", "cc", "cxx", "c")
    commands = ("g++",)

    def lacking(self, fields: Fields) -> str:
        """OpenSSL's headers, for the one problem about MD5; a plain form of what the function takes or returns."""
        head = signature(declared(fields["declaration"]))
        types = set(re.findall(r"[a-zA-Z_]\w*", f"{head.result} {head.parameters}")) - set(head.names)
        if strange := sorted(word for word in types if not PLAIN.fullmatch(word)):
            return f"a plain form of {', '.join(strange)}"
        needed = "openssl/" in fields["declaration"] + fields["prompt"]
        return "OpenSSL's headers (libssl-dev)" if needed and not OPENSSL.exists() else ""

    def program(self, fields: Fields, completion: str) -> str:
        """Includes, the prompt and what continues it, or the whole function instead."""
        head = declared(fields["declaration"])
        name = signature(head).name
        if re.search(rf"^[\w:<>&*, \t]+\b{name}\s*\([^;{{}}]{{0,2000}}\)\s*\{{", completion, re.MULTILINE):
            return INCLUDES + "\n".join(PREAMBLE_LINE.findall(head)) + "\n" + completion
        return INCLUDES + fields["prompt"] + completion

    def cut(self, fields: Fields, text: str) -> str:
        """Up to the function's closing brace."""
        return cut_at_end(text, max(1, len(open_blocks(fields["prompt"]))))

    def judge(self, fields: Fields, program: str, limits: Limits, tier: Tier) -> Outcome:
        """pass: the tests' main function came to its end."""
        from mft_core.sandbox import Program, judge_pair

        built = _library(program, "candidate", tier)
        if not built.passed:
            return built
        serving, tests = _both_sides(declared(fields["declaration"]), fields["test"], tier)
        files = {"run": _candidate_main(tier), "candidate.so": built.result, "serving.so": serving}
        return judge_pair(
            Program(["./run"], files, limits=limits),
            Program(["./tests"], {"tests": tests}, limits=outlasting(limits)),
            tier,
        )


def declared(declaration: str) -> str:
    """Includes, helpers and the head of the function asked for, up to its opening brace."""
    unclosed = open_blocks(declaration)
    return declaration[: unclosed[0]] if unclosed else declaration.rstrip().rstrip(";")


def signature(head: str) -> Signature:
    """Of the function whose head the text ends with.

    Raises:
        MftError: it ends with none.
    """
    from mft_core.errors import MftError

    found = SIGNATURE.search(head)
    if found is None:
        raise MftError(f"a declaration begins no C++ function: {head[-200:]!r}", "Is the set as published?")
    bare = found["parameters"]
    while ANGLES.search(bare):
        bare = ANGLES.sub(" ", bare)
    return Signature(found["result"].strip(), found["name"], found["parameters"], tuple(PARAMETER.findall(bare)))


@lru_cache(maxsize=512)
def _both_sides(head: str, test: str, tier: Tier) -> tuple[bytes, bytes]:
    """The library that calls the candidate's function, and the program of the tests; both of trusted sources."""
    it = signature(head)
    serving = (
        f'#include "candidate_side.hpp"\n{head};\n{it.result} mft_type({it.parameters});\n'
        f'extern "C" int mft_serve() {{ decltype(mft_type) *function = {it.name}; return mft::serve(function); }}\n'
    )
    stub = f" {{ return mft::call<{it.result}>({', '.join(it.names)}); }}\n"
    tests = f'#include "tests_side.hpp"\n{head}{stub}{test}'
    return _trusted(_library(serving, "serving", tier)), _trusted(_compile("-o tests", tests, "tests", "tests", tier))


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
    headers = {header: _published(header) for header in HEADERS if header in source or name in ("serving", "tests")}
    files = {f"{name}.cc": source, "boost/any.hpp": _published("any.hpp"), **headers}
    return not_compiled(run_program(["sh", "-c", command], files, limits=bounds, tier=tier))


@lru_cache(maxsize=4)
def _candidate_main(tier: Tier) -> bytes:
    return _trusted(_compile("-O1 -Wl,--no-as-needed -lm -o run", _published("candidate_main.cc"), "run", "run", tier))


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
