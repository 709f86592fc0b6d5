"""What machines are told of a report or a snapshot, one finding a site or contract."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import TypedDict

from specialist_ci.formats.report import Change, ChangeKind, Contract, Outcome, Report
from specialist_ci.formats.snapshot import Site, Snapshot
from specialist_ci.render import wording
from specialist_ci.render.escape import visible
from specialist_ci.render.wording import Measured, Phrase, Place, Prose
from specialist_ci.source.sourcetext import normalize, source_text


class Rule(StrEnum):
    """What is wrong; the names are part of the formats' contract."""

    REGRESSION = "regression"
    NEW = "new"
    CONTRACT = "contract"
    FAILING = "failing"  # of a snapshot, which knows no base


DESCRIPTIONS = {
    Rule.REGRESSION: "Code that was specialized on base no longer is.",
    Rule.NEW: "Added code fails to specialize.",
    Rule.CONTRACT: "Code that a comment requires to be specialized is not, or was not measured.",
    Rule.FAILING: "Code was tried and does not run specialized.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at; columns are characters from 1 on, the last one past the end."""

    rule: Rule
    path: str
    line: int
    message: str  # one line of plain text
    fingerprint: str  # the same where the code is, wherever it moves to
    end_line: int | None = None
    column: int | None = None
    end_column: int | None = None
    accepted: str | None = None  # why it does not count
    accepted_in_source: bool = False


def of_report(report: Report) -> list[Finding]:
    """Return what got worse, then the contracts that are not kept; improvements are none."""
    found = [
        _of_change(change, report)
        for change in report.changes
        if change.kind is not ChangeKind.IMPROVEMENT
    ]
    found += [
        replace(
            _of_change(one.change, report),
            accepted=one.reason,
            accepted_in_source=one.where.startswith(f"{one.change.path}:"),
        )
        for one in report.acknowledged
    ]
    found += [
        _of_contract(contract)
        for contract in report.contracts
        if contract.outcome not in {Outcome.KEPT, Outcome.FLAKY}
        and contract.place not in report.elsewhere
    ]
    return list(_distinct(found))


def of_snapshot(snapshot: Snapshot) -> list[Finding]:
    """Return every failing site."""
    found = []
    for file in snapshot.files:
        text = source_text(file)
        for line in file.lines:
            source = text.line(line.line)
            for site in line.sites:
                if site.state.failing:
                    function = file.functions[site.function].qualname
                    found.append(_of_site(site, file.path, line.line, source, function))
    return list(_distinct(found))


def _of_change(change: Change, report: Report) -> Finding:
    kind = Rule.NEW if change.kind is ChangeKind.NEW else Rule.REGRESSION
    parts: list[Phrase] = []
    if change.base_state is not None:
        parts.append(wording.state(change.base_state, change.base_form))
    parts.append(
        wording.state(
            change.head_state,
            change.head_form if change.head_form != change.base_form else None,
            misses=change.head_misses,
            respecialized=change.head_respecialized,
            failed_attempts=change.head_failed_attempts,
        )
    )
    told = _plain((*wording.joined(parts, " → "), *wording.executions(change.executions)))
    name = visible(wording.site(change))
    outside = report.upgrade is None and not change.direct
    where = ", on a line that the diff does not touch" if outside else ""
    notes = "".join(f". {visible(note)}" for note in (change.reason, change.advice) if note)
    return Finding(
        rule=kind,
        path=change.path,
        line=change.line,
        message=f"{name} in {visible(change.function)}: {told}{where}{notes}",
        fingerprint=_fingerprint(kind, change.path, change.function, change, change.source),
        **_region(change, change.line, change.source),
    )


def _of_site(site: Site, path: str, line: int, source: str, function: str) -> Finding:
    state = wording.state(
        site.state,
        site.form,
        misses=site.misses,
        respecialized=site.respecialized,
        failed_attempts=site.failed_attempts,
    )
    told = _plain((*state, *wording.executions(site.executions)))
    return Finding(
        rule=Rule.FAILING,
        path=path,
        line=line,
        message=f"{visible(wording.site(site))} in {visible(function)}: {told}",
        fingerprint=_fingerprint(Rule.FAILING, path, function, site, source),
        **_region(site, line, source),
    )


def _of_contract(contract: Contract) -> Finding:
    match contract.outcome:
        case Outcome.BROKEN:
            sites = "; ".join(
                f"{site.family} {site.argrepr}".rstrip() + f" on line {site.line} is {site.state}"
                for site in contract.failing
            )
            told = f"{contract.subject} is required to be specialized: {sites}"
        case Outcome.MALFORMED:
            told = f"This is no contract: {contract.problem}"
        case _:
            told = f"{contract.subject} is required to be specialized, and none of it ran hot"
    key = f"{Rule.CONTRACT}\0{contract.path}\0{contract.subject}"
    return Finding(
        rule=Rule.CONTRACT,
        path=contract.path,
        line=contract.line,
        message=visible(told),
        fingerprint=sha256(_bytes(key)).hexdigest(),
    )


class _Region(TypedDict, total=False):
    end_line: int
    column: int | None
    end_column: int | None


def _region(found: Change | Site, line: int, source: str) -> _Region:
    """Return the end of a site and its columns, in characters as far as its line tells."""
    column, end_column = found.column, found.end_column
    if column is None or end_column is None:
        return {"end_line": max(line, found.end_line)}
    within = found.end_line <= line
    return {
        "end_line": max(line, found.end_line),
        "column": _characters(source, column),
        "end_column": _characters(source, end_column) if within else None,
    }


def _characters(source: str, offset: int) -> int:
    """Return the place, from 1 on, of the character at an offset of UTF-8 bytes."""
    return len(_bytes(source)[:offset].decode("utf-8", "ignore")) + 1


def _fingerprint(rule: Rule, path: str, function: str, found: Change | Site, source: str) -> str:
    """Return a digest of what a site is, without its place: lines above it come and go."""
    parts = (rule, path, function, found.family, found.argrepr, normalize(source))
    return sha256(_bytes("\0".join(parts))).hexdigest()


def _distinct(found: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings, those of equal sites told apart by their order."""
    seen: Counter[str] = Counter()
    for finding in found:
        number = seen[finding.fingerprint]
        seen[finding.fingerprint] += 1
        if not number:
            yield finding
            continue
        again = sha256(f"{finding.fingerprint}{number}".encode()).hexdigest()
        yield replace(finding, fingerprint=again)


def _plain(phrase: Phrase) -> str:
    """Return a phrase as one line of text."""
    shown = []
    for part in phrase:
        match part:
            case str():
                shown.append(str(part))
            case Measured() | Prose():
                shown.append(visible(part.text))
            case Place():
                shown.append(visible(part.label))
    return "".join(shown)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
