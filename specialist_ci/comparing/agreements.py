"""Holds head's sites against its contracts and acknowledgements; pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from specialist_ci.comparing.policy import UNUSED
from specialist_ci.formats.report import (
    Acknowledged,
    Change,
    ChangeKind,
    Contract,
    Outcome,
    RequiredSite,
)
from specialist_ci.formats.snapshot import (
    Acknowledgement,
    Condition,
    Site,
    Snapshot,
    SourceFile,
    State,
    is_warm,
)
from specialist_ci.source.contracts import Mark, Verb, read_contracts
from specialist_ci.source.sources import fits
from specialist_ci.source.sourcetext import source_text

_SUBJECT = 60  # characters of a line that stands for it


@dataclass(frozen=True, slots=True)
class Agreements:
    """What was agreed on for head: in its source, and in its configuration."""

    head: Snapshot
    entries: tuple[Acknowledgement, ...]

    def split(self, changes: Iterable[Change]) -> tuple[list[Change], list[Acknowledged]]:
        """Part the changes that count from those that somebody has accepted."""
        counted: list[Change] = []
        accepted: list[Acknowledged] = []
        files = {file.path: file for file in self.head.files}
        for change in changes:
            where = (
                None
                if change.kind is ChangeKind.IMPROVEMENT
                else self._accepted(files[change.path], change.line, change.function, change.family)
            )
            if where is None:
                counted.append(change)
            else:
                accepted.append(Acknowledged(change=change, where=where[0], reason=where[1]))
        return counted, accepted

    def contracts(self, again: Snapshot | None = None) -> Iterator[Contract]:
        """Yield every `require`, and what is malformed.

        What is broken here and not in a second measurement of head is flaky.
        """
        stable = (
            {one.place for one in Agreements(again, self.entries).contracts() if one.failing}
            if again
            else None
        )
        for file in self.head.files:
            for mark in read_contracts(file.source):
                if mark.verb is None:
                    yield Contract(
                        path=file.path,
                        line=mark.line,
                        subject="",
                        outcome=Outcome.MALFORMED,
                        problem=mark.problem,
                    )
                elif mark.verb is Verb.REQUIRE:
                    found = self._judged(file, mark)
                    if found.failing and stable is not None and found.place not in stable:
                        found = found.model_copy(update={"outcome": Outcome.FLAKY})
                    yield found

    def unused(self) -> Iterator[Condition]:
        """Yield the condition of each entry that no failing site of head fits."""
        sites = [
            (file, line.line, site)
            for file in self.head.files
            for line in file.lines
            for site in line.sites
            if site.state.failing
        ]
        for entry in self.entries:
            if not any(
                _fits(entry, file.path, file.functions[site.function].qualname, site.family)
                for file, _line, site in sites
            ):
                wanted = " ".join(filter(None, [entry.path, entry.function, entry.family]))
                yield Condition(
                    name=UNUSED,
                    message=f"nothing fails any more of what is acknowledged as {wanted}",
                    remedy="take the entry out of the configuration, or correct it",
                    side="head",
                )

    def _judged(self, file: SourceFile, mark: Mark) -> Contract:
        sites = [
            (line.line, site)
            for line in file.lines
            for site in line.sites
            if mark.covers(line.line, site.family) and not self._exempt(file, line.line, site)
        ]
        failing = tuple(
            RequiredSite(line=line, family=site.family, argrepr=site.argrepr, state=site.state)
            for line, site in sites
            if site.state is State.UNSTABLE or (site.state is State.ADAPTIVE and is_warm(site))
        )
        states = {site.state for _, site in sites}
        measured = State.SPECIALIZED in states and State.HIDDEN not in states
        return Contract(
            path=file.path,
            line=mark.line,
            subject=mark.subject or _line(file, mark.first),
            outcome=Outcome.BROKEN if failing else Outcome.KEPT if measured else Outcome.UNMEASURED,
            failing=failing,
        )

    def _exempt(self, file: SourceFile, line: int, site: Site) -> bool:
        function = file.functions[site.function].qualname
        return self._accepted(file, line, function, site.family) is not None

    def _accepted(
        self, file: SourceFile, line: int, function: str, family: str
    ) -> tuple[str, str] | None:
        """Return where it was accepted that a site fails, and why; None where it was not."""
        for mark in read_contracts(file.source):
            if mark.verb is Verb.IGNORE and mark.covers(line, family):
                return f"{file.path}:{mark.line}", mark.reason
        for entry in self.entries:
            if _fits(entry, file.path, function, family):
                return "configuration", entry.reason
        return None


def _fits(entry: Acknowledgement, path: str, function: str, family: str) -> bool:
    return (
        fits(path, entry.path)
        and (entry.function is None or fnmatchcase(function, entry.function))
        and entry.family in {None, family}
    )


def _line(file: SourceFile, number: int) -> str:
    text = source_text(file).line(number).partition("# specialist:")[0].strip()
    return text if len(text) <= _SUBJECT else text[: _SUBJECT - 1] + "…"
