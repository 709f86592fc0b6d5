"""The one exception root: every error says what is wrong, where, and what to do about it."""

from typing import ClassVar


class SpecialistCIError(Exception):
    """An error that the user can act on; the command line prints it as one line.

    ``message`` says what is wrong and where, ``remedy`` what to do about it, and
    ``detail`` holds further lines worth seeing, such as the end of a program's output.
    """

    exit_code: ClassVar[int]

    def __init__(self, message: str, *, remedy: str, detail: str = "") -> None:
        """Take the three parts of the error, each without a trailing full stop."""
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.detail = detail

    def __str__(self) -> str:
        """Return message and remedy as one line."""
        return f"{self.message}: {self.remedy}"


class UsageError(SpecialistCIError):
    """The command line, the configuration or an input file is wrong (exit code 2)."""

    exit_code = 2


class MeasurementError(SpecialistCIError):
    """A side could not be measured, or the two cannot be compared (exit code 3)."""

    exit_code = 3
