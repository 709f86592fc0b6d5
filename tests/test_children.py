"""A Python that is started where the recorder cannot follow is counted, and nothing else is."""

import shlex
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from collecting import collect, draw, start, surroundings, without_collector
from pythons import unspecializing

from specialist_ci.errors import MeasurementError
from specialist_ci.formats.snapshot import Snapshot
from specialist_ci.measuring.executions import watching
from specialist_ci.measuring.identity import identify
from specialist_ci.measuring.measure import Checkout, Plan, measure
from specialist_ci.measuring.missing import how_to_see, missing_processes
from specialist_ci.measuring.surroundings import deterministic_environment

HEAD = """\
import asyncio, os, subprocess, sys
P = sys.executable
env = dict(os.environ)
def run(*argv, **options):
    print(subprocess.run(argv, stdout=subprocess.PIPE, **options).returncode)
"""

# What the program does, and what the marks have to say.
UNSEEN = {
    "flag": ("run(P, '-I', '-c', '')", ["-I"]),
    "cluster": ("run(P, '-BEuc', '')", ["-E"]),
    "after an argument": (
        "run(P, '-X', 'utf8', '-Wignore', '-W', 'ignore', '-S', '-c', '')",
        ["-S"],
    ),
    "module": ("run(P, '-Im', 'this')", ["-I"]),
    "no environment": ("run(P, '-c', '', env={})", ["environment"]),
    "other PYTHONPATH": (
        "env['PYTHONPATH'] = os.curdir; run(P, '-c', '', env=env)",
        ["environment"],
    ),
    "unset here": ("del os.environ['PYTHONPATH']; run(P, '-c', '')", ["environment"]),
    "no control": (
        "env.pop('SPECIALIST_CI_CONTROL', 0); run(P, '-c', '', env=env)",
        ["environment"],
    ),
    "shadowed": (
        (
            "os.mkdir('own'); open('own/sitecustomize.py', 'w').close()\n"
            "env['PYTHONPATH'] = 'own' + os.pathsep + env['PYTHONPATH']; run(P, '-c', '', env=env)"
        ),
        ["environment"],
    ),
    "path search": ("run('python3', '-Ic', '')", ["-I"]),
    "bytes": ("subprocess.run([os.fsencode(P), b'-I', b'-c', b''])", ["-I"]),
    "working directory": (
        "os.mkdir('bin'); os.symlink(P, 'bin/python')\nrun('./python', '-Ic', '', cwd='bin')",
        ["-I"],
    ),
    "another name": ("os.symlink(P, 'mine')\nrun('./mine', '-Ic', '')", ["-I"]),
    "asyncio": (
        (
            "async def main():\n"
            "    child = await asyncio.create_subprocess_exec(P, '-Ic', '')\n"
            "    print(await child.wait())\n"
            "asyncio.run(main())"
        ),
        ["-I"],
    ),
    "posix_spawn by subprocess": ("run(P, '-Ic', '', close_fds=False)", ["-I"]),
    "posix_spawn": (
        "print(os.waitpid(os.posix_spawn(P, [P, '-Ic', ''], os.environ), 0)[1])",
        ["-I"],
    ),
    "posix_spawnp": (
        (
            "pid = os.posix_spawnp('python3', ['python3', '-c', ''], {b'A': 'b'})\n"
            "print(os.waitpid(pid, 0)[1])"
        ),
        ["environment"],
    ),
    "spawnv": ("print(os.spawnv(os.P_WAIT, P, [P, '-Ic', '']))", ["-I"]),
    "spawnlpe": (
        "print(os.spawnlpe(os.P_WAIT, 'python3', 'python3', '-c', '', {}))",
        ["environment"],
    ),
    "execv": ("os.execv(P, [P, '-Ic', 'print(1)'])", ["-I"]),
    "execlp": ("os.execlp('python3', 'python3', '-Sc', 'print(1)')", ["-S"]),
    "multiprocessing": (
        (
            "import multiprocessing.util\n"
            "arguments = [os.fsencode(P), b'-Ic', b'']\n"
            "child = multiprocessing.util.spawnv_passfds(os.fsencode(P), arguments, [])\n"
            "print(os.waitpid(child, 0)[1])"
        ),
        ["-I"],
    ),
    "script": (
        (
            "with open('tool', 'w') as file: print('#!' + P, '-I', file=file)\n"
            "os.chmod('tool', 0o755); run('./tool', '-E')"
        ),
        ["-I"],
    ),
    "script by env": (
        (
            "with open('tool', 'w') as file: print('#!/usr/bin/env -S python3 -E', file=file)\n"
            "os.chmod('tool', 0o755); run('./tool')"
        ),
        ["-E"],
    ),
    "script without environment": (
        (
            "with open('tool', 'w') as file: print('#!' + P, file=file)\n"
            "os.chmod('tool', 0o755); run('./tool', env={})"
        ),
        ["environment"],
    ),
    "script with a long path": (
        (
            "with open('tool', 'w') as file:\n"
            """    print("#!/bin/sh\\n'''exec' " + P + ' "$0" "$@"' + "\\n' '''", file=file)\n"""
            "os.chmod('tool', 0o755); run('./tool', env={})"
        ),
        ["environment"],
    ),
    "several": (
        "run(P, '-Ic', ''); run(P, '-Ic', ''); run(P, '-Ec', ''); run(P, '-c', '')",
        ["-E", "-I", "-I"],
    ),
}
# What must raise no alarm.
SEEN = {
    "flags of the program": "run(P, '-c', '', '-I'); run(P, '-', '-I', input=b'')",
    "flags of the script": "open('script.py', 'w').close(); run(P, 'script.py', '-I')",
    "arguments of options": "run(P, '-W', '-I', '-X', '-I', '-m', 'this'); run(P, '-WI', '-mthis')",
    "other flags": "run(P, '-sPBuOO', '-q', '-bb', '-c', '')",
    "long option": "run(P, '--check-hash-based-pycs', 'never', '-c', '')",
    "no code runs": "run(P, '-VI'); run(P, '-I', '--version'); run(P, '-h', env={}); run(P, '-?')",
    "no Python": "run('true', '-I'); run('sh', '-c', ':', '-I', env={}); run('git', '-h', env={})",
    "no such program": (
        "for argv in (['python0', '-I'], ['/no/python', '-I']):\n"
        "    try: run(*argv)\n"
        "    except FileNotFoundError as error: print(error)\n"
        "try: os.execv('/no/python', ['python', '-I'])\n"
        "except FileNotFoundError as error: print(error)"
    ),
    "wrong arguments": (
        "for call, *env in ((os.execv,), (os.posix_spawn, {}), (os.execve, {})):\n"
        "    for words in ((P,), (P, 3), (P, []), (P, [3]), (P, ['a\\0']), (3, ['-I'])):\n"
        "        try: call(*words, *env)\n"
        "        except Exception as error: print(type(error), error)"
    ),
    "a path of its own": (
        "env['PYTHONPATH'] = os.curdir + os.pathsep + env['PYTHONPATH']; run(P, '-c', '', env=env)"
    ),
    "a resolved path": (
        "env['PYTHONPATH'] = os.pathsep.join(map(os.path.realpath, env['PYTHONPATH'].split(':')))\n"
        "run(P, '-c', '', env=env)"
    ),
    "a script": (
        "with open('tool', 'w') as file: print('#!' + P, file=file)\n"
        "os.chmod('tool', 0o755); run('./tool', '-I')"
    ),
}


def _marks(python: Path, tmp_path: Path, source: str) -> tuple[Counter[str], int, int]:
    """Run a program twice; return the marks and the numbers of processes and of dumps."""
    root = draw(tmp_path / "plain", {"bench.py": HEAD + source + "\n"})
    without = without_collector(python, root, ["bench.py"])
    root = draw(tmp_path / "root", {"bench.py": HEAD + source + "\n"})
    control, measured = start(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert measured == without
    assert measured.status == 0
    return control.unmeasured(), control.count("started"), control.count("raw")


@pytest.mark.parametrize("way", UNSEEN)
def test_unseen(python: Path, tmp_path: Path, way: str) -> None:
    """Each way to start a Python out of our sight leaves a mark with the reason."""
    source, expected = UNSEEN[way]
    marks, started, dumped = _marks(python, tmp_path, source)
    assert sorted(marks.elements()) == expected
    assert started == dumped


@pytest.mark.parametrize("way", SEEN)
def test_no_false_alarm(python: Path, tmp_path: Path, way: str) -> None:
    """What is measured, and what is no Python or runs nothing, leaves no mark."""
    marks, started, dumped = _marks(python, tmp_path, SEEN[way])
    assert not marks
    assert started == dumped


LINES = [
    "-c pass",
    "-I -c pass",
    "-EIc pass",
    "-Sc pass",
    "-s -c pass",
    "-sS -c pass",
    "-uE script.py",
    "-uX dev script.py",
    "-uX -I script.py",
    "-uXI script.py",
    "-W -I script.py",
    "-Wd -I script.py",
    "-OO -m script -I",
    "-OOIm this",
    "-B -- script.py -I",
    "-I -- script.py",
    "script.py -I",
    "./script.py -E",
    "-P script.py",
    "-bv -I script.py",
    "-d -t -R script.py",
    "-x script.py",
    "--check-hash-based-pycs always script.py",
    "--check-hash-based-pycs always -I script.py",
    "-",
    "- -I",
    "",
]


TRY_LINES = f"""
raw = os.path.join(os.environ["SPECIALIST_CI_CONTROL"], "raw")
for line in {LINES}:
    before = set(os.listdir(raw))
    status = subprocess.run([P, *line.split()], input=b"", capture_output=True).returncode
    after = [os.path.splitext(name)[1] for name in set(os.listdir(raw)) - before]
    if status or len([mark for mark in after if mark in (".started", ".unmeasured")]) != 1:
        print(repr(line), status, after)
"""


def test_flags_are_read_as_python_reads_them(python: Path, tmp_path: Path) -> None:
    """Of each command line that runs code, either the process or a mark is there, not both."""
    root = draw(tmp_path / "root", {"bench.py": HEAD + TRY_LINES, "script.py": "print()\n"})
    (root / "script.py").write_text(f"#!{python}\nprint()\n", encoding="utf-8")
    _, outcome = start(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert outcome == (0, "", "")


@pytest.mark.skipif(not unspecializing(), reason="no Python older than 3.11, and no PyPy")
def test_older_pythons_are_left_alone(python: Path, tmp_path: Path) -> None:
    """A Python that never specializes lacks nothing, however it is started."""
    lines = [
        f"run({str(old)!r}, *{words!r}, env={env})"
        for old in unspecializing()
        for words in (["-c", ""], ["-Ec", ""])
        for env in ("None", "{}")
    ]
    assert _marks(python, tmp_path, "\n".join(lines)) == (Counter(), 1, 1)


def test_virtual_environment(python: Path, tmp_path: Path) -> None:
    """Making an environment starts Python without PYTHONPATH or with -I, and that is counted."""
    source = "import venv; venv.create('env', with_pip=True, symlinks=True)\n"
    root = draw(tmp_path / "root", {"bench.py": source + HEAD + "run('env/bin/python', '-Ic', '')"})
    control, outcome = start(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert outcome == (0, "0\n", "")
    assert control.unmeasured()["-I"] >= 1
    assert set(control.unmeasured()) <= {"-I", "environment"}


SENT = """\
def alone(number):
    total = 0
    for value in range(number):
        total = total + value // 3
    return total

def together(number):
    return alone(number)
"""


@pytest.mark.parametrize(
    ("call", "marks"),
    [
        ("call(sent.alone, 500)", 1),
        ("call(sent.together, 500)", 0),
        ("exec('import sent; sent.alone(500)')", 0),
    ],
)
def test_subinterpreters(python: Path, version: str, tmp_path: Path, call: str, marks: int) -> None:
    """What a subinterpreter imports is measured; a copy of a function's code is counted."""
    if version in {"3.11", "3.12", "3.13"}:
        pytest.skip("concurrent.interpreters is new in 3.14")
    source = (
        "import sent\nfrom concurrent import interpreters\ninterpreter = interpreters.create()\n"
        + f"print(interpreter.{call})\n" * 3
        + "interpreter.close()\n"
    )
    root = draw(tmp_path / "root", {"bench.py": source, "sent.py": SENT})
    collected = collect(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert collected.outcome == without_collector(python, root, ["bench.py"])
    assert collected.control.unmeasured() == ({"subinterpreter": 1} if marks else {})
    hot = {
        site.state
        for code in collected.codes()
        if code.qualname == "alone"
        for site in code.sites
        if site.argrepr == "//"
    }
    assert ("adaptive" in hot) is not bool(marks)


@pytest.mark.parametrize("work", ["alone", "together"])
def test_pool_of_subinterpreters(python: Path, version: str, tmp_path: Path, work: str) -> None:
    """The workers of an InterpreterPoolExecutor are measured, or one mark says that not."""
    if version in {"3.11", "3.12", "3.13"}:
        pytest.skip("InterpreterPoolExecutor is new in 3.14")
    source = (
        "import sent\nfrom concurrent.futures import InterpreterPoolExecutor\n"
        "with InterpreterPoolExecutor(2) as pool:\n"
        f"    print(list(pool.map(sent.{work}, [500] * 6)))\n"
    )
    root = draw(tmp_path / "root", {"bench.py": source, "sent.py": SENT})
    collected = collect(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert collected.outcome == without_collector(python, root, ["bench.py"])
    assert collected.control.unmeasured() == ({"subinterpreter": 1} if work == "alone" else {})
    assert collected.control.count("started") == len(collected.dumps)


OLD_INTERPRETERS = """\
import signal
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
signal.signal(signal.SIGTERM, signal.SIG_DFL)
run = getattr(interpreters, "run_string", None)
number = interpreters.create()
run(number, "import sys; sys.path.insert(0, '')\\nimport sent\\nsent.alone(500)")
interpreters.destroy(number)
"""


def test_subinterpreters_of_old(python: Path, tmp_path: Path) -> None:
    """Where only the private module is there, a subinterpreter is measured as well."""
    root = draw(tmp_path / "root", {"bench.py": OLD_INTERPRETERS, "sent.py": SENT})
    collected = collect(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert collected.outcome == without_collector(python, root, ["bench.py"]) == (0, "", "")
    assert len(collected.dumps) == collected.control.count("started") == 2
    assert {"adaptive", "specialized"} <= {site.state for site in collected.sites("alone")}


# What is said about it.


def test_message() -> None:
    """One condition counts what is missing, says why, and has a remedy for each reason."""
    unseen = Counter({"-I": 2, "environment": 1, "whatever": 5})
    (condition,) = missing_processes(unseen, started=9, lost=1)
    assert condition.name == "unmeasured-processes"
    assert not condition.blocking
    assert condition.message == (
        "4 of 12 Python processes were not measured: 2 started with -I, "
        "1 started without our PYTHONPATH or SPECIALIST_CI_CONTROL, "
        "1 ended without leaving their state"
    )
    assert condition.remedy == (
        "if they ran code of the project, start them without -I, -E and -S; "
        "hand PYTHONPATH and SPECIALIST_CI_CONTROL down to them (tox: pass_env); "
        "let them end by themselves, not by os._exit or a signal"
    )


def test_message_about_subinterpreters() -> None:
    """Copies of functions are a matter of their own, counted once a process."""
    (condition,) = missing_processes(Counter({"subinterpreter": 2}), started=3, lost=0)
    assert condition.name == "unmeasured-subinterpreters"
    assert how_to_see(Counter({"subinterpreter": 2})) == condition.remedy


def test_nothing_is_missing() -> None:
    """Without a mark and without a loss there is nothing to say."""
    assert missing_processes(Counter(), started=3, lost=0) == []


WORK = "def work():\n    return sum(n / 2 for n in range(500))\nwork()\n"


def _measure(python: Path, tmp_path: Path, bench: str) -> Snapshot:
    """Measure a script as a side of a comparison."""
    root = draw(tmp_path / "root", {"bench.py": HEAD + bench, "work.py": WORK})
    checkout = Checkout(
        side="head",
        root=root,
        python_files=("work.py",),
        revision="any",
        commit=None,
        dirty=False,
        original=root,
    )
    scratch = tmp_path.resolve() / "scratch"
    scratch.mkdir()
    environment = deterministic_environment(surroundings(), {})
    return measure(
        checkout,
        Plan(command=("python", "bench.py"), python=python),
        identity=identify(python, scratch, environment),
        environment=environment,
        scratch=scratch,
    )


def test_condition_of_a_measurement(python: Path, tmp_path: Path) -> None:
    """A measurement in which Pythons went unseen says so, and still counts."""
    bench = "import work\nrun(P, '-Ic', '')\nrun(P, '-c', '', env={})\n"
    (condition,) = _measure(python, tmp_path, bench).conditions
    assert (condition.name, condition.blocking) == ("unmeasured-processes", False)
    assert condition.message.startswith("2 of 3 Python processes were not measured: 1 started")


def test_nothing_measured_but_unseen(python: Path, tmp_path: Path) -> None:
    """Where all that counts ran unseen, the measurement fails and says what to do."""
    with pytest.raises(MeasurementError, match="and started 2 that could not") as caught:
        _measure(python, tmp_path, "run(P, '-I', 'work.py')\nrun(P, '-E', 'work.py')\n")
    assert caught.value.remedy == "start them without -I, -E and -S"


BY_A_SHELL = """
import os, work
run(P, '-Ic', '')
run(P, '--version')
if not os.fork():
    os._exit(0)
run('sh', '-c', '''
    PYTHON -I -c "" &
    PYTHON work.py &
    env -u PYTHONPATH PYTHON work.py
    sh -c "PYTHON -S work.py; PYTHON --version"
    wait
''')
"""


def test_started_by_a_shell(python: Path, tmp_path: Path) -> None:
    """Where the system tells of executions, those that nobody else tells of are counted."""
    with watching(python) as executions:
        subprocess.run([python, "-ISc", ""], check=True)
    if not executions.found():
        pytest.skip("this system does not tell of executions")
    bench = BY_A_SHELL.replace("PYTHON ", f"{shlex.quote(str(python))} ")
    (condition,) = _measure(python, tmp_path, bench).conditions
    assert (condition.name, condition.blocking) == ("unmeasured-processes", False)
    assert condition.message == (
        "5 of 8 Python processes were not measured: 1 started with -I, "
        "4 started by another program than Python and not seen, or to run nothing"
    )
    assert "tox" in condition.remedy


def test_executions_are_those_of_this_thread(python: Path) -> None:
    """What others start does not count, and what is another program does not."""
    before = subprocess.Popen([python, "-c", "input()"], stdin=subprocess.PIPE)
    with watching(python) as executions:
        before.communicate(b"\n")
        subprocess.run(["sh", "-c", ":"], check=True)
    assert not executions.found()


def test_a_system_that_tells_nothing(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where executions cannot be watched, none are found, and nothing else happens."""
    monkeypatch.setattr("platform.machine", lambda: "another")
    with watching(python) as executions:
        subprocess.run([python, "-ISc", ""], check=True)
        executions.read()
    assert not executions.found()
