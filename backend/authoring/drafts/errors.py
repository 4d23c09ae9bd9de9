"""Errors of drafts."""

from __future__ import annotations

from backend.authoring.drafts.tables import Draft, DraftFile
from backend.core.errors import Conflict, Invalid, Missing, Problem, TooLarge
from backend.skills.deployments.tables import Deployment


class DraftNotStarted(Missing):
    """The skillpack has no draft, and the caller may not create one."""

    code = "draft_not_started"
    former_code = "draft_not_begun"
    message = (
        "There is no draft of {skillpack!r}. A member with the role developer can create one by opening the "
        "editor. The active version can be downloaded: GET /v1/deployments."
    )
    skillpack: str


class DraftFileNotFound(Missing):
    """The draft has no such file."""

    code = "draft_file_not_found"
    message = "The draft has no file {path!r}. GET …/drafts lists its files."
    path: str


class DraftFileChanged(Conflict):
    """Another user wrote the file after it was read."""

    code = "draft_file_changed"

    def __init__(self, file: DraftFile) -> None:
        how = "deleted" if file.deleted_at else "changed"
        super().__init__(
            f"{file.path!r} was {how} by {file.updated_by} in the meantime. Read it again and merge both "
            f"changes, or overwrite it with If-Match: {file.revision}.",
            path=file.path,
            revision=file.revision,
            updated_by=file.updated_by,
            updated_at=file.updated_at.isoformat(),
            is_deleted=file.deleted_at is not None,
        )
        self.file = file


class DraftChanged(Conflict):
    """Another user changed the draft after the caller read it."""

    code = "draft_changed"

    def __init__(self, draft: Draft) -> None:
        super().__init__(
            f"{draft.updated_by} changed the draft after you read it; its revision is now {draft.revision}. "
            "Nothing was published. Check the changes, GET …/drafts/diff, and publish again.",
            revision=draft.revision,
            updated_by=draft.updated_by,
            updated_at=draft.updated_at.isoformat(),
        )


class ActiveVersionChanged(Conflict):
    """Another version is active than the one that the draft was compared with."""

    code = "active_version_changed"

    def __init__(self, active: Deployment | None) -> None:
        now_active = (
            "no version is active any more"
            if active is None
            else f"version {active.version}, by {active.created_by}, is active"
        )
        super().__init__(
            f"Since you compared the draft, {now_active}. Nothing was published. Check the changes, GET "
            "…/drafts/diff, and publish again.",
            active_version=None if active is None else active.version,
            created_by=None if active is None else active.created_by,
        )


class DraftPathTaken(Conflict):
    """The draft has this file, or one that some file systems do not distinguish from it."""

    code = "draft_path_taken"

    def __init__(self, path: str, other: str) -> None:
        super().__init__(
            f"{path!r} is not available: the draft has {other!r}. Choose another name.", path=other
        )


class DraftFileExists(DraftPathTaken):
    """The file exists, and the request does not name its revision."""

    def __init__(self, file: DraftFile) -> None:
        Conflict.__init__(
            self,
            f"The draft already has a file {file.path!r}. To overwrite it, send its revision as "
            f"'If-Match: {file.revision}', or 'If-Match: *' to overwrite any revision.",
            path=file.path,
            revision=file.revision,
        )


class DraftPathUnusable(Invalid):
    """A bundle cannot have this path."""

    code = "draft_path_unusable"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(why, [Problem("path", why)], path=path)


class DraftTooLarge(TooLarge):
    """The draft exceeds a size limit."""

    code = "draft_too_large"


class SearchPatternInvalid(Invalid):
    """The query is not a valid regular expression."""

    code = "search_pattern_invalid"

    def __init__(self, pattern: str, why: str) -> None:
        message = f"The regular expression {pattern[:100]!r} is not valid: {why}."
        super().__init__(message, [Problem("query", message)])
