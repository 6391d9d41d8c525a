"""What `pip install` gets: every file of the packages, those that are not Python included."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY

PACKAGES = [REPOSITORY / "mft_core", REPOSITORY / "mft_cli", *sorted((REPOSITORY / "plugins").glob("mft_*"))]


def test_the_wheel_holds_every_file(tmp_path: Path) -> None:
    """What .gitignore names is left out of a wheel, silently: a folder `runs/` of the core would be."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("building a package here needs hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = [(package, path) for package in PACKAGES for path in package.rglob("*") if path.is_file()]
    assert held == {
        path.relative_to(package.parent).as_posix() for package, path in files if "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_package_tells_type_checkers_that_it_is_typed(package: Path) -> None:
    assert (package / "py.typed").is_file()
