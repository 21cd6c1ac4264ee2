"""The one exception whose message is meant for the user."""


class SweepError(Exception):
    """Something that the user can mend: the message is a clear sentence that names the file or key and what to do."""
