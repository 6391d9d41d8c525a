"""A repository of one's own on the Hugging Face Hub: what is in it, and one commit that makes it anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import MftError, UsageError
from mft_core.support.redact import redact

if TYPE_CHECKING:
    from huggingface_hub import HfApi

KEPT = (".gitattributes",)
"""The Hub's own: which files it keeps apart for their size."""
NEW, REFUSED = 404, (401, 403)
LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Repository:
    """What is there before anything is sent.

    Attributes:
        name: ORG/NAME.
        revision: the branch that is pushed to.
        exists: whether there is such a repository at all.
        private: whether it is; of one that does not exist: False.
        commit: the branch's newest; None: there is no such branch.
        files: in that, without the Hub's own.
    """

    name: str
    revision: str
    exists: bool = False
    private: bool = False
    commit: str | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was sent: the commit, and where to look at it."""

    url: str
    commit: str


class HubUpload:
    """Writes to one repository, with the token of `hf auth login` or $HF_TOKEN.

    Args:
        name: ORG/NAME.
        revision: a branch.

    Raises:
        UsageError: no repository can have this name, or there is no token.
    """

    def __init__(self, name: str, revision: str) -> None:
        from huggingface_hub import HfApi, get_token

        check_name(name)
        if not get_token():
            raise UsageError(
                "the Hub wants to know who pushes, and no token is there",
                "Log in with `hf auth login`, or set HF_TOKEN to a token that may write.",
            )
        self._api: HfApi = HfApi()
        self._name, self._revision = name, revision

    def look(self) -> Repository:
        """What is there now.

        Raises:
            MftError: the token is not accepted, or the Hub cannot be reached.
        """
        from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

        with self._errors():
            try:
                found = self._api.model_info(self._name)
            except RepositoryNotFoundError as error:
                if error.response.status_code != NEW:
                    raise
                return Repository(self._name, self._revision)
            private = bool(found.private)
            try:
                branch = self._api.model_info(self._name, revision=self._revision)
            except RevisionNotFoundError:
                return Repository(self._name, self._revision, True, private)
        files = sorted(one.rfilename for one in branch.siblings or () if one.rfilename not in KEPT)
        return Repository(self._name, self._revision, True, private, branch.sha, tuple(files))

    def push(self, before: Repository, files: Mapping[str, Path | bytes], *, private: bool, message: str) -> Pushed:
        """Make the repository if there is none, and in one commit its files these: nothing changes before that.

        Args:
            before: what `look` found; where somebody else has pushed since, nothing is sent.
            files: by name; those that are there and not among them are deleted.
            private: of a new repository.
            message: of the commit.

        Raises:
            MftError: no access, no connection, or it came off on the way: then the same once more does it.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        stale = [name for name in before.files if name not in files]
        with self._errors():
            if not before.exists:
                self._api.create_repo(self._name, private=private, exist_ok=True)
            if before.commit is None and self._revision != "main":
                self._api.create_branch(self._name, branch=self._revision, exist_ok=True)
            done = self._api.create_commit(
                self._name,
                [
                    *(CommitOperationAdd(name, content) for name, content in files.items()),
                    *(CommitOperationDelete(name) for name in stale),
                ],
                commit_message=message,
                revision=self._revision,
                parent_commit=before.commit,
            )
        return Pushed(f"{self._api.endpoint}/{self._name}", done.oid)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Within it, what the Hub or the network says is said for users, without anything secret."""
        from huggingface_hub.errors import HfHubHTTPError

        try:
            yield
        except MftError:
            raise
        except Exception as error:  # the network's many faces, whichever HTTP library the Hub's client uses
            first = _first_cause(error)
            if isinstance(first, HfHubHTTPError):
                status = first.response.status_code
                raise _as_ours(self._name, status, first.server_message or str(first)) from error
            told = redact(str(first)).strip()[:LONGEST_REASON]
            raise MftError(
                f"{self._name}: the connection to the Hub came off: {type(first).__name__} {told}".rstrip(),
                "No commit was confirmed. Check the network and HF_ENDPOINT, then rerun: what is there already is "
                "not sent again.",
            ) from error


def check_name(name: str) -> None:
    """See whether a repository can have this name.

    Raises:
        UsageError: it cannot.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise UsageError(f"{name!r} cannot be a repository on the Hub.", "Names look like ORG/NAME.") from error
    if "/" not in name:
        raise UsageError(f"{name!r} does not say whose repository it is.", "Names look like ORG/NAME.")


def _first_cause(error: BaseException) -> BaseException:
    """What an upload failed of: the Hub's client says it of each file in an error around it."""
    from huggingface_hub.errors import HfHubHTTPError

    while not isinstance(error, HfHubHTTPError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _as_ours(name: str, status: int, message: str) -> MftError:
    told = f"status {status}: {redact(message).strip()[:LONGEST_REASON]}"
    if status == REFUSED[0]:
        return MftError(
            f"{name}: the Hub does not accept the token ({told})", "Log in anew with `hf auth login`, or mend HF_TOKEN."
        )
    if status == REFUSED[1]:
        return MftError(
            f"{name}: the token may not write there ({told})",
            "Take a token with the right to write, and a name of your own or of an organization that you are in.",
        )
    if status in (409, 412):
        return MftError(f"{name}: somebody else has pushed meanwhile ({told})", "Look at it, then rerun.")
    return MftError(f"{name}: the Hub refused ({told})", "Rerun when that is mended; no commit was confirmed.")
