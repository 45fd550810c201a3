"""What a call may raise."""

from __future__ import annotations

from collections.abc import Sequence


class PlumblineClientError(Exception):
    """The base of all that this client raises."""


class ApiError(PlumblineClientError):
    """The service refused the call.

    `code` is stable and for programs, `reason` a sentence for people, `field` the field concerned ("" for none),
    `errors` all faults as (field, reason) where there are several, `request_id` what its log knows the request by.
    `title` says what the code means and `advice` what to do next, in the client's language; both are "" where something
    between us and the service refused.
    `retry_after_seconds` is None where coming again would not help.
    """

    def __init__(
        self,
        status: int,
        code: str,
        reason: str,
        field: str = "",
        request_id: str = "",
        errors: Sequence[tuple[str, str]] = (),
        retry_after_seconds: float | None = None,
        title: str = "",
        advice: str = "",
    ) -> None:
        super().__init__(f"{code}: {reason}")
        self.status = status
        self.code = code
        self.reason = reason
        self.field = field
        self.request_id = request_id
        self.errors = tuple(errors)
        self.retry_after_seconds = retry_after_seconds
        self.title = title
        self.advice = advice


class DocumentInvalid(PlumblineClientError, ValueError):
    """What was given can't be sent, and nothing was: a value is of a kind that JSON and the service don't have. `line`
    is the place in `record_many`, from 1."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason = reason
        self.line = line


class ConnectionLost(PlumblineClientError):
    """No answer came, however often it was tried. What was asked may have happened or not: a call with a key is safe to
    send again, since it carries the same key."""


class AnswerInvalid(PlumblineClientError):
    """An answer came that is none of this service, or none that this version can read."""
