"""Go: the tests call a stub of the function, which asks the candidate in its own process; plain values cross."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mft_evaluators.languages.braces import cut_at_end, open_blocks
from mft_evaluators.languages.language import GIBIBYTE, MEBIBYTE, Fields, Language, not_compiled, outlasting

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier

HARNESSES = Path(__file__).with_name("harnesses")
COMPILE_SECONDS = 180.0
"""Without a cache, recent Go compiles its standard library first."""
COMMON = (
    *("bufio", "bytes", "crypto/md5", "encoding/hex", "errors", "fmt", "io", "math", "math/big", "math/bits"),
    *("math/rand", "os", "regexp", "sort", "strconv", "strings", "time", "unicode", "unicode/utf8"),
)
"""Packages that are imported where a program uses them and does not say so; HumanEval-X's own harness does the same."""
TESTIFY = "github.com/stretchr/testify/assert"
IMPORTS = re.compile(r"^import\s*(?:\(([^()]*)\)|(\"[^\"\n]*\"))[ \t]*$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"//[^\n]*")
PACKAGE = re.compile(r"^package \w+[ \t]*$", re.MULTILINE)
BUILD = "GOCACHE=$PWD/.cache GOPATH=$PWD/.path GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local GO111MODULE=on"


MODULE = "judged"
SIGNATURE = re.compile(r"^func (?P<name>\w+)\((?P<parameters>[^()]*)\)(?P<result>[^()]*)\Z", re.MULTILINE)
PLAIN = re.compile(r"u?int(8|16|32|64)?|rune|byte|float32|float64|string|bool|map|interface")
"""Words of types that values can cross in."""


@dataclass(frozen=True)
class Signature:
    """A function's head in its parts: the code before it, its name, its parameters as written and their names, and what
    it returns."""

    before: str
    name: str
    parameters: str
    names: tuple[str, ...]
    result: str


class Go(Language):
    """The tests are a program of their own, which the candidate never enters; values that come back have the type that
    the published declaration names."""

    name, title, task_prefix = "go", "Go", "Go"
    fences = ("go", "golang")
    commands = ("go",)

    def lacking(self, fields: Fields) -> str:
        """A plain form of what the function takes or returns."""
        it = signature(fields["declaration"])
        types = set(re.findall(r"[a-zA-Z_]\w*", f"{it.parameters} {it.result}")) - set(it.names)
        strange = sorted(word for word in types if not PLAIN.fullmatch(word))
        return f"a plain form of {', '.join(strange)}" if strange else ""

    def program(self, fields: Fields, completion: str) -> str:
        """The prompt and what continues it, or the whole function instead."""
        name = signature(fields["declaration"]).name
        if re.search(rf"^func\s+{name}\b", completion, re.MULTILINE):
            return f"{fields.get('import', '')}\n{completion}"
        return fields["prompt"] + completion

    def cut(self, fields: Fields, text: str) -> str:
        """Up to the function's closing brace."""
        return cut_at_end(text, 1)

    def judge(self, fields: Fields, program: str, limits: Limits, tier: Tier) -> Outcome:
        """pass: all of the tests' assertions held."""
        from mft_core.sandbox import Program, judge_pair

        built = _build(_candidate_files(signature(fields["declaration"]).name, program), tier)
        if not built.passed:
            return built
        tests = _tests(
            "\n".join((fields.get("import", ""), fields.get("test_setup", ""))),
            _with_helpers(fields),
            fields["test"],
            tier,
        )
        bounds = replace(limits, address_space_bytes=16 * GIBIBYTE)
        return judge_pair(
            Program(["./run"], {"run": built.result}, limits=bounds),
            Program(["./run"], {"run": tests}, limits=outlasting(bounds)),
            tier,
        )


def _build(files: dict[str, str], tier: Tier) -> Outcome:
    from mft_core.sandbox import Limits, run_program

    bounds = Limits(
        seconds=COMPILE_SECONDS,
        cpu_seconds=round(COMPILE_SECONDS),
        memory_bytes=2048 * MEBIBYTE,
        address_space_bytes=16 * GIBIBYTE,
        output_bytes=32 * MEBIBYTE,
        file_bytes=1024 * MEBIBYTE,
        files=20000,
        processes=128,
    )
    # Go ignores a go.mod that lies in the temporary folder itself, which the working folder is in the sandbox.
    command = ["sh", "-c", f"mkdir .tmp && TMPDIR=$PWD/.tmp {BUILD} go build -o run . && cat run >&3"]
    return not_compiled(run_program(command, files, limits=bounds, tier=tier))


def _candidate_files(name: str, program: str) -> dict[str, str]:
    """A program that answers calls of the candidate's function."""
    return {
        **_harness("crossing", "testing"),
        "main.go": f'package main\n\nimport (\n\t"{MODULE}/candidate"\n\t"{MODULE}/crossing"\n)\n\n'
        f"func main() {{ crossing.Serve(candidate.{name}) }}\n",
        "candidate/candidate.go": _assemble("candidate", program, [], {}),
    }


@lru_cache(maxsize=512)
def _tests(imports: str, declaration: str, test: str, tier: Tier) -> bytes:
    """The program of the tests, of trusted sources.

    Raises:
        MftError: it does not compile: the machine's fault or the set's.
    """
    from mft_core.errors import MftError

    it = signature(declaration)
    asked = ", ".join(f"&{name}" for name in ("mftResult", *it.names))
    stub = f"func {it.name}({it.parameters}) (mftResult {it.result}) {{\n\tcrossing.Call({asked})\n\treturn\n}}\n"
    calls = "".join(f"\tcrossing.Run({name})\n" for name in re.findall(r"^func (Test\w+)\(", test, re.MULTILINE))
    source = f"{imports}\n{it.before}\n{stub}{test}\nfunc main() {{\n{calls}\tcrossing.Pass()\n}}\n"
    renamed = {"testing": f"{MODULE}/testing", TESTIFY: f"{MODULE}/assert"}
    files = {
        **_harness("crossing", "testing", "assert"),
        "main.go": _assemble("main", source, [f'"{MODULE}/crossing"'], renamed),
    }
    outcome = _build(files, tier)
    if not outcome.passed:
        hint = "Is the set as published, and Go 1.18 or later installed?"
        raise MftError(f"published Go tests cannot be compiled: {outcome.verdict} {outcome.detail}", hint)
    return outcome.result


def _harness(*packages: str) -> dict[str, str]:
    sources = {name: (HARNESSES / f"go_{name}.go.txt").read_text(encoding="utf-8") for name in packages}
    named = {f"{name}/{name}.go": source.replace("MODULE", MODULE) for name, source in sources.items()}
    return {"go.mod": f"module {MODULE}\n\ngo 1.18\n", **named}


def _assemble(package: str, source: str, first: list[str], renamed: dict[str, str]) -> str:
    """A file of a package: its imports are those the code uses, since Go refuses others."""
    named = [path for match in IMPORTS.finditer(source) for path in re.findall(r'"([^"\n]+)"', match[0])]
    code = PACKAGE.sub("", IMPORTS.sub("", source))
    bare = COMMENT.sub("", code)
    used = [path for path in dict.fromkeys([*named, *COMMON]) if re.search(rf"\b{path.split('/')[-1]}\.", bare)]
    imports = [*first, *(f'"{renamed.get(path, path)}"' for path in used)]
    return f"package {package}\n\nimport (\n" + "".join(f"\t{line}\n" for line in imports) + f")\n{code}"


def _with_helpers(fields: Fields) -> str:
    """The prompt, which has the helpers that tests call, or the declaration where it begins no function."""
    return fields["prompt"] if re.search(r"^func ", fields["prompt"], re.MULTILINE) else fields["declaration"]


def signature(declaration: str) -> Signature:
    """Of the function that the declaration begins last.

    Raises:
        MftError: it begins none.
    """
    from mft_core.errors import MftError

    unclosed = open_blocks(declaration)
    head = declaration[: unclosed[0]] if unclosed else declaration
    found = SIGNATURE.search(head)
    if found is None:
        raise MftError(f"a declaration begins no Go function: {head[-200:]!r}", "Is the set as published?")
    names = tuple(words[0] for part in found["parameters"].split(",") if (words := part.split()))
    before = PACKAGE.sub("", IMPORTS.sub("", head[: found.start()]))
    return Signature(before, found["name"], found["parameters"], names, found["result"].strip())
