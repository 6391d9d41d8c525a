"""The Python that DS-1000's programs run in, and what it has of the libraries they need."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import MftError, UsageError

if TYPE_CHECKING:
    from mft_core.sandbox import Tier

PROBE = """
import importlib.util, json, os, sys
try:
    from importlib.metadata import version
except ImportError:  # Python 3.7
    version = lambda package: __import__("pkg_resources").get_distribution(package).version
found = {}
for module, package in json.loads(sys.argv[1]).items():
    if importlib.util.find_spec(module):
        try:
            found[module] = version(package)
        except Exception:
            found[module] = "0"
os.write(3, json.dumps([list(sys.version_info[:2]), found]).encode())
"""
DESCRIBE = "import json, sys; print(json.dumps([sys.executable, sys.prefix, sys.base_prefix]))"
LIBRARIES = {
    "numpy": ("numpy", "1.24"),
    "pandas": ("pandas", "2"),
    "scipy": ("scipy", "1.12"),
    "sklearn": ("scikit-learn", "1.2"),
    "matplotlib": ("matplotlib", "3.8"),
    "seaborn": ("seaborn", "0.13"),
    "PIL": ("pillow", ""),
    "torch": ("torch", "2"),
    "tensorflow": ("tensorflow", "2.11"),
    "xgboost": ("xgboost", "2"),
    "statsmodels": ("statsmodels", "0.14"),
    "gensim": ("gensim", "4.4"),
}
"""By module, the package and the first version that is too new; "": none is.

Of the published environment's time (Python 3.7, pandas 1.3, NumPy 1.21): later ones answer differently."""


@dataclass(frozen=True)
class Environment:
    """An interpreter as sandboxed programs can use it.

    Attributes:
        command: the interpreter.
        readable: its folders.
        search_path: further folders of modules.
    """

    command: str
    readable: tuple[Path, ...]
    search_path: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """For the programs."""
        settings = {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        return {**settings, **({"PYTHONPATH": self.search_path} if self.search_path else {})}


@lru_cache(maxsize=8)
def environment(python: str) -> Environment:
    """The environment of an interpreter.

    Args:
        python: its path; "": the sandbox's own, with this environment's libraries.

    Raises:
        UsageError: it does not run.
    """
    from mft_core.sandbox.python_judge import python_folders, python_interpreter

    if not python:
        folders = sorted({Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")})
        search_path = os.pathsep.join(map(str, folders))
        return Environment(python_interpreter(), (*python_folders(), *folders), search_path)
    try:
        told = subprocess.run(
            [python, "-I", "-c", DESCRIBE], check=True, capture_output=True, text=True, timeout=60
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"eval.ds1000.python: {python} does not run: {error}", "Name a Python interpreter.") from error
    executable, *prefixes = json.loads(told)
    folders = sorted({Path(prefix).resolve() for prefix in prefixes} - {Path("/usr")})
    return Environment(executable, tuple(folders))


@lru_cache(maxsize=8)
def installed_versions(surroundings: Environment, tier: Tier) -> dict[str, str]:
    """The versions of the libraries of `LIBRARIES` that sandboxed programs can import, by module; and "python".

    Raises:
        MftError: the interpreter does not run in the sandbox.
    """
    from mft_core.sandbox import Limits, run_program

    packages = json.dumps({module: package for module, (package, _) in LIBRARIES.items()})
    outcome = run_program(
        [surroundings.command, "-c", PROBE, packages],
        environment=surroundings.variables,
        readable=surroundings.readable,
        limits=Limits(seconds=60, cpu_seconds=60),
        tier=tier,
    )
    if not outcome.passed:
        raise MftError(
            f"ds1000: {surroundings.command} does not run in the sandbox: {outcome.verdict} {outcome.detail}",
            "Every user must be able to read it and its libraries.",
        )
    version, found = json.loads(outcome.result)
    same = not surroundings.search_path or version == list(sys.version_info[:2])
    return {**(found if same else {}), "python": ".".join(map(str, version))}


def lacking(modules: Iterable[str], versions: dict[str, str], any_version: bool) -> str:
    """What of the modules is not there, or not of the published environment's time; "": nothing.

    Args:
        modules: of `LIBRARIES`.
        versions: from `installed_versions`.
        any_version: later versions will do.
    """
    reasons = []
    for module in sorted(modules):
        (package, too_new), found = LIBRARIES[module], versions.get(module)
        wanted = f"{package}<{too_new}" if too_new else package
        if found is None:
            reasons.append(f"{wanted} is not installed")
        elif too_new and not any_version and _numbers(found) >= _numbers(too_new):
            reasons.append(f"{wanted} is needed and {found} installed")
    return ", ".join(reasons)


def _numbers(version: str) -> list[int]:
    """The first two numbers of a version."""
    return [int(number) for number in re.findall(r"\d+", version)[:2]]
