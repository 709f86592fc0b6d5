"""The command line as people use it: every command, and every wrong input one clear line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pythons import interpreters
from repositories import ENVIRONMENT, Drawing, fingerprint

from specialist_ci.cli import main
from specialist_ci.commands.arguments import build_parser

FAST = """\
def convert(value):
    return value - 32.0


for number in range(1000):
    convert(float(number))
"""
SLOW = FAST.replace("range(1000)", "range(1000, 2000)").replace("value - 32.0", "value // 32.0")
TRACED = "import sys\nsys.settrace(lambda *_: None)\n" + FAST
ONCE = """\
x = [1]
x.append(x[0] + 1)


def double(value):
    return value + value
"""
BROKEN = "def convert(value:\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Drawing:
    """Make a repository whose tags name what is the matter with them."""
    drawing = Drawing(tmp_path_factory.mktemp("cli") / "a repository")
    for tag, text in {"broken": BROKEN, "traced": TRACED, "fast": FAST, "slow": SLOW}.items():
        tree = {"bench.py": text, "bench_once.py": ONCE, "tests/test_it.py": "assert True\n"}
        drawing.commit(tree, tag)
        drawing.git("tag", tag)
    return drawing


@pytest.fixture(autouse=True)
def _inside(repository: Drawing, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run each test in the repository, and see that nothing is left in it."""
    monkeypatch.chdir(repository.root)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    before = fingerprint(repository.root)
    yield
    after = fingerprint(repository.root)
    assert after == before
    assert repository.git("worktree", "list").count("\n") == 0


def _run(*argv: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(argv)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


# --- what works ---


def test_diff_reports_a_regression(capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict with its numbers comes first, and the build fails."""
    code, out, err = _run("diff", "fast", "slow", "--", "bench.py", capsys=capsys)
    assert code == 1
    assert out.startswith("FAIL: 1 regression")
    assert "bench.py:2" in out
    assert err == ""  # no progress in a pipe


def test_diff_of_a_commit_with_itself_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing changed, on whatever way the command is typed."""
    for command in (("bench.py",), ("python", "bench.py"), ("-m", "bench")):
        code, out, _err = _run(
            "diff", "fast", "fast", "--format", "json", "--", *command, capsys=capsys
        )
        report = json.loads(out)
        assert code == 0
        assert (report["verdict"], report["changes"], report["flaky"]) == ("pass", [], [])


def test_diff_takes_the_working_tree_for_head(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """Uncommitted and untracked files are measured, and the checkout stays as it is."""
    bench = repository.root / "bench.py"
    committed = bench.stat()
    bench.write_text("import other\n" + FAST, encoding="utf-8")
    (repository.root / "other.py").write_text(SLOW, encoding="utf-8")
    try:
        code, out, _err = _run("diff", "fast", "--format", "json", "--", "bench.py", capsys=capsys)
    finally:
        bench.write_text(SLOW, encoding="utf-8")
        os.utime(bench, ns=(committed.st_atime_ns, committed.st_mtime_ns))
        (repository.root / "other.py").unlink()
    report = json.loads(out)
    assert code == 0
    assert report["head"]["dirty"] is True
    assert [(c["kind"], c["path"], c["line"]) for c in report["changes"]] == [
        ("new", "other.py", 2)
    ]


def test_diff_from_the_merge_base(capsys: pytest.CaptureFixture[str]) -> None:
    """Without BASE it is the merge base with the default branch; BASE...HEAD names both."""
    _code, out, _err = _run("diff", "--format", "json", "--", "bench.py", capsys=capsys)
    assert json.loads(out)["base"]["revision"] == "merge base with main"
    _code, out, _err = _run(
        "diff", "slow...fast", "--format", "json", "--", "bench.py", capsys=capsys
    )
    report = json.loads(out)
    assert report["base"]["commit"] == report["head"]["commit"]  # fast is below slow


def test_diff_in_a_subfolder(
    repository: Drawing, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command runs in the folder where the user stands."""
    monkeypatch.chdir(repository.root / "tests")
    code, _out, err = _run(
        "diff", "fast", "fast", "--source", ".", "--", "test_it.py", capsys=capsys
    )
    assert (code, "ran no code" in err) == (3, True)  # it ran, and has no site
    code, out, _err = _run("diff", "fast", "fast", "--", "../bench.py", capsys=capsys)
    assert (code, out[:4]) == (0, "PASS")


def test_command_outside_the_repository(
    repository: Drawing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A relative path out of the checkout means the same file from the worktrees."""
    script = tmp_path / "outside.py"
    script.write_text("import sys\nsys.path.insert(0, '.')\nimport bench\n", encoding="utf-8")
    relative = os.path.relpath(script, repository.root)
    code, out, _err = _run("diff", "fast", "slow", "--", "python", relative, capsys=capsys)
    assert (code, out[:18]) == (1, "FAIL: 1 regression")


def test_run_compare_and_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two snapshots compare as a diff does, without running anything."""
    for tag in ("fast", "slow"):
        code, out, _err = _run(
            "run", tag, "-o", str(tmp_path / f"{tag}.json"), "--", "bench.py", capsys=capsys
        )
        assert (code, out) == (0, "")
    files = (str(tmp_path / "fast.json"), str(tmp_path / "slow.json"))
    code, out, _err = _run("compare", *files, capsys=capsys)
    assert (code, out.splitlines()[0][:18]) == (1, "FAIL: 1 regression")
    _code, shown, _err = _run("show", files[1], capsys=capsys)
    assert "value // 32.0" in shown
    report = tmp_path / "report.md"
    code, out, _err = _run(
        "compare", *files, "--format", "markdown", "-o", str(report), capsys=capsys
    )
    assert (code, out) == (1, "")
    assert "`bench.py:2`" in report.read_text(encoding="utf-8")


def test_what_does_not_show_again_is_flaky(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A regression of the first measurement alone is listed apart and fails nothing."""
    log = tmp_path / "log"
    script = f"""
import bench_once, pathlib
log = pathlib.Path({str(log)!r})
runs = len(log.read_text()) if log.exists() else 0
log.write_text("." * (runs + 1))
for number in range(1000):
    bench_once.double(complex(number) if runs == 1 else float(number))
"""
    argv = ("diff", "fast", "fast", "--jobs", "1", "--format", "json", "--", "-c", script)
    code, out, _err = _run(*argv, capsys=capsys)
    report = json.loads(out)
    assert log.read_text(encoding="utf-8") == "...."  # both sides, and both again
    assert (code, report["verdict"], report["changes"]) == (0, "pass", [])
    assert [(c["kind"], c["path"], c["line"]) for c in report["flaky"]] == [
        ("regression", "bench_once.py", 6)
    ]


@pytest.mark.parametrize(
    ("fail_on", "code"),
    [("regression", 1), ("indirect", 0), ("unstable", 0), ("new,regression", 1), ("never", 0)],
)
def test_fail_on_decides(fail_on: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The policy decides the exit code: the regression is direct and not unstable."""
    assert main(["diff", "fast", "slow", "--fail-on", fail_on, "--", "bench.py"]) == code
    capsys.readouterr()


# --- wrong input ---

COMMAND = ("--", "bench.py")

WRONG: dict[str, tuple[tuple[str, ...], int, str]] = {
    "unknown revision": (("diff", "nowhere", *COMMAND), 2, "'nowhere' is not known"),
    "range and head": (("diff", "fast...slow", "slow", *COMMAND), 2, "names both sides"),
    "no such suite": (("diff", "fast", "--suite", "a"), 2, "no suite 'a' is found"),
    "suite and command": (("diff", "fast", "--suite", "scripts", *COMMAND), 2, "leave one out"),
    "no subcommand": ((), 2, "required"),
    "unknown option": (("diff", "--nope", *COMMAND), 2, "unrecognized"),
    "bad variable": (("diff", "--env", "A", *COMMAND), 2, "NAME=VALUE"),
    "bad timeout": (("diff", "--timeout", "soon", *COMMAND), 2, "'soon'"),
    "bad policy": (("diff", "--fail-on", "all", *COMMAND), 2, "'all'"),
    "bad output": (("run", "-o", "/no/such/folder/x.json", *COMMAND), 2, "written"),
    "no such source": (("diff", "fast", "--source", "nope", *COMMAND), 2, "fits no Python file"),
    "missing interpreter": (("diff", "fast", "--python", "3.99", *COMMAND), 2, "3.99"),
    "missing path": (("diff", "fast", "--python", "/no/python", *COMMAND), 2, "/no/python"),
    "no such program": (("diff", "fast", "--", "no-such-program"), 2, "no-such-program"),
    "no such script": (("diff", "fast", "--", "python", "nope.py"), 3, "exit status 2"),
    "failing command": (("diff", "fast", "--", "-c", "1/0"), 3, "ZeroDivisionError"),
    "killed command": (
        ("diff", "fast", "--", "-c", "import os; os.kill(os.getpid(), 9)"),
        3,
        "SIGKILL",
    ),
    "slow command": (
        ("diff", "fast", "--timeout", "0.5", "--", "-c", "while True: pass"),
        3,
        "0.5 seconds",
    ),
    "no code of ours": (("diff", "fast", "--", "-c", "pass"), 3, "ran no code of the 2 source"),
    "no Python at all": (("diff", "fast", "--", "true"), 3, "started no Python"),
    "isolated Python": (("diff", "fast", "--", "python", "-I", "bench.py"), 3, "without -I"),
    "broken file": (("diff", "broken", "fast", *COMMAND), 3, "SyntaxError"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_clear_line(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It names what is wrong and a remedy, has its exit code, and is no report."""
    argv, expected, words = WRONG[case]
    code, out, err = _run(*argv, capsys=capsys)
    lines = [line for line in err.splitlines() if not line.startswith("  | ")]
    assert (code, out, len(lines)) == (expected, "", 1), err
    assert lines[0].startswith("specialist-ci: ")
    assert words in lines[0]
    assert "specialist_ci/" not in err  # no traceback of ours


def test_cold_code_is_not_green(capsys: pytest.CaptureFixture[str]) -> None:
    """A run too short to specialize anything proves nothing."""
    code, out, _err = _run(
        "diff", "fast", "fast", "--", "-c", "import ast, bench_once", capsys=capsys
    )
    assert (code, out[:14]) == (3, "NOT COMPARABLE")


def test_tracer_is_not_comparable(capsys: pytest.CaptureFixture[str]) -> None:
    """Sites that a tracer hides are never green, and the remedy is named."""
    code, out, _err = _run("diff", "traced", "traced", *COMMAND, capsys=capsys)
    assert code == 3
    assert out.startswith("NOT COMPARABLE")
    assert "calls of sys.settrace" in " ".join(out.split())


def test_outside_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is no repository is refused."""
    monkeypatch.chdir(tmp_path)
    code, _out, err = _run("diff", *COMMAND, capsys=capsys)
    assert (code, "not in a git repository" in err) == (2, True)


def test_repository_without_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A repository without a commit has nothing to compare with."""
    monkeypatch.chdir(Drawing(tmp_path / "empty").root)
    code, _out, err = _run("diff", *COMMAND, capsys=capsys)
    assert (code, "no commits" in err) == (2, True)


def test_free_threaded_interpreter_is_refused(
    free_threaded_python: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A build that never specializes cannot be green."""
    argv = ("diff", "fast", "--python", str(free_threaded_python), *COMMAND)
    code, _out, err = _run(*argv, capsys=capsys)
    assert (code, "never specializes" in err) == (3, True)


def test_old_interpreter_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A Python before 3.11 is named as what it is."""
    old = [
        path
        for path in Path.home().glob(".pyenv/versions/*/bin/python")
        if re.search(r"/(2\.7|3\.([6-9]|10))\.", str(path))
    ]
    if not old:
        pytest.skip("no Python before 3.11 on this machine")
    for path in old:
        code, _out, err = _run("diff", "fast", "--python", str(path), *COMMAND, capsys=capsys)
        assert (code, "does not specialize" in err) == (3, True), err


def test_snapshots_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A snapshot that is missing, cut, no JSON, foreign or of another version is refused."""
    good = tmp_path / "good.json"
    assert main(["run", "fast", "-o", str(good), "--", "bench.py"]) == 0
    text = good.read_text(encoding="utf-8")
    wrong = {
        "missing": (None, "cannot read"),
        "cut": (text[: len(text) // 2], "no whole JSON"),
        "binary": ("\x00\x01", "no whole JSON"),
        "foreign": ('{"schema_version": 1, "a": 1}', "no snapshot"),
        "list": ("[]", "no snapshot"),
        "newer": (text.replace('"schema_version":1', '"schema_version":2'), "schema version 2"),
    }
    for name, (content, words) in wrong.items():
        path = tmp_path / f"{name}.json"
        if content is not None:
            path.write_text(content, encoding="utf-8")
        for argv in (("compare", str(good), str(path)), ("show", str(path))):
            code, out, err = _run(*argv, capsys=capsys)
            assert (code, out, err.count("\n")) == (2, "", 1), err
            assert words in err


def test_snapshots_that_do_not_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another interpreter, command or source is named, and never green."""
    runs = {
        "good": ("run", "fast", "--", "bench.py"),
        "command": ("run", "fast", "--", "python", "bench.py"),
        "source": ("run", "fast", "--source", "bench.py", "--", "bench.py"),
        "environment": ("run", "fast", "--env", "PYTHONHASHSEED=1", "--", "bench.py"),
    }
    others = [path for path in interpreters().found.values() if path.resolve() != _own_python()]
    if others:
        runs["interpreter"] = ("run", "fast", "--python", str(others[0]), "--", "bench.py")
    for name, argv in runs.items():
        output = ("-o", str(tmp_path / f"{name}.json"))
        assert main([argv[0], argv[1], *output, *argv[2:]]) in {0, 3}
    for name in runs.keys() - {"good"}:
        path = tmp_path / f"{name}.json"
        if path.exists():
            code, out, _err = _run("compare", str(tmp_path / "good.json"), str(path), capsys=capsys)
            assert (code, out.partition(":")[0]) == (3, "NOT COMPARABLE"), name


def _own_python() -> Path:
    return Path(sys.executable).resolve()


# --- interruptions and pipes ---


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C in the middle of a run removes worktrees and scratch, in one line."""
    started = tmp_path / "started"
    wait = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-m", "specialist_ci", "diff", "fast", "--", "-c", wait],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.02)  # the child is only just starting
    process.send_signal(number)
    _out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "specialist-ci: interrupted, nothing is left behind\n"
    assert list(tmp_path.iterdir()) == [started]


def test_closed_pipe_is_no_error() -> None:
    """Somebody who reads only the first line gets no traceback."""
    command = f"{sys.executable} -m specialist_ci demo | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("FAIL")
    assert done.stderr == ""


def test_colour_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal there is colour and progress, with NO_COLOR no colour, in a pipe neither."""
    demo = [sys.executable, "-m", "specialist_ci", "demo"]
    piped = subprocess.run(demo, capture_output=True, text=True, check=True)
    assert "\x1b" not in piped.stdout + piped.stderr
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in _on_terminal(demo)
    monkeypatch.setenv("NO_COLOR", "1")
    report = _on_terminal([*demo, "2>/dev/null"])
    assert "FAIL" in report
    assert "\x1b[3" not in report


def _on_terminal(command: list[str]) -> str:
    """Run a command on a pseudo-terminal and return what it printed there."""
    done = subprocess.run(
        ["script", "--quiet", "--return", "--command", " ".join(command), "/dev/null"],
        capture_output=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.decode()


def test_output_that_finds_no_room() -> None:
    """A full disk is one line with what to do; a closed stdout is nobody who reads."""
    command = [sys.executable, "-m", "specialist_ci", "cache"]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("specialist-ci: cannot write to stdout (")
    words = " ".join(command)
    closed = subprocess.run(f"{words} >&- 2>&-", shell=True, check=False)  # noqa: S602 - our own words
    assert closed.returncode == 0


# --- documentation ---


def test_documentation_lists_every_option() -> None:
    """The tables of docs/commands.md name each command and option of --help, and no other."""
    page = (Path(__file__).parents[1] / "docs" / "commands.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(--?[a-z-]+)", page, re.MULTILINE)
    documented = set(rows)
    assert len(documented) == len(rows)
    parser = build_parser()
    commands = next(a for a in parser._actions if a.choices and a.metavar == "COMMAND")  # noqa: SLF001 - argparse has no public way
    assert isinstance(commands.choices, dict)
    options = {
        option
        for command in (parser, *commands.choices.values())
        for action in command._actions  # noqa: SLF001 - argparse has no public way
        for option in action.option_strings
        if option.startswith("--") and option not in {"--help", "--version"}
    }
    assert documented == options
    for command in commands.choices:
        assert f"specialist-ci {command}" in page
