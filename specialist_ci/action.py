"""The steps of the GitHub Action: `python -I -m specialist_ci.action plan|measure|report|comment`.

None fails for what was measured: the exit status of the job is an output, for the last step.
"""

import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from specialist_ci import __version__
from specialist_ci.cli import dispatch
from specialist_ci.configuration.config import nearest_config
from specialist_ci.environments.interpreters import find_interpreter
from specialist_ci.errors import SpecialistCIError, UsageError
from specialist_ci.forges.comment import acceptable, accepted, count
from specialist_ci.forges.event import (
    Acceptance,
    Event,
    accepted_by_label,
    accepted_by_line,
    parse_event,
)
from specialist_ci.forges.inputs import PREFIX, Inputs, Mode
from specialist_ci.forges.intake import REPORT_NAME, parse_reports, read_file
from specialist_ci.forges.legs import SNAPSHOTS, join_legs
from specialist_ci.forges.workflow import annotations, assignment, command
from specialist_ci.formats.files import load_snapshot, write
from specialist_ci.formats.report import ChangeKind, Failure, Report, Reports, Verdict
from specialist_ci.formats.snapshot import Snapshot
from specialist_ci.interruption import terminate_as_interrupt
from specialist_ci.measuring.identity import identify
from specialist_ci.measuring.surroundings import deterministic_environment
from specialist_ci.render import Format, render_reports
from specialist_ci.render.escape import visible
from specialist_ci.render.several import render_limited
from specialist_ci.render.wording import percent
from specialist_ci.repository.fetching import Fetching
from specialist_ci.repository.git import Repository, open_repository
from specialist_ci.repository.workspace import scratch_directory
from specialist_ci.snapshots.deciding import digest

_SOURCES = 50_000_000  # bytes of a snapshot that a page shows
_SUMMARY = 250_000  # characters; GitHub takes 1 MiB of a step
_FAILS, _NOT_MEASURED = 1, 3
_INTERRUPTED = 130
_MERGED = 2  # parents

# What a measured process has no business with: tokens, and the files that steer later steps.
_SECRET_NAMES = frozenset({"GH_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"})
_SECRET_PREFIXES = ("GITHUB_TOKEN", "ACTIONS_", "INPUT_", PREFIX)
_FILES = frozenset(
    {"GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"}
)


class Errand(BaseModel):
    """What the plan step found out, for the measure step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode
    folder: str  # to stand in
    base: str | None = None  # commit; None: only head is measured, for later
    head: str = "HEAD"
    options: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    label: str = ""
    problem: Failure | None = None  # why nothing can be measured


def main(argv: Sequence[str] | None = None) -> int:
    """Run one step and return its exit code."""
    (step,) = (sys.argv[1:] if argv is None else argv)[:1] or [""]
    try:
        with terminate_as_interrupt():
            return _STEPS[step](os.environ)
    except KeyError:
        print(f"specialist-ci: name one of {', '.join(_STEPS)}", file=sys.stderr)
        return UsageError.exit_code
    except SpecialistCIError as error:
        print(command("error", str(error)))
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED


# --- plan ---


def _plan(environ: Mapping[str, str]) -> int:
    """Decide what is measured, before anything of the repository runs."""
    inputs = Inputs.of(environ)
    place = _place(inputs, environ)
    place.mkdir(parents=True, exist_ok=True)
    cache = _runner_temp(environ) / "specialist-ci" / "cache"
    event = _event(environ)
    workspace = Path(environ.get("GITHUB_WORKSPACE") or Path.cwd())
    errand = Errand(mode=inputs.mode, folder=str(workspace / (inputs["working-directory"] or ".")))
    key, keeping = "", ""
    try:
        repository = open_repository(Path(errand.folder))
        base, head = _sides(repository, event, inputs)
        errand = errand.model_copy(
            update={
                "base": base,
                "head": head,
                "options": inputs.options(comparing=base is not None),
                "command": inputs.command(),
                "label": inputs["accept-label"],
            }
        )
        key = _cache_key(repository, errand, inputs, environ)
        keeping = "restore" if base is not None else "save" * event.on_default_branch
    except SpecialistCIError as error:
        # The next step says so in its report.
        errand = errand.model_copy(update={"problem": _failure(error)})
    write(place / "errand.json", errand.model_dump_json())
    _set(
        environ,
        {
            "folder": str(place),
            "cache-path": str(cache),
            "cache-key": key,
            "cache": keeping if key and inputs["cache"] != "false" else "",
        },
    )
    return 0


def _sides(repository: Repository, event: Event, inputs: Inputs) -> tuple[str | None, str]:
    """Return the commits of base and head; no base where there is nothing to compare with."""
    head = repository.resolve(inputs["head"] or "HEAD")
    fetching = Fetching(repository, _note)
    if inputs["base"]:
        return fetching.resolve(inputs["base"]), head
    if event.merge_group is not None:
        return _merge_base(fetching, event.merge_group.base_sha, head), head
    if event.pull_request is None:
        return None, head
    parents = repository.parents(head)
    if len(parents) == _MERGED and parents[1] == event.pull_request.head.sha:
        # The merge commit that actions/checkout gives: its first parent is the branch.
        return fetching.resolve(parents[0]), head
    return _merge_base(fetching, event.pull_request.base.sha, head), head


def _merge_base(fetching: Fetching, base: str, head: str) -> str:
    return fetching.merge_base(fetching.resolve(base), head, ("the base branch", "head"))


def _note(step: str) -> None:
    print(visible(f"{step} …"))


def _cache_key(
    repository: Repository, errand: Errand, inputs: Inputs, environ: Mapping[str, str]
) -> str:
    """Name the place of the base's snapshots; the snapshots themselves are named exactly."""
    environment = _without_secrets(environ)
    folder = str(Path(errand.folder).resolve().relative_to(repository.root))
    config = nearest_config(folder, partial(repository.read_text, errand.head))
    asked = inputs.python or config.table.python or (None,)
    pythons = [find_interpreter(one, environ=environment) for one in asked]
    with scratch_directory() as scratch:
        deterministic = deterministic_environment(environment, {})
        identities = [identify(python, scratch, deterministic) for python in pythons]
    decided = digest(
        {
            "tool": __version__,
            "python": [identity.model_dump(mode="json") for identity in identities],
            "config": config.table.model_dump(mode="json"),
            # A push compares nothing, and how that is done decides no measurement.
            "options": inputs.options(comparing=False),
            "command": errand.command,
            "folder": folder,
        }
    )
    system = f"{environ.get('RUNNER_OS', 'any')}-{environ.get('RUNNER_ARCH', 'any')}"
    return f"specialist-ci-{system}-{errand.base or errand.head}-{decided[:32]}"


# --- measure and report ---


def _measure(environ: Mapping[str, str]) -> int:
    """Measure both sides, or head alone, and leave the files that are uploaded."""
    inputs = Inputs.of(environ)
    place = _place(inputs, environ)
    errand = Errand.model_validate_json((place / "errand.json").read_bytes())
    if errand.problem is not None:
        return _finish(Reports(reports=(), failures=(errand.problem,)), _NOT_MEASURED, environ)
    output = place / "upload"
    (output / SNAPSHOTS).mkdir(parents=True, exist_ok=True)
    code, error = _run(errand, output, environ)
    if error is not None:
        several = Reports(reports=(), failures=(_failure(error),))
    elif errand.base is None:
        _set(environ, {"verdict": "measured", "exit-code": str(code), "report": ""})
        return 0
    else:
        several = parse_reports(read_file(output / REPORT_NAME))
    if errand.mode is Mode.MEASURE:
        code = _NOT_MEASURED if several.failures else 0  # the verdict is the report job's
    acceptance = _accepted(_event(environ), errand.label)
    return _finish(several, code, environ, acceptance, leg=errand.mode is Mode.MEASURE)


def _run(
    errand: Errand, output: Path, environ: Mapping[str, str]
) -> tuple[int, SpecialistCIError | None]:
    """Run the command line; nothing that it prints is a command to the runner."""
    files = [f"--snapshots={output / SNAPSHOTS}", "--format=json", f"-o={output / REPORT_NAME}"]
    if errand.base is None:
        argv = ["run", errand.head, *errand.options, f"-o={output / SNAPSHOTS / 'head.json'}"]
    else:
        argv = ["diff", errand.base, errand.head, *errand.options, *files]
    tail = ["--", *errand.command] if errand.command else []
    os.chdir(errand.folder)
    with _stopped_commands():
        try:
            return dispatch([*argv, *tail], _without_secrets(environ)), None
        except SpecialistCIError as error:
            for line in [*error.detail.splitlines(), str(error)]:
                print(f"  | {visible(line)}")
            return error.exit_code, error


def _report(environ: Mapping[str, str]) -> int:
    """Answer for all legs of a matrix, whose files were downloaded."""
    inputs = Inputs.of(environ)
    legs = _place(inputs, environ) / "legs"
    legs.mkdir(parents=True, exist_ok=True)
    several = join_legs(legs, inputs["legs-result"])
    if not several.reports and not several.failures:
        error = UsageError("no leg of the matrix left a report", remedy="see the logs of the legs")
        several = Reports(reports=(), failures=(_failure(error),))
    acceptance = _accepted(_event(environ), inputs["accept-label"])
    return _finish(several, 0, environ, acceptance)


def _finish(
    several: Reports,
    code: int,
    environ: Mapping[str, str],
    acceptance: Acceptance | None = None,
    *,
    leg: bool = False,
) -> int:
    """Write the report, and unless it is a leg's the summary, annotations and outputs."""
    output = _place(Inputs.of(environ), environ) / "upload"
    output.mkdir(parents=True, exist_ok=True)
    write(output / REPORT_NAME, several.model_dump_json() + "\n")
    page = _place(Inputs.of(environ), environ) / f"{Inputs.of(environ).identity}.html"
    if not leg:
        links = f"{_site(environ)}/blob/{{commit}}/{{path}}#L{{line}}"
        heads = _heads(output.parent)
        write(page, render_reports(several, Format.HTML, links=links, heads=heads))
        code = code or _code(several)
        if not acceptable(several):
            acceptance = None
        if acceptance is not None and code == _FAILS:
            code = 0
        for line in annotations(several):
            print(line)
        _summarize(several, environ, acceptance)
    _set(
        environ,
        {
            "verdict": _verdict(several),
            "exit-code": str(code),
            "accepted-by": (acceptance.who or acceptance.how) if acceptance else "",
            "regressions": str(count(several, ChangeKind.REGRESSION)),
            "new": str(count(several, ChangeKind.NEW)),
            "improvements": str(count(several, ChangeKind.IMPROVEMENT)),
            "ratio": _ratios(several.reports),
            "report": str(output / REPORT_NAME),
            "snapshots": str(output / SNAPSHOTS),
            "page": "" if leg else str(page),
        },
    )
    return 0


def _heads(place: Path) -> list[Snapshot]:
    """Return the snapshots of head, whose source the page shows."""
    found = []
    for folder in (place / "upload" / SNAPSHOTS, *sorted(place.glob(f"legs/*/{SNAPSHOTS}"))):
        # The first measurement before the one that confirms it.
        for path in sorted(folder.glob("head*.json"), key=lambda path: "-again" in path.name):
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= _SOURCES:
                with suppress(SpecialistCIError):  # what a leg left may be anything
                    found.append(load_snapshot(path))
    return found


def _summarize(several: Reports, environ: Mapping[str, str], acceptance: Acceptance | None) -> None:
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    links = f"{_site(environ)}/blob/{{commit}}/{{path}}#L{{line}}"
    text = render_limited(several, links=links, limit=_SUMMARY)
    if remark := accepted(several, acceptance):
        text = f"{remark}\n\n{text}"
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"{text}\n\n")


def _accepted(event: Event, label: str) -> Acceptance | None:
    """Return the acceptance as the event tells it; who put a label it tells only of that one."""
    pull = event.pull_request
    if pull is None:
        return None
    put = event.action == "labeled" and event.label is not None and event.label.name == label
    who = event.sender.login if put and event.sender else None
    labels = [one.name for one in pull.labels]
    by_line = accepted_by_line(pull.body or "", pull.user.login, trusted=pull.trusted)
    return accepted_by_label(labels, label, who) or by_line


def _code(several: Reports) -> int:
    verdicts = {report.verdict for report in several.reports}
    if several.failures or Verdict.NOT_COMPARABLE in verdicts:
        return _NOT_MEASURED
    return _FAILS if Verdict.FAIL in verdicts else 0


def _verdict(several: Reports) -> str:
    if several.failures:
        return "not-measured"
    worst = (Verdict.NOT_COMPARABLE, Verdict.FAIL, Verdict.PASS)
    return min((report.verdict for report in several.reports), key=worst.index).value


def _ratios(reports: Sequence[Report]) -> str:
    """Return head's ratio, of several suites in their order."""
    return " ".join(percent(report.totals.head.ratio) for report in reports)


# --- comment ---


def _comment(environ: Mapping[str, str]) -> int:
    """Bring the comment up to date. Runs nothing of the pull request, and believes nothing."""
    try:
        from specialist_ci.forges.commenting import say  # noqa: PLC0415 - needs the extra
        from specialist_ci.forges.github import (  # noqa: PLC0415 - as above
            ACTIONS_BOT,
            ForbiddenError,
            Remote,
        )
    except ImportError as error:
        raise UsageError(
            "PyGithub is not installed", remedy="install specialist-ci[github]"
        ) from error
    inputs, event = Inputs.of(environ), _event(environ)
    token = environ.get("SPECIALIST_CI_TOKEN")
    if not token:
        print(command("notice", "no comment: there is no token"))
        return 0
    remote = Remote(
        environ["GITHUB_API_URL"],
        token,
        environ["GITHUB_REPOSITORY"],
        author=inputs["comment-author"] or ACTIONS_BOT,
    )
    report = _place(inputs, environ) / "upload" / REPORT_NAME
    try:
        said = say(event, inputs, remote, environ, report)
    except ForbiddenError as error:
        if inputs.mode is Mode.COMMENT:
            raise
        print(command("notice", f"no comment: {error}"))
        return 0
    if said.url is None:
        print(command("notice", f"no comment: {said.note}"))
    _set(environ, {"comment-url": said.url or ""})
    return 0


# --- the runner ---


@contextmanager
def _stopped_commands() -> Iterator[None]:
    """Let the runner obey no line that is printed in the block."""
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}", flush=True)
    try:
        # The runner reads the two streams apart, and would obey what comes in late.
        with redirect_stderr(sys.stdout):
            yield
    finally:
        print(f"\n::{token}::", flush=True)


def _without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for measured processes; they are told that this is no user's shell."""
    return {
        **{
            name: text
            for name, text in environ.items()
            if name not in _SECRET_NAMES | _FILES
            and not name.startswith(_SECRET_PREFIXES)
            and name != "SPECIALIST_CI_TOKEN"
        },
        "SPECIALIST_CI_APART": "1",
        "SPECIALIST_CI_CACHE": str(_runner_temp(environ) / "specialist-ci" / "cache"),
    }


def _set(environ: Mapping[str, str], outputs: Mapping[str, str]) -> None:
    """Set outputs of the step."""
    path = environ.get("GITHUB_OUTPUT")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(
                assignment(name, visible(text), f"end-{secrets.token_hex(16)}")
                for name, text in outputs.items()
            )


def _event(environ: Mapping[str, str]) -> Event:
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        return Event()
    try:
        return parse_event(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"the payload of the event cannot be read ({error.strerror})",
            remedy="run this as a step of a GitHub workflow",
        ) from error


def _site(environ: Mapping[str, str]) -> str:
    server = environ.get("GITHUB_SERVER_URL", "")
    return f"{server}/{environ.get('GITHUB_REPOSITORY', '')}"


def _place(inputs: Inputs, environ: Mapping[str, str]) -> Path:
    """Return the folder of all files of one use of the action in a job."""
    name = f"{inputs.identity}-{inputs.leg}" if inputs.leg else inputs.identity
    return _runner_temp(environ) / "specialist-ci" / "uses" / name


def _runner_temp(environ: Mapping[str, str]) -> Path:
    if path := environ.get("RUNNER_TEMP"):
        return Path(path)
    raise UsageError("RUNNER_TEMP is not set", remedy="run this as a step of a GitHub workflow")


def _failure(error: SpecialistCIError) -> Failure:
    return Failure(suite="", message=error.message, remedy=error.remedy)


_STEPS = {"plan": _plan, "measure": _measure, "report": _report, "comment": _comment}


if __name__ == "__main__":
    sys.exit(main())
