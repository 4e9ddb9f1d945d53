"""The families of errors: what each means, and who answers it.

A rejected record is a value and has no exception (`ingest.outcome`). A programmer's error is an assertion: the
process dies and is started again.
"""


class StorageError(Exception):
    """Data could not be made durable or could not be read back. The edge answers 503; the loader backs off."""


class ConfigError(Exception):
    """A setting, flag or file the operator gave cannot be used. The command prints it and exits with 2."""


class RequestError(Exception):
    """The whole request is refused: no record of it was looked at.

    Rendered in one place (`edge.replies`). `retry_after_s` becomes the `Retry-After` header.
    """

    def __init__(self, status: int, message: str, *, retry_after_s: int | None = None, allow: str | None = None):
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after_s = retry_after_s
        self.allow = allow
