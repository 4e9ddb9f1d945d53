"""Limits of `alerts`: one constant each, with its unit and its source."""

# Looks
WATCH_S = 0.5
"""How often the process reads whether an alert is due or a message waits."""
CLAIM_RENEW_S = 3.0
"""How often the process says that it watches."""
WATCH_IDLE_S = 2.0
"""The same while the server has no alert at all, or another server watches."""
WATCH_RETRY_S = 5.0
"""Wait after the projects database failed."""
LOOKS_AT_ONCE = 2
"""Looks at counts that run at once, and as many at reports, each of another project."""
LOOK_S_MAX = 100.0
"""A look that takes longer found nothing."""
REPORT_REST_FACTOR = 20.0
"""An alert on a report rests so many times as long as its last look took: its looks use 5 % of the time at most."""
REPORT_SERIES_MAX = 25
"""Values of a report's breakdown that are compared, the most frequent ones, as on its page."""

# Messages
SENDS_AT_ONCE = 8
"""Messages that are being sent at once."""
SENDS_OF_PROJECT_MAX = 2
"""Of these, messages of one project: slow receivers of one delay no other."""
SEND_S_MAX = 10.0
"""One try to send a webhook, from the look-up of the host name to the answer."""
ANSWER_HEAD_BYTES_MAX = 16 * 1024
"""What is read of a receiver's answer until its head is complete. A longer one is a failure. No body is read."""
ANSWER_PIECE_BYTES = 4096
"""What is read of an answer at once."""
ADDRESSES_TRIED_MAX = 4
"""Addresses of a host that are tried, in the order of the look-up."""
LOOK_UP_THREADS = 8
"""Look-ups of host names at once. A name server that does not answer holds one for longer than the try."""
MAIL_THREADS = 4
"""Mails that are being sent at once."""
SENDS_END_S_MAX = 3.0
"""How long tries that have begun may go on when the server stops. One that is cut off is repeated after the start."""
