"""Limits of `http`: one constant each, with its unit and its source."""

# Requests and replies
HEAD_BYTES_MAX = 128 * 1024
"""Request line and headers together, the query string of `GET ?data=` included; more is a 431."""
HEAD_READ_S_MAX = 30.0
"""A client that has not finished its request's head after so long is cut off."""
REQUEST_READ_S_MAX = 300.0
"""The same for the whole request: the largest body over a slow line."""
BODY_BYTES_PER_S_MIN = 1024
"""A body that comes slower is cut off with a 408, measured over LARGE_BODY_S or SMALL_BODY_S; while we do not read, its
client cannot send. Apache's default (mod_reqtimeout) is half of this."""
LARGE_BODY_S = 10
"""Of a body of which more than SMALL_BODY_BYTES_MAX has come: it holds memory that others want."""
SMALL_BODY_S = 30
"""Of any other: a phone in a tunnel comes back."""
UNREAD_REPLY_S = 5.0
"""Where there is no room for another connection, one that sent its request so long ago, and does not read the reply
now, is given up. How long it has not read says little: the kernel's buffers grow meanwhile, by megabytes."""
REPLY_READ_S_MAX = 150.0
"""A client that read nothing of its reply for so long is cut off, whatever is sent; an export ends before
(EXPORT_SEND_S_MAX)."""
STALLED_LOOK_S = 1.0
"""How often connections that are to be cut off are looked for."""

# Connections
TLS_HANDSHAKE_S_MAX = 10.0
"""A client that has not finished the handshake of TLS after so long is cut off."""
TLS_SHUTDOWN_S_MAX = 5.0
"""The same for saying goodbye."""
KEEP_ALIVE_S = 75
"""An idle connection of a client is kept open so long."""
ACCEPT_PAUSE_S = 0.001
"""How long an edge process with more connections than another leaves a new one to it."""
NO_RESOURCES_PAUSE_S = 0.1
"""The same while there is no room for it."""
FILES_KEPT_FREE = 256
"""File descriptors of a process that are not for connections, or half of all where there are few: the journal, the
store, the projects, a database of cities."""
CONNECTIONS_MAX = 10_000
"""Connections of a process, some 20 KB each, however many file descriptors it may have."""
CONNECTIONS_CUT_PART = 16
"""Where no more may be held, up to one in so many of them is closed at once."""
NO_ROOM_TOLD_S = 60.0
"""That connections are closed for want of room is logged at most this often."""
