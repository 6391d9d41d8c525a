"""The Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from mft_bases.remote import fetch_weights, split_revision
from mft_core.errors import MftError, UsageError
from mft_core.interfaces import Base, BaseRequest


class Hub(Base):
    """A model repository. Files land in the Hub's own cache, shared with every other tool."""

    def fetch(self, reference: str, request: BaseRequest) -> Path:
        """The snapshot's folder, downloaded where it is not yet in the cache.

        Raises:
            UsageError: no repository can have this name.
            MftError: the repository is unknown, gated, or cannot be reached.
        """
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            GatedRepoError,
            HFValidationError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        name, revision = split_revision(reference)
        try:
            return fetch_weights(lambda files: snapshot_download(name, revision=revision, allow_patterns=files))
        except HFValidationError as error:
            raise UsageError(f"{name!r} cannot be a repository on the Hub.", "Names look like ORG/NAME.") from error
        except GatedRepoError as error:
            raise MftError(
                f"{name} is gated: its owner wants you to accept terms first.",
                f"Accept them at https://huggingface.co/{name}, then log in: hf auth login",
            ) from error
        except (RepositoryNotFoundError, RevisionNotFoundError) as error:
            raise MftError(
                f"The Hub has no {reference} that you may see.", "Check the name; if it is private: hf auth login"
            ) from error
        except Exception as error:  # the network's many faces, whichever HTTP library the Hub's client uses
            raise MftError(
                f"{reference} is not in the cache and the Hub cannot be reached ({type(error).__name__}).",
                "Check the network, give a local folder with --base FOLDER, or try things out with --base tiny.",
            ) from error

    def pinned(self, reference: str, folder: Path) -> str:
        """ORG/NAME@COMMIT."""
        return f"{split_revision(reference)[0]}@{folder.name}" if folder.parent.name == "snapshots" else reference
