"""The families of errors: what each means, and which part handles it.

A rejected record is a value, not an exception (`ingest.outcome`). A programmer's error is a failed assertion: the
process ends and the supervisor starts it again.
"""


class StorageError(Exception):
    """Data could not be made durable or could not be read back. The edge answers 503; the loader backs off."""


class InvalidInput(Exception):
    """A value that a person gave cannot be used: in a form, a request or a command. The text names the value and its
    bound. The edge answers 400, a page shows its form again, a command prints it and exits with 2."""


class ConfigError(InvalidInput):
    """A setting, flag or file the operator gave cannot be used. The command prints it and exits with 2."""


class StateError(InvalidInput):
    """A well-formed request of a person is not possible now: the name is unknown or taken, no server runs, or the
    server refuses. The command prints it and exits with 1."""


class RequestError(Exception):
    """The whole request is refused; none of its records was judged.

    Rendered in one place (`edge.wire.replies`). `retry_after_s` becomes the `Retry-After` header.
    """

    def __init__(self, status: int, message: str, *, retry_after_s: int | None = None, allow: str | None = None):
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after_s = retry_after_s
        self.allow = allow
