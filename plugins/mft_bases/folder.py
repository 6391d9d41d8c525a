"""A checkpoint that is already here."""

from __future__ import annotations

from pathlib import Path

from mft_bases.gguf import SUFFIX, from_gguf
from mft_core.errors import UsageError
from mft_core.interfaces import Base, BaseRequest


class Folder(Base):
    """A local folder, or a GGUF file, which is converted once."""

    def fetch(self, reference: str, request: BaseRequest) -> Path:
        """The folder itself, as an absolute path; of a GGUF file, or a folder with nothing else, the converted one.

        Raises:
            UsageError: there is no such folder, or no config.json in it.
            MftError: the GGUF file cannot be read.
        """
        path = Path(reference).expanduser()
        if path.is_file() and path.suffix == SUFFIX:
            return from_gguf(path, request.cache)
        if not path.is_dir():
            raise UsageError(f"The base folder {str(path)!r} does not exist.")
        if (path / "config.json").is_file():
            return path.resolve()
        files = sorted(path.glob(f"*{SUFFIX}"))
        if len(files) == 1:
            return from_gguf(files[0], request.cache)
        if files:
            names = ", ".join(file.name for file in files)
            raise UsageError(f"{str(path)!r} holds several GGUF files: {names}.", f"Name one: --base {files[0]}")
        raise UsageError(
            f"{str(path)!r} has no config.json, so it is no model folder.",
            "A model folder holds config.json, *.safetensors and the tokenizer's files.",
        )
