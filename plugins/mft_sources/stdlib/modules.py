"""Which files of the standard library are read, and what they are called."""

from __future__ import annotations

import hashlib
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mft_core.errors import MftError

# Test packages are left out because many distributions do not ship them: with them, one Python version
# would give different data on different machines. `_bundled` holds pip's wheel.
EXCLUDED_FOLDERS = frozenset({"_bundled", "idle_test", "test", "tests", "turtledemo"})


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: its dotted name and where it lies."""

    name: str
    path: Path


def find_modules(root: Path) -> list[Module]:
    """The standard library's modules that have source under `root`, sorted by name.

    Raises:
        MftError: there is no source, as in zipped and embedded distributions.
    """
    found = [Module(_module_name(path.relative_to(root)), path) for path in _source_files(root)]
    if not found:
        raise MftError(
            f"This Python's standard library has no source files in {root}.",
            "Use a Python that ships them (python.org, conda, uv and Linux packages do; zipped and embedded ones do "
            "not), or name data of your own with --data DIR.",
        )
    return sorted(found, key=lambda module: module.name)


def fingerprint(modules: Sequence[Module]) -> str:
    """Hex digest of the names and contents of `modules`.

    Raises:
        MftError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for module in modules:
        try:
            content = module.path.read_bytes()
        except OSError as error:
            raise MftError(
                f"Cannot read {module.path}: {error.strerror}.", "Check the file's permissions, or use --data DIR."
            ) from error
        digest.update(f"{module.name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def read_source(module: Module) -> str:
    """The module's text, decoded as Python would, with "\\n" line ends.

    Raises:
        SyntaxError, UnicodeDecodeError: it declares no encoding that fits.
    """
    with tokenize.open(module.path) as stream:
        return stream.read()


def _source_files(root: Path) -> Iterator[Path]:
    """Only the library's own: other files lie beside it (sitecustomize.py, site-packages, _sysconfigdata_*.py)."""
    for entry in root.iterdir() if root.is_dir() else ():
        if entry.name.removesuffix(".py") not in sys.stdlib_module_names:
            continue
        for path in entry.rglob("*.py") if entry.is_dir() else [entry]:
            if EXCLUDED_FOLDERS.isdisjoint(path.relative_to(root).parts):
                yield path


def _module_name(relative: Path) -> str:
    parts = relative.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
