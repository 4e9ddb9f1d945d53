"""Limits of `mail`: one constant each, with its unit and its source."""

# Mail
MAIL_SEND_S_MAX = 10.0
"""One try to send a mail, from the connection to the answer."""
SMTP_PASSWORD_BYTES_MAX = 1024
"""Password of the mail server, as a file holds it."""
MAIL_SUBJECT_CHARACTERS_MAX = 200
"""Subject of a mail. A longer one is cut."""
