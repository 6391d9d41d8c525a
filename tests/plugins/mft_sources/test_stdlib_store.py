"""The files are made once, whole, for one library and one set of options."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from mft_core.errors import MftError
from mft_core.interfaces import DataRequest
from mft_sources.stdlib import StandardLibrary, StandardLibraryOptions
from mft_sources.stdlib.generate import generate
from mft_sources.stdlib.modules import find_modules

pytestmark = pytest.mark.slow


def test_same_bytes_with_other_hash_seed_locale_and_time_zone(small_library: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, sysconfig\n"
        "from mft_core.interfaces import DataRequest\n"
        "from mft_sources.stdlib import StandardLibrary\n"
        "sysconfig.get_path = lambda name: sys.argv[1]\n"
        "StandardLibrary().tasks(DataRequest(None, pathlib.Path(sys.argv[2])))"
    )
    environment = {**os.environ, "PYTHONUTF8": "0", "TZ": "Asia/Tokyo"}
    for seed, locale in (("1", "C"), ("4711", "C.UTF-8")):
        command = [sys.executable, "-W", "error::SyntaxWarning", "-c", code, str(small_library), str(tmp_path / seed)]
        subprocess.run(command, env={**environment, "PYTHONHASHSEED": seed, "LC_ALL": locale}, check=True)
    written = {seed: sorted((tmp_path / seed).rglob("*.json*")) for seed in ("1", "4711")}
    assert len(written["1"]) == len(written["4711"]) == 11
    for left, right in zip(*written.values(), strict=True):
        assert left.relative_to(tmp_path / "1") == right.relative_to(tmp_path / "4711")
        assert left.read_bytes() == right.read_bytes()


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing", "manifest"])
def test_a_damaged_entry_is_made_again(small_library: Path, tmp_path: Path, damage: str) -> None:
    request = DataRequest(None, tmp_path / "cache")
    tasks = StandardLibrary().tasks(request)
    good = [path.read_bytes() for task in tasks for path in (*task.train, *task.valid)]
    victim = tasks[1].train[0]
    if damage == "missing":
        victim.unlink()
    elif damage == "manifest":
        (victim.parent.parent / "manifest.json").write_text("[]")
    else:
        content = victim.read_bytes()
        victim.write_bytes(content[:-9] if damage == "cut" else content.replace(b"Python", b"Jython", 1))
    assert StandardLibrary().tasks(request) == tasks
    assert [path.read_bytes() for task in tasks for path in (*task.train, *task.valid)] == good
    assert [entry.name for entry in request.cache.iterdir()] == [victim.parent.parent.name]


def test_a_changed_library_or_option_gives_another_entry(small_library: Path, tmp_path: Path) -> None:
    request = DataRequest(None, tmp_path / "cache")
    first = StandardLibrary().tasks(request)
    with (small_library / "textwrap.py").open("a") as stream:
        stream.write("\nchanged = True\n")
    second = StandardLibrary().tasks(request)
    third = StandardLibrary(StandardLibraryOptions.model_validate({"validation_fraction": 0.3})).tasks(request)
    assert len({tasks[0].train[0].parent.parent for tasks in (first, second, third)}) == 3


def test_a_cache_that_cannot_be_written_is_explained(small_library: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MftError, match="Cannot write the stdlib tasks") as caught:
        StandardLibrary().tasks(DataRequest(None, tmp_path / "file"))
    assert "MFT_CACHE" in caught.value.hint


def test_a_library_without_source_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for root in (tmp_path, tmp_path / "python311.zip"):
        monkeypatch.setattr(sysconfig, "get_path", lambda name, root=root: str(root))
        with pytest.raises(MftError, match="no source files") as caught:
            StandardLibrary().tasks(DataRequest(None, tmp_path / "cache"))
        assert "--data" in caught.value.hint


def test_a_library_that_is_too_small_is_explained(tmp_path: Path) -> None:
    (tmp_path / "textwrap.py").write_text("def wrap(text):\n    return text\n")
    with pytest.raises(MftError, match=r"too small: task 'comment' has 0 training"):
        generate(find_modules(tmp_path), 0.05)
