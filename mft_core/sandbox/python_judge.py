"""The split judge: the candidate in one sandbox, the tests in another, literal values between them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from mft_core.errors import MftError
from mft_core.sandbox.execution import Program
from mft_core.sandbox.isolation import SEARCH_PATH
from mft_core.sandbox.limits import Limits
from mft_core.sandbox.outcome import Outcome
from mft_core.sandbox.pair import judge_pair
from mft_core.sandbox.tiers import Tier, best_tier
from mft_core.sandbox.users import can_change_user, everybody_can_read

INSIDE = Path(__file__).with_name("inside")
START = "from mft_core.sandbox.inside.{module} import main; main()"
PACKAGE = "mft_core/sandbox/inside"
# The tests outlive the candidate, whose end by a limit is then the reason that is told.
MORE_SECONDS = 5.0


def judge_python(
    candidate_source: str,
    tests_source: str,
    entry_point: str,
    limits: Limits | None = None,
    *,
    helpers_source: str = "",
    readable: Sequence[str | Path] = (),
    tier: Tier | None = None,
) -> Outcome:
    """Whether the tests hold for the candidate's function.

    The tests run in a process that the candidate cannot reach. What they call is executed in the candidate's process;
    arguments and results cross as literals (numbers, strings, bytes; lists, tuples, sets and dicts of them). Changes
    that the candidate makes to an argument are made to the tests' own; functions and objects of the tests' classes stay
    with the tests, and are called and asked for public attributes there;
    objects of the candidate's classes stay there and can be called, iterated and asked for attributes, but never answer
    a comparison. An exception arrives as the built-in class it is or derives from.

    Args:
        candidate_source: the untrusted module: for HumanEval the prompt with the completion.
        tests_source: the module that asserts, and calls its own `check(entry_point)` if it has one.
        entry_point: the function under test: this name in the tests always is the candidate's. A name that is
            neither defined by the tests or the helpers, nor built in, nor of the standard library, is, too.
        limits: for the candidate, with its start; the tests get the same and five seconds more.
        helpers_source: trusted code that the tests rely on, such as the functions and imports of HumanEval's prompt
            before the entry point. Without it a candidate could redefine them.
        readable: folders with libraries for both, open to every user; they are on `sys.path`.
        tier: where to run; `best_tier()` when not given.

    Returns:
        pass; fail; timeout, oom, output_limit or crash of the candidate; no_verdict when it ended with exit code 0, or
        when the tests pass objects that cannot cross (`judge_with_nonce` can judge these); infra_error.

    Raises:
        MftError: no Python that a sandbox's user can read; no tier isolates on this machine.
    """
    limits = limits or Limits()
    job = {
        "helpers": helpers_source,
        "tests": tests_source,
        "entry_point": entry_point,
        "longest_reply": limits.output_bytes,
    }
    candidate = inside_program(
        ["candidate_side", "crossing"], {"candidate.py": candidate_source}, [], limits, list(map(Path, readable))
    )
    later = replace(limits, seconds=limits.seconds + MORE_SECONDS, cpu_seconds=limits.cpu_seconds + int(MORE_SECONDS))
    tests = inside_program(
        ["tests_side", "remote", "crossing"], {"tests.txt": repr(job)}, ["-S"], later, list(map(Path, readable))
    )
    return judge_pair(candidate, tests, tier or best_tier())


def inside_program(
    modules: Sequence[str], files: Mapping[str, str], flags: Sequence[str], limits: Limits, libraries: Sequence[Path]
) -> Program:
    """A Python program of the modules of `inside`, of which the first has `main`, with further files and libraries.

    Raises:
        MftError: no Python that a sandbox's user can read.
    """
    return Program(
        [python_interpreter(), *flags, "-c", START.format(module=modules[0])],
        {**_package(*modules), **files},
        limits=limits,
        environment={"PYTHONPATH": os.pathsep.join(map(str, libraries))},
        readable=[*python_folders(), *libraries],
    )


@cache
def _package(*modules: str) -> dict[str, str]:
    """The files of `inside` by their names in the sandbox, where imports look into the folder first."""
    return {f"{PACKAGE}/{module}.py": (INSIDE / f"{module}.py").read_text(encoding="utf-8") for module in modules}


@cache
def python_interpreter() -> str:
    """This process's Python if a sandbox can read it, else the system's.

    Raises:
        MftError: there is none.
    """
    own = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    if own.exists() and (not can_change_user() or (everybody_can_read(own) and everybody_can_read(Path(os.__file__)))):
        return str(own)
    system = shutil.which("python3", path=SEARCH_PATH)
    if system is None:
        raise MftError(
            f"sandboxed programs can read no Python: {own} is closed to other users, the system has none",
            "install Python where every user can read it (apt-get install python3)",
        )
    return system


@cache
def python_folders() -> list[Path]:
    """What that interpreter needs besides the system's software."""
    prefix = Path(sys.base_prefix)
    return [] if prefix.is_relative_to("/usr") or not python_interpreter().startswith(str(prefix)) else [prefix]
