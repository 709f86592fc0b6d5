"""What to install for a command: what the command line, the configuration and installers share."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to install beside the project and what it requires."""

    extras: tuple[str, ...] = ()  # of the project
    groups: tuple[str, ...] = ()  # dependency groups (PEP 735)
    requirements: tuple[str, ...] = ()  # files, relative to the folder of the command
    steps: tuple[tuple[str, ...], ...] = ()  # commands to run in that folder when all is installed
