"""What prose names is there: modules, their contents and files, on pages and in docstrings and comments alike."""

from __future__ import annotations

import ast
import importlib
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY

FOLDERS = ("mft_core", "mft_cli", "plugins", "tests", "benchmarks", "docs", "recipes")
PACKAGES = {"mft_core", "mft_cli", *(path.name for path in (REPOSITORY / "plugins").glob("mft_*"))}
PYTHON = sorted(path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*.py"))
FILE_NAMES = {path.name for path in PYTHON}
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]

NAME = re.compile(r"\b(mft_\w+(?:\.\w+)+)")
IMPORT = re.compile(r"\bfrom (mft_[\w.]+) import (\w+(?:, \w+)*)")
PATH = re.compile(rf"(?<![\w/.-])((?:{'|'.join(FOLDERS)})(?:/[\w.-]*\w)+|(?:[\w.-]+/)+[\w-]+\.py)\b")
FILE = re.compile(r"(?<![\w/.*-])([\w-]+\.py)\b")

OF_OTHERS = {
    "./my_loss.py", "my_loss.py", "my_callback.py", "my_family.py", "worst.py", "agreement.py", "riddles.py", "main.py",
    "sqlite_reader.py", "bias_tuner.py", "explain_maker.py", "acme_losses/__init__.py", "acme_losses/sqrt.py",
    "tokenization_chatglm.py", "sitecustomize.py", "llama_cpp_python-0.3.36/vendor/llama.cpp/convert_hf_to_gguf.py",
}  # fmt: skip


def prose(path: Path) -> str:
    """A page as it is; of a Python file, its docstrings and comments."""
    text = path.read_text(encoding="utf-8")
    return text if path.suffix == ".md" else "\n".join([*docstrings(text), *comments(text)])


def docstrings(text: str) -> Iterator[str]:
    """Those of modules, classes and functions, and those below attributes."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def comments(text: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def names(text: str) -> set[str]:
    """Dotted names of our packages, as in `mft_core.records.Sample`, and what examples import from them."""
    imported = {f"{module}.{name}" for module, found in IMPORT.findall(text) for name in found.split(", ")}
    return {name for name in {*NAME.findall(text), *imported} if name.partition(".")[0] in PACKAGES}


def files(text: str) -> set[str]:
    """Paths of Python files, anything under our folders, and bare names of Python files."""
    return {*PATH.findall(text), *FILE.findall(text)}


def there_is(name: str) -> bool:
    """Whether a dotted name is a module, or something in one: an attribute may be declared only."""
    parts = name.split(".")
    found: object = importlib.import_module(parts[0])
    for number, part in enumerate(parts[1:], 2):
        if hasattr(found, part):
            found = getattr(found, part)
        elif isinstance(found, type):
            return number == len(parts) and part in getattr(found, "__annotations__", {})
        else:
            try:
                found = importlib.import_module(".".join(parts[:number]))
            except ModuleNotFoundError:
                return False
    return True


def is_file(name: str) -> bool:
    """Whether there is such a path in the repository or, for a bare name, such a file; CAPITALS stand for any name."""
    return name in FILE_NAMES or any(REPOSITORY.glob(re.sub(r"\b[A-Z]+\b|(?<=_)[A-Z]+", "*", name)))


def test_names_and_paths_are_told_apart() -> None:
    assert there_is("mft_core.records.Batch")
    assert there_is("mft_core.records.TokenLosses.router_loss")  # declared, and given to each instance
    assert not there_is("mft_core.lm_loss")
    assert not there_is("mft_core.records.Bach")
    assert is_file("trainer.py")
    assert is_file("tests/plugins/PLUGIN/test_conformance.py")
    assert is_file("plugins/mft_llama")
    assert not is_file("stepping.py")
    assert not is_file("tests/FOLDER/test_lm_loss.py")
    text = "See `mft_core.records`.\nfrom mft_core.errors import MftError, Oops\n# as in tests/test_api.py and api.py"
    assert names(text) == {"mft_core.records", "mft_core.errors", "mft_core.errors.MftError", "mft_core.errors.Oops"}
    assert files(text) == {"tests/test_api.py", "api.py"}
    assert list(docstrings('"""a"""\nx = 1\n"""b"""\ny = "c"')) == ["a", "b"]
    assert list(comments("x = '# a'  # b\n")) == ["# b"]


@pytest.mark.slow  # imports what is named
def test_what_is_named_is_there() -> None:
    named: set[str] = set()
    missing: dict[str, list[str]] = {}
    for path in [*PAGES, *PYTHON]:
        text = prose(path)
        named |= files(text)
        lost = [name for name in names(text) if not there_is(name)]
        lost += [name for name in files(text) - OF_OTHERS if not is_file(name)]
        if lost:
            missing[str(path.relative_to(REPOSITORY))] = sorted(lost)
    assert missing == {}
    assert named >= OF_OTHERS
