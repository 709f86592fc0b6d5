"""What to install for a command, as command line, configuration and installers have it; pure."""

from dataclasses import dataclass

PACKAGE = (
    r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"  # a name,
    r" *(\[[A-Za-z0-9._, -]*\])?"  # its extras,
    r"( *[<>=!~;@(][^\n\r]*)?$"  # and a version, an address or a marker
)
"""A requirement as PEP 508 has it, as far as to tell it from a path or an option of pip."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to install beside the project and what it requires."""

    extras: tuple[str, ...] = ()  # of the project
    groups: tuple[str, ...] = ()  # dependency groups (PEP 735)
    requirements: tuple[str, ...] = ()  # files, relative to the folder of the command
    packages: tuple[str, ...] = ()  # requirements (PEP 508), whatever the project says
    steps: tuple[tuple[str, ...], ...] = ()  # commands to run in that folder when all is installed
