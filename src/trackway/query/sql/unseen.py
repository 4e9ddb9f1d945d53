"""Users whom nobody has seen or changed since an instant, as SQL over profiles."""

from typing import Final

_SINCE: Final = "fromUnixTimestamp64Milli({unseen_since:Int64}, 'UTC')"
_TO_THE_SECOND: Final = "replaceOne(substring({0}, 1, 19), ' ', 'T')"
_SEEN: Final = "JSONExtractString(properties, '$last_seen')"
_SEEN_BEFORE: Final = f"{_TO_THE_SECOND.format(_SEEN)} < {_TO_THE_SECOND.format(f'toString({_SINCE})')}"
_IS_TIME: Final = f"match({_SEEN}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ][0-9]{{2}}:')"
UNSEEN: Final = f"group_key = '' AND updated < {_SINCE} AND if({_IS_TIME}, {_SEEN_BEFORE}, true)"
"""SQL of whether a profile is of such a user. It binds `unseen_since`, in milliseconds since the epoch. A `$last_seen`
that is no time in ISO 8601 does not count. Groups are never seen."""
