"""A checkpoint that is already here."""

from __future__ import annotations

from pathlib import Path

from mft_core.errors import UsageError
from mft_core.interfaces import Base, BaseRequest


class Folder(Base):
    """A local folder."""

    def fetch(self, reference: str, request: BaseRequest) -> Path:
        """The folder itself, as an absolute path.

        Raises:
            UsageError: there is no such folder, or no config.json in it.
        """
        folder = Path(reference).expanduser()
        if not folder.is_dir():
            raise UsageError(f"The base folder {str(folder)!r} does not exist.")
        if not (folder / "config.json").is_file():
            raise UsageError(
                f"{str(folder)!r} has no config.json, so it is no model folder.",
                "A model folder holds config.json, *.safetensors and the tokenizer's files.",
            )
        return folder.resolve()
