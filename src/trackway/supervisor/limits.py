"""Limits of `supervisor`: one constant each, with its unit and its source."""

from trackway.domain.limits import CREDENTIAL_CHARACTERS_MAX

# Processes
RESTART_BACKOFF_S_MIN = 0.1
RESTART_BACKOFF_S_MAX = 10.0
"""First and longest wait before a process that died is started again; doubled in between."""
RESTART_FORGIVEN_S = 30.0
"""A process that lived so long starts with the first wait again."""
START_S_MAX = 1800.0
"""A process that has not begun its loop after so long hangs: opening a large store takes minutes."""
STOP_SILENCE_S_MAX = 6.0
"""While the server stops, a process that is silent for so long is killed: others wait for it."""

# Passwords in files
CHOSEN_PASSWORD_CHARACTERS_MIN = 8
"""A password of the admin or of a served store, which somebody chose, has at least so many characters."""
PASSWORD_FILE_BYTES_MAX = 8 * CREDENTIAL_CHARACTERS_MAX
"""Bytes that are read of a file with a password: more than the longest password, whatever its characters."""
