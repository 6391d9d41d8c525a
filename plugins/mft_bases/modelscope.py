"""ModelScope."""

from __future__ import annotations

from pathlib import Path

from mft_bases.remote import fetch_weights, split_revision
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
            return fetch_weights(lambda files: snapshot_download(name, revision=revision, allow_patterns=files))
        except Exception as error:
            raise MftError(
                f"{reference} could not be had from ModelScope ({type(error).__name__}).",
                "Check the name and the network, or give a local folder with --base FOLDER.",
            ) from error

    def pinned(self, reference: str, folder: Path) -> str:
        """ORG/NAME@REVISION, of what ModelScope calls its snapshot: a branch, where no revision was given."""
        return f"{split_revision(reference)[0]}@{folder.name}" if folder.parent.name == "snapshots" else reference
