"""The Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from mft_bases.remote import fetch_weights, split_revision
from mft_core.interfaces import Base, BaseRequest
from mft_core.support.hub import hub_errors


class Hub(Base):
    """A model repository. Files land in the Hub's own cache, shared with every other tool."""

    def fetch(self, reference: str, request: BaseRequest) -> Path:
        """The snapshot's folder, downloaded where it is not yet in the cache.

        Raises:
            UsageError: no repository can have this name.
            MftError: the repository is unknown, gated, or cannot be reached.
        """
        from huggingface_hub import snapshot_download

        name, revision = split_revision(reference)
        otherwise = "give a local folder with --base FOLDER, or try things out with --base tiny."
        with hub_errors(name, reference, f"https://huggingface.co/{name}", otherwise):
            return fetch_weights(lambda files: snapshot_download(name, revision=revision, allow_patterns=files))

    def pinned(self, reference: str, folder: Path) -> str:
        """ORG/NAME@COMMIT."""
        return f"{split_revision(reference)[0]}@{folder.name}" if folder.parent.name == "snapshots" else reference
