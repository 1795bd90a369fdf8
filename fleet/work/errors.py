"""What the rules of work refuse beside what its store does. `status` is what HTTP calls it."""

from __future__ import annotations

from fleet.domain.work.errors import WorkError


class NotAllowedError(WorkError):
    """The caller may see it, and may not do this with it."""

    code = "not-allowed"
    status = 403


class NoGroupError(NotAllowedError):
    """An agent that belongs to no group has no part in work."""

    code = "no-group"

    def __init__(self, agent: str) -> None:
        super().__init__(
            f"{agent} has no part in work",
            "it is not enrolled, or others call their group as it is called",
            f"fleet agent add {agent}, or --group NAME with it",
        )


class ForeignGroupError(NotAllowedError):
    """An agent puts content into its own group alone; whether there is another is not told."""

    code = "foreign-group"

    def __init__(self, group: str) -> None:
        super().__init__(
            f"content is not taken for group {group} from an agent of another one",
            "it goes there as a copy, once a person has approved a task that names it",
            "leave group out and take a context of your own, then name it in a task for that group",
        )


class UnavailableError(WorkError):
    """Content that is not stored, or not the caller's to use; which of both is not told."""

    code = "input-unavailable"
    status = 422

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(
            f"{digest} is not there for you to use",
            "it was not stored with this size, or you have neither stored nor been granted it",
            f"PUT /v1/blobs/{digest}?context=CONTEXT, then the same again",
        )


class BusyError(WorkError):
    """Too many of the same at once."""

    code = "busy"
    status = 429
