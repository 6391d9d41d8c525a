"""Go: the candidate is a package of its own, initialised after the package that has read the nonce."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mft_evaluators.languages.braces import cut_at_end
from mft_evaluators.languages.language import GIBIBYTE, MEBIBYTE, Fields, Language, not_compiled

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
PACKAGE = re.compile(r"^package \w+[ \t]*$", re.MULTILINE)
BUILD = "GOCACHE=$PWD/.cache GOPATH=$PWD/.path GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local GO111MODULE=on"


class Go(Language):
    """Tests import the candidate's exported functions only: it cannot redefine `true`, nor keep tests from running,
    since they are called by a main function and not found by `go test`."""

    name, title, task_prefix = "go", "Go", "Go"
    fences = ("go", "golang")
    commands = ("go",)
    shared_process = True

    def program(self, fields: Fields, completion: str) -> str:
        """The prompt and what continues it, or the whole function instead."""
        name = _entry_point(fields["declaration"])
        if re.search(rf"^func\s+{name}\b", completion, re.MULTILINE):
            return f"{fields.get('import', '')}\n{completion}"
        return fields["prompt"] + completion

    def cut(self, fields: Fields, text: str) -> str:
        """Up to the function's closing brace."""
        return cut_at_end(text, 1)

    def judge(self, fields: Fields, program: str, limits: Limits, tier: Tier) -> Outcome:
        """pass: all of the tests' assertions held."""
        from mft_core.sandbox import judge_with_nonce

        built = _build(_files(fields, program), tier)
        if not built.passed:
            return built
        bounds = replace(limits, address_space_bytes=16 * GIBIBYTE)
        return judge_with_nonce(["./run"], {"run": built.result}, limits=bounds, tier=tier)


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


def _files(fields: Fields, program: str) -> dict[str, str]:
    """A module whose name the candidate cannot know, so that it cannot import the package with the nonce."""
    module = f"m{secrets.token_hex(8)}"
    tests = re.findall(r"^func (Test\w+)\(", fields["test"], re.MULTILINE)
    calls = "".join(f"\tnonce.Run({name})\n" for name in tests)
    helpers = {"testing": f"{module}/testing", TESTIFY: f"{module}/assert"}
    head = [f'. "{module}/candidate"', f'"{module}/nonce"']
    source = f"{fields.get('test_setup', '')}\n{fields['test']}"
    harness = {
        f"{package}/{package}.go": (HARNESSES / f"go_{package}.go.txt").read_text(encoding="utf-8")
        for package in ("nonce", "assert", "testing")
    }
    return {
        "go.mod": f"module {module}\n\ngo 1.18\n",
        "main.go": _assemble("main", source, head, helpers) + f"\nfunc main() {{\n{calls}\tnonce.Tell()\n}}\n",
        "candidate/candidate.go": _assemble("candidate", program, [f'_ "{module}/nonce"'], {}),
        **{name: text.replace("MODULE", module) for name, text in harness.items()},
    }


def _assemble(package: str, source: str, first: list[str], renamed: dict[str, str]) -> str:
    """A file of a package: its imports are those the code uses, since Go refuses others."""
    named = [path for match in IMPORTS.finditer(source) for path in re.findall(r'"([^"\n]+)"', match[0])]
    code = PACKAGE.sub("", IMPORTS.sub("", source))
    used = [path for path in dict.fromkeys([*named, *COMMON]) if re.search(rf"\b{path.split('/')[-1]}\.", code)]
    imports = [*first, *(f'"{renamed.get(path, path)}"' for path in used)]
    return f"package {package}\n\nimport (\n" + "".join(f"\t{line}\n" for line in imports) + f")\n{code}"


def _entry_point(declaration: str) -> str:
    return re.findall(r"^func (\w+)\(", declaration, re.MULTILINE)[-1]
