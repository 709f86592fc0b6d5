"""Decides which suites run: those named on the command line, configured, or else found."""

import posixpath
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from itertools import islice
from pathlib import Path, PurePosixPath

from specialist_ci.comparing.policy import FailOn
from specialist_ci.configuration.config import Config, Settings, SuiteTable, nearest_config
from specialist_ci.errors import UsageError
from specialist_ci.formats.snapshot import Acknowledgement, Budget, Condition, Policy
from specialist_ci.measuring.measure import Plan
from specialist_ci.repository.git import Repository
from specialist_ci.suites import Tree, find_suites
from specialist_ci.suites.found import CALLS

COMMAND_LINE, FOUND, DEFAULT = "command line", "found", "default"

_NAMED = 3  # projects in a message
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")


@dataclass(frozen=True, slots=True)
class Options:
    """What the user typed; empty or None where nothing was."""

    command: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    fail_on: tuple[str, ...] | None = None
    calls: int | None = None  # of each benchmark of a suite that is found
    measured: tuple[str, ...] = ()  # what the one suite ran when a snapshot was made


@dataclass(frozen=True, slots=True)
class Planned:
    """One suite with all that decides its run; two are equal where they run the same.

    Paths are relative to the repository's root.
    """

    name: str | None  # None: the command that the user typed
    command: tuple[str, ...]
    folder: str
    project: str
    source: tuple[str, ...]
    exclude: tuple[str, ...]
    env: Mapping[str, str]
    python: tuple[str, ...]  # versions or paths; empty: the default
    timeout: float | None = field(compare=False)  # seconds
    because: str = field(compare=False)  # why it runs, for people to read
    origins: Mapping[str, str] = field(compare=False)  # where each value comes from

    def plan(self, python: Path) -> Plan:
        """Return the plan to run it in an interpreter."""
        return Plan(
            command=self.command,
            python=python,
            source=self.source,
            environment=self.env,
            timeout=self.timeout,
            folder=self.folder,
            exclude=self.exclude,
            project=self.project,
            name=self.name,
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """The suites to run, the policy, and the configuration that they come from."""

    suites: tuple[Planned, ...]
    fail_on: tuple[str, ...]
    fail_on_origin: str
    config: Config

    @property
    def policy(self) -> Policy:
        """What decides the verdict, with paths relative to the repository's root."""
        table, folder = self.config.table, self.config.folder
        return Policy(
            fail_on=self.fail_on,
            budgets=tuple(
                Budget(
                    pattern=_joined(folder, pattern),
                    max_failing=budget.max_failing,
                    min_ratio=budget.min_ratio,
                )
                for pattern, budget in table.budgets.items()
            ),
            acknowledged=tuple(
                Acknowledgement(
                    path=_joined(folder, entry.path),
                    function=entry.function,
                    family=entry.family,
                    reason=entry.reason,
                )
                for entry in table.acknowledged
            ),
        )


def choose(repository: Repository, commit: str | None, folder: str, options: Options) -> Choice:
    """Return what runs for a revision (None: the working tree), seen from a folder.

    Raises UsageError for a wrong configuration, for names that no suite has, and where there
    is neither a command nor a suite.
    """
    with repository.reading(commit) as read:
        config = nearest_config(folder, read)
    if options.command:
        suites: tuple[Planned, ...] = (_typed(options, config, folder),)
    elif config.table.suites and options.calls is not None:
        raise _no_calls(f"{config.place('suites')} configures what runs")
    elif config.table.suites:
        every = [_configured(name, table, config) for name, table in config.table.suites.items()]
        suites = tuple(_named(every, options.suites, "configured"))
    else:
        # Without a name it is the best one: the others would mostly run the same code again.
        best, calls = not options.suites, options.calls
        found = found_suites(repository, commit, config, folder, best=best, calls=calls)
        suites = tuple(_named(found, options.suites, "found"))
    if not suites:
        inner = _projects_below(repository, commit, folder)
        where = (
            f"stand in the folder of one of the projects ({', '.join(inner)}), or " if inner else ""
        )
        raise UsageError(
            "no command to measure: no suite is configured, and neither benchmarks nor tests "
            "were found",
            remedy=f"{where}name the command after --, such as `-- python bench.py`",
        )
    planned = tuple(_override(suite, options) for suite in suites)
    if options.fail_on:
        return Choice(planned, options.fail_on, COMMAND_LINE, config)
    if config.table.fail_on:
        return Choice(planned, config.table.fail_on, config.place("fail-on"), config)
    return Choice(planned, (FailOn.REGRESSION,), DEFAULT, config)


def changed_suite(head: Planned, choose_base: Callable[[], Choice]) -> Iterator[Condition]:
    """Yield the condition that base would run another suite than head, which rules both."""
    try:
        suites = {suite.name: suite for suite in choose_base().suites}
    except UsageError as error:
        yield _suite_changed(f"base has no suite that could be read ({error.message})")
        return
    label = f"the suite {head.name}" if head.name else "the configuration"
    if head.name not in suites:
        yield _suite_changed(f"{label} is new: base does not have it")
        return
    base = suites[head.name]
    if base != head:
        what = next(
            one.name
            for one in fields(head)
            if one.compare and getattr(base, one.name) != getattr(head, one.name)
        )
        before, after = (_shown(getattr(side, what)) for side in (base, head))
        yield _suite_changed(f"{label} was changed: {what} is {before} on base and {after} on head")


def _suite_changed(message: str) -> Condition:
    return Condition(
        name="suite-changed",
        message=message,
        remedy="both sides ran head's; to compare with an older run, measure that one again",
    )


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return shlex.join(value) or "the default"
    if isinstance(value, Mapping):
        return " ".join(f"{name}={text}" for name, text in value.items()) or "empty"
    return str(value)


# --- the suites ---


def _typed(options: Options, config: Config, folder: str) -> Planned:
    """Return the user's command: of the configuration it takes what holds for all suites."""
    if options.suites:
        raise UsageError(
            "--suite names a suite, and there is a command behind --", remedy="leave one out"
        )
    if options.calls is not None:
        raise _no_calls("there is a command behind --")
    planned = _with_defaults(None, options.command, config, "command line")
    return _replaced(planned, {"folder": folder, "project": "."}, COMMAND_LINE)


def _configured(name: str, table: SuiteTable, config: Config) -> Planned:
    place = config.place("suites", name, "command")
    planned = _with_defaults(name, table.command, config, place)
    return _with_table(planned, table, config, ("suites", name))


def found_suites(
    repository: Repository,
    commit: str | None,
    config: Config,
    folder: str,
    *,
    best: bool,
    calls: int | None = None,
) -> tuple[Planned, ...]:
    """Look for suites in the configuration's folder, or else in the nearest project's.

    Of several, return all or the best one; ``calls`` is how often each benchmark is called, and
    refused where that is not ours to say.
    """
    files = repository.files(commit)
    project = config.folder if config.path else project_folder(files, folder)
    prefix = "" if project == "." else f"{project}/"
    paths = [path for path in files if path.startswith(prefix)]
    if not any(f"{prefix}{name}" in paths for name in _PROJECT_FILES):
        # A folder of several projects: what is in one of them is run from there.
        inner = tuple(f"{folder}/" for folder in _folders_of_projects(paths))
        paths = [path for path in paths if not path.startswith(inner)]
    with repository.reading(commit) as read:
        tree = tree_of(paths, prefix, read)
        suites = tuple(islice(find_suites(tree, calls or CALLS), 1 if best else None))
    if calls is not None and not any(found.repeats for found in suites):
        raise _no_calls("no suite with benchmarks to call was found")
    return tuple(
        _replaced(
            _with_defaults(found.name, found.command, config, f"{FOUND}: {found.because}"),
            {"project": project, "folder": _joined(project, config.table.folder or ".")},
            f"{FOUND}: {found.because}",
        )
        for found in suites
    )


def tree_of(paths: Iterable[str], prefix: str, read: Callable[[str], str | None]) -> Tree:
    """Return the files below a folder, as they are seen from there."""
    return Tree(
        tuple(path.removeprefix(prefix) for path in paths),
        cache(lambda path: read(posixpath.normpath(f"{prefix}{path}"))),
    )


def project_folder(files: Iterable[str], folder: str) -> str:
    """Return the folder of the nearest project file at or above a folder, else the root."""
    known = frozenset(files)
    for parent in (place := PurePosixPath(folder), *place.parents):
        if any(str(parent / name) in known for name in _PROJECT_FILES):
            return str(parent)
    return "."


def _no_calls(why: str) -> UsageError:
    return UsageError(
        f"--calls is for benchmarks that are found, and {why}",
        remedy="leave it out, and change the command instead",
    )


def _projects_below(repository: Repository, commit: str | None, folder: str) -> tuple[str, ...]:
    """Return the first folders of projects below one that is no project itself."""
    prefix = "" if folder == "." else f"{folder}/"
    below = [path for path in repository.files(commit) if path.startswith(prefix)]
    return tuple(sorted(_folders_of_projects(below)))[:_NAMED]


def _folders_of_projects(paths: Iterable[str]) -> set[str]:
    split = (path.rpartition("/") for path in paths)
    return {folder for folder, _, name in split if folder and name in _PROJECT_FILES}


def _named(suites: Iterable[Planned], names: tuple[str, ...], how: str) -> Iterator[Planned]:
    by_name = {suite.name: suite for suite in suites}
    for name in names:
        if name not in by_name:
            known = ", ".join(filter(None, by_name)) or "none"
            raise UsageError(f"no suite {name!r} is {how}", remedy=f"name one of these: {known}")
    yield from (suite for suite in by_name.values() if not names or suite.name in names)


# --- their values ---


def _with_defaults(
    name: str | None, command: tuple[str, ...], config: Config, because: str
) -> Planned:
    planned = Planned(
        name=name,
        command=command,
        folder=config.folder,
        project=config.folder,
        source=(),
        exclude=(),
        env={},
        python=(),
        timeout=None,
        because=because,
        origins={"command": because},
    )
    return _with_table(planned, config.table, config, ())


def _with_table(
    planned: Planned, table: Settings, config: Config, above: tuple[str, ...]
) -> Planned:
    """Return a suite with what a table of the configuration says on top."""
    for name in ("source", "exclude", "env", "timeout", "python", "folder"):
        value = getattr(table, name)
        if value is None:
            continue
        if name in {"source", "exclude"}:
            value = tuple(_joined(config.folder, pattern) for pattern in value)
        elif name == "folder":
            value = _joined(config.folder, value)
        elif name == "env":
            value = {**planned.env, **value}
        planned = _replaced(planned, {name: value}, config.place(*above, name))
    return planned


def _override(planned: Planned, options: Options) -> Planned:
    """Return a suite with what the command line says on top."""
    typed = {
        "command": options.measured,
        "source": options.source,
        "exclude": options.exclude,
        "python": options.python,
        "timeout": options.timeout,
        "env": {**planned.env, **options.env} if options.env else None,
    }
    given = {name: value for name, value in typed.items() if value}
    return _replaced(planned, given, COMMAND_LINE)


def _replaced(planned: Planned, values: Mapping[str, object], origin: str) -> Planned:
    now = {one.name: getattr(planned, one.name) for one in fields(planned)}
    origins = {**planned.origins, **dict.fromkeys(values, origin)}
    return Planned(**{**now, **values, "origins": origins})


def _joined(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))
