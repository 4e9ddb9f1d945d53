"""Mail: sends messages by the mail server of the settings."""
