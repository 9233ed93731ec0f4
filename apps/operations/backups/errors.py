class BackupFailed(Exception):
    """The message says what happened, what is safe and what to do."""
