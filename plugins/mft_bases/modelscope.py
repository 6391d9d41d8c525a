"""ModelScope."""

from __future__ import annotations

from pathlib import Path

from mft_bases.remote import WANTED_FILES, split_revision
from mft_core.errors import MftError
from mft_core.interfaces import Base, BaseRequest


class ModelScope(Base):
    """A model repository on modelscope.cn."""

    def fetch(self, reference: str, request: BaseRequest) -> Path:
        """The snapshot's folder, downloaded where it is not yet in ModelScope's cache.

        Raises:
            MftError: the download failed.
        """
        from modelscope import snapshot_download

        name, revision = split_revision(reference)
        try:
            return Path(snapshot_download(name, revision=revision, allow_patterns=list(WANTED_FILES)))
        except Exception as error:
            raise MftError(
                f"{reference} could not be had from ModelScope ({type(error).__name__}).",
                "Check the name and the network, or give a local folder with --base FOLDER.",
            ) from error
