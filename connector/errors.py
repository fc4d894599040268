"""Errors named by what happens next.

    what happened                                          raise
    -----------------------------------------------------  ---------------
    the sender's request can never work as it stands       BadRequest
    this call must not or cannot be made                   Refused
    the same thing may work later                          TryAgain
    nothing works until somebody changes a setting         AdminNeeded
    the record or activity is not there (any more)         Gone
    the dial's request surely never reached CallerDesk     NotPlaced
    the dial's request may have rung a phone               Unclear
    a manifest or mapping file is wrong                    ConfigError
    the journal cannot be read or written just now         JournalDown

Every error carries a stable `code` and a sentence for the person who reads it: what happened, to which
record, what to do next. Neither ever holds a secret, a request URL or a full phone number.
"""

from __future__ import annotations

from dataclasses import dataclass


class ConnectorError(Exception):
    """Base of all: a stable code, a sentence, and the HTTP status our own answer takes."""

    status = 500

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        if status is not None:
            self.status = status


class BadRequest(ConnectorError):
    """The sender's request can never work as it stands; it is answered 4xx and leaves no row."""

    status = 400


class Refused(ConnectorError):
    """This call must not or cannot be made: final for this click, said to the person who clicked."""

    status = 422


class TryAgain(ConnectorError):
    """The same thing may work later; `retry_after` is the wait in seconds the other side asked for."""

    status = 502

    def __init__(
        self, code: str, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(code, message, status=status)
        self.retry_after = retry_after


class AdminNeeded(ConnectorError):
    """Nothing works until somebody changes a setting: a credential, a scope, a field name."""

    status = 502


class Gone(ConnectorError):
    """The CRM has no such record (any more)."""

    status = 422


class NotPlaced(ConnectorError):
    """The dial's request surely never reached CallerDesk: no connection was made, no byte was sent."""

    status = 502


class Unclear(ConnectorError):
    """The dial's request may have rung a phone: only evidence resolves it, never a second request."""

    status = 202


class JournalDown(ConnectorError):
    """The journal cannot be read or written just now: nothing was accepted, and nothing may ring."""

    status = 503


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in one of our own files."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ConfigError(ConnectorError):
    """The manifest or a mapping is wrong: every fault at once, each with file, line and column."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("config_invalid", "\n".join(map(str, problems)))
        self.problems = problems
