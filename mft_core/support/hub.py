"""The Hugging Face Hub's errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mft_core.errors import MftError, UsageError


@contextmanager
def hub_errors(name: str, reference: str, page: str, otherwise: str) -> Iterator[None]:
    """Within it, whatever keeps a repository away is said for users.

    Args:
        name: of the repository, ORG/NAME.
        reference: the same with what else was asked for, such as a revision.
        page: of the repository, where its terms can be accepted.
        otherwise: what to do without a network.

    Raises:
        UsageError: no repository can have this name.
        MftError: it is unknown, gated, or cannot be reached.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except MftError:
        raise
    except HFValidationError as error:
        raise UsageError(f"{name!r} cannot be a repository on the Hub.", "Names look like ORG/NAME.") from error
    except GatedRepoError as error:
        raise MftError(
            f"{name} is gated: its owner wants you to accept terms first.",
            f"Accept them at {page}, then log in: hf auth login",
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise MftError(
            f"The Hub has no {reference} that you may see.", "Check the name; if it is private: hf auth login"
        ) from error
    except Exception as error:  # the network's many faces, whichever HTTP library the Hub's client uses
        raise MftError(
            f"{reference} is not in the cache and the Hub cannot be reached ({type(error).__name__}).",
            f"Check the network, {otherwise}",
        ) from error
