"""The exception that ends a command of the server with one line."""


class Refused(Exception):
    """A command cannot continue; the message is one line.

    code  the exit code: 2 for wrong input, 5 if DATA is in use or its PostgreSQL does not run, 1 if a request failed
    """

    def __init__(self, line: str, code: int = 2) -> None:
        """Take the line and the exit code."""
        super().__init__(line)
        self.code = code
