"""Functions of the library, each able to stand alone."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest

from mft_sources.stdlib.definitions import find_definitions
from mft_sources.stdlib.generate import generate
from mft_sources.stdlib.modules import Module, find_modules


def test_only_modules_of_the_library_are_read(tmp_path: Path) -> None:
    wanted = ["json/__init__.py", "json/decoder.py", "textwrap.py"]
    foreign = [
        "site-packages/json.py",
        "test/test_json.py",
        "sitecustomize.py",
        "json/tests/decoder.py",
        "turtledemo/a.py",
    ]
    for name in [*foreign, *wanted]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_modules(tmp_path) == [
        Module("json", tmp_path / wanted[0]),
        Module("json.decoder", tmp_path / wanted[1]),
        Module("textwrap", tmp_path / wanted[2]),
    ]


@pytest.mark.slow
def test_what_cannot_be_read_is_counted(small_library: Path) -> None:
    (small_library / "wave.py").write_text("print 'Python 2'\n")
    (small_library / "uu.py").write_bytes(b"# \xff is no UTF-8\n")
    shutil.copy(small_library / "textwrap.py", small_library / "shlex.py")
    corpus = generate(find_modules(small_library), 0.05)
    assert corpus.skipped["module that does not parse"] == (2 if "uu" in sys.stdlib_module_names else 1)
    assert corpus.skipped["a copy of another definition"] >= 5
    modules = {record["module"] for side in (corpus.train, corpus.valid) for found in side.values() for record in found}
    assert "shlex" in modules
    assert "textwrap" not in modules


def test_definitions_stand_alone_with_their_decorators_and_class() -> None:
    source = '''
class Box(Base):
    def __init__(self, width):
        self.width = width
        self.height = 1
        self.width += 0

    if True:
        @property
        def area(self):
            """The area."""

            return (self.width
                    * self.height)
'''
    (_, area) = find_definitions("shapes", source, Counter())
    assert area.source.startswith("@property\ndef area(self):\n    ")
    assert area.signature == "@property\ndef area(self):"
    assert area.undocumented == "@property\ndef area(self):\n    return (self.width\n            * self.height)"
    assert area.owner is not None
    assert (area.owner.header, area.owner.attributes, area.owner.methods) == (
        "class Box(Base)",
        ("width", "height"),
        (),
    )


def test_a_method_whose_string_would_change_by_moving_is_left_out() -> None:
    source = 'class A:\n    def f(self):\n        text = """first\n            second"""\n        return text\n'
    skipped: Counter[str] = Counter()
    assert list(find_definitions("m", source, skipped)) == []
    assert skipped["has a multi-line string that moving would change"] == 1
