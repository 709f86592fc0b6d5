"""What a process has in memory when SIGTERM ends it is its state, whoever sends the signal."""

import os
import shutil
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from collecting import Collected, collect, draw, execute, without_collector
from probing import probe

from specialist_ci.formats.dump import Dump, DumpedCode, DumpedSite
from specialist_ci.measuring import gate
from specialist_ci.measuring.control import Control

# Elsewhere such a process counts as missed, as one does that SIGKILL ends anywhere.
pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="no other system shows a process's memory in /proc"
)

WORK = """\
class Größe:
    def wörk(self, number):
        total = 0
        for value in range(number):
            total = total + value // 3 + len("ħ") + len("🐍")
        return total

    def ħ(self):
        return self.wörk(1)

    def 中(self):
        return self.wörk(1) + self.ħ()

    def 𐌰(self):
        return self.wörk(1) + self.中()

def work(number):
    return Größe().wörk(number) + sum(Größe().𐌰() for _ in range(number))
"""
# Prints how the second process ended. That one writes down who is to be killed, and when.
KILLED = """
import os, signal, subprocess, sys, threading, time
from work import work
if len(sys.argv) > 1:
    work(300)
    {before}
    with open("ready", "w") as file:
        print(os.getpid(), file=file)
    {waiting}
else:
    command = '''rm -f ready sent; {limit} "$PYTHON" bench.py again &
while ! [ -s ready ]; do sleep 0.01; done
{{ {ending} $(cat ready); touch sent; wait $!; }} 2> /dev/null; echo $?'''
    subprocess.run(command, shell=True, check=True, env={{**os.environ, "PYTHON": sys.executable}})
"""
# Nothing waits so long: a process that is not killed fails the test by a timeout or its output.
LONG = "time.sleep(60)"
WAITER = "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
RESERVE = "mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000"  # MAP_NORESERVE is new in 3.13
# What it does before, and then.
WAITING = {
    "sleeping": ("", LONG),
    "computing": ("", "while True: pass"),
    "computing in C": ("", "sum(iter(int, 1))"),
    "blocked": ("", "os.read(os.pipe()[0], 1)"),
    "waiting for a lock": ("lock = threading.Lock(); lock.acquire()", "lock.acquire()"),
    "threads": (
        "for _ in range(3): threading.Thread(target=work, args=(10**9,)).start()",
        "work(10**9)",
    ),
    "another thread gets it": (  # and the main one, which handles it in Python, goes on to wait
        WAITER + "; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])",
        "os.read(os.pipe()[0], 1)",
    ),
    "default again": (
        "signal.signal(signal.SIGTERM, print); signal.signal(signal.SIGTERM, signal.SIG_DFL)",
        LONG,
    ),
    "reserving memory": (
        f"import mmap; reserved = mmap.mmap(-1, 1 << 34, {RESERVE}); reserved[1 << 33] = 1",
        LONG,
    ),
    "forked": (
        "child = os.fork()\n    if child: sys.exit(-os.waitstatus_to_exitcode(os.wait()[1]))",
        LONG,
    ),
}


def _script(how: tuple[str, str], ending: str = "kill", limit: str = "") -> str:
    return KILLED.format(before=how[0], waiting=how[1], ending=ending, limit=limit)


def _run(python: Path, tmp_path: Path, how: tuple[str, str], limit: str = "") -> Collected:
    """Run a script whose child the shell kills, and see it end as without us."""
    root = draw(tmp_path / "root", {"work.py": WORK, "bench.py": _script(how, limit=limit)})
    collected = collect(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    assert collected.outcome == without_collector(python, root, ["bench.py"])
    return collected


def _codes(collected: Collected) -> list[tuple[DumpedCode, ...]]:
    """Return the hot code of work.py in each process."""
    found = [
        tuple(code for code in dump.codes if code.path.endswith("work.py"))
        for dump in collected.dumps
    ]
    return [
        codes
        for codes in found
        if any(site.state != "cold" for code in codes for site in code.sites)
    ]


@pytest.mark.parametrize("waiting", WAITING)
def test_killed_by_a_shell(python: Path, tmp_path: Path, waiting: str) -> None:
    """It ends as ever, and is measured, whatever it is doing."""
    collected = _run(python, tmp_path, WAITING[waiting])
    assert collected.outcome.stdout in (f"{128 + signal.SIGTERM}\n", f"{signal.SIGTERM}\n")
    assert len(collected.dumps) == collected.control.count("started")
    assert _codes(collected)
    assert not list((collected.control.folder / "raw").glob("*.memory"))


@pytest.mark.parametrize(("limit", "measured"), [(256, 2), (100, 1)])
def test_few_descriptors(python: Path, tmp_path: Path, limit: int, measured: int) -> None:
    """A process that may have few open files is measured where there is room for one more."""
    collected = _run(python, tmp_path, WAITING["sleeping"], f"ulimit -n {limit};")
    assert len(collected.dumps) == measured


@pytest.mark.parametrize("waiting", WAITING)
def test_explained_when_killed(python: Path, tmp_path: Path, waiting: str) -> None:
    """In a run that explains, it ends as ever as well, after it wrote what it met."""
    tree = {"work.py": WORK, "bench.py": _script(WAITING[waiting])}
    root = draw(tmp_path / "root", tree)
    probed = probe(
        python,
        root,
        ["bench.py"],
        scratch=tmp_path / "scratch",
        wanted=lambda place: place.site.argrepr == "//",
    )
    (found,) = probed.of("value // 3")
    if waiting == "computing in C":  # it would not come back to Python
        assert probed.outcome.stdout == f"{128 + signal.SIGKILL}\n"
        assert not found.executions
    else:
        assert probed.outcome == probed.plain
        assert found.executions >= 4 * 300  # calls and rounds of work(300)


@pytest.mark.parametrize("ending", ["kill $!; kill", "kill $!; sleep 0.001; kill -9", "kill -9"])
def test_killed_more_than_once(python: Path, tmp_path: Path, ending: str) -> None:
    """Whatever comes meanwhile, it ends, and is measured or counts as missed."""
    tree = {"work.py": WORK, "bench.py": _script(WAITING["sleeping"], ending)}
    root = draw(tmp_path / "root", tree)
    collected = collect(python, root, ["bench.py"], scratch=tmp_path / "scratch")
    ends = {f"{128 + number}\n" for number in (signal.SIGTERM, signal.SIGKILL)}
    assert collected.outcome.stdout in ends
    assert len(collected.dumps) in {1, 2}
    assert collected.control.count("started") == 2
    if ending == "kill -9":
        assert len(collected.dumps) == 1


# What a program does itself about SIGTERM, and how many processes are measured then.
HANDLING = {
    "a handler": ("signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))", 2),
    "ignored": ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", 2),
    "faulthandler": ("faulthandler.register(signal.SIGTERM, open('/dev/null'))", 2),
    "faulthandler, chained": (
        "faulthandler.register(signal.SIGTERM, open('/dev/null'), chain=True)",
        1,
    ),
    "no faulthandler": ("faulthandler.unregister(signal.SIGTERM)", 1),
    "no descriptors": ("os.closerange(3, 4096)", 1),
    "another descriptor": ("os.dup2(os.open(os.devnull, os.O_WRONLY), 1000)", 1),
    "SIGPIPE": ("signal.signal(signal.SIGPIPE, signal.SIG_DFL)", 2),
    "blocked": ("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])", 2),
}


@pytest.mark.parametrize("what", HANDLING)
def test_own_handling(python: Path, tmp_path: Path, what: str) -> None:
    """What the program wants to become of SIGTERM, becomes of it."""
    handling, measured = HANDLING[what]
    # What outlives the signal ends by itself, when it has been sent.
    until_sent = "while not os.path.exists('sent'): time.sleep(0.01)"
    collected = _run(python, tmp_path, (f"import faulthandler; {handling}", until_sent))
    assert len(collected.dumps) == measured


# Modules of the standard library, and a program that makes them hot.
LIBRARY = (
    "fractions.py",
    *(f"json/{name}.py" for name in ("__init__", "decoder", "encoder", "scanner")),
    "textwrap.py",
    "tokenize.py",
)
THRASHING = """\
class A:
    def __init__(self):
        self.value = 1

class B:
    def __init__(self):
        self.other = self.value = 1

def value(thing):
    return [thing.value]
"""
BUSY = """
import fractions, io, json, os, signal, subprocess, sys, textwrap, thrashing, time, tokenize
if sys.argv[1:] == ["killing"]:
    command = '"$PYTHON" bench.py waiting | (read ready; kill $ready)'
    subprocess.run(command, shell=True, check=True, env={**os.environ, "PYTHON": sys.executable})
    sys.exit()
with open(json.decoder.__file__) as file:
    text = file.read()
kept = [
    (list(tokenize.generate_tokens(io.StringIO(text).readline)), textwrap.fill(text))
    for _ in range(3)
]
kept.append([fractions.Fraction(a, b + 1) / 3 for a in range(60) for b in range(60)])
kept.append([json.dumps([text, {"a": 1.5}], indent=number % 3) for number in range(100)])
for _ in range(20_000):
    kept += [thrashing.value(thrashing.A()), thrashing.value(thrashing.B())]
if sys.argv[1:]:
    print(os.getpid(), flush=True)
    time.sleep(60)
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_what_is_in_memory_is_the_state(python: Path, tmp_path: Path) -> None:
    """A process that is killed has in memory what it writes itself otherwise, readings too."""
    root = draw(tmp_path / "root", {"bench.py": BUSY, "thrashing.py": THRASHING})
    where = "import os; print(os.path.dirname(os.__file__))"
    library = Path(execute([str(python), "-c", where], cwd=root, env={}).stdout.strip())
    for name in LIBRARY:
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(library / name, root / name)
    without_collector(python, root, ["bench.py"])  # compiles, which would count as garbage
    scratch = tmp_path / "scratch"
    written = collect(python, root, ["bench.py"], scratch=scratch, status=-signal.SIGTERM)
    found = collect(python, root, ["bench.py", "killing"], scratch=scratch)
    assert len(found.dumps) == 2
    sites = _sites(*written.dumps)
    assert sites in list(map(_sites, found.dumps))
    assert sum(site.state == "specialized" for *_, site in sites) > 200
    assert any(site.respecialized for *_, site in sites)  # as earlier readings tell


def _sites(dump: Dump) -> set[tuple[str, str, DumpedSite]]:
    return {
        (code.path, code.qualname, site)
        for code in dump.codes
        if not code.path.endswith("bench.py")  # which does one or the other
        for site in code.sites
    }


def test_what_traces_is_told(python: Path, tmp_path: Path) -> None:
    """A traced process is not taken for one whose code is cold: it is missed, or says so."""
    tracing = "sys.settrace(lambda *_: None); import colorsys; work(300)"
    collected = _run(python, tmp_path, (tracing, LONG))
    found = [dump.tracers for dump in collected.dumps]
    # By instructions of its own from 3.12 on; before, only by what it says.
    assert sorted(found) in ([()], [(), ("__main__",)])


def test_what_cannot_be_copied_is_missed(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has too much in memory ends as ever, and counts as missed."""
    monkeypatch.setattr(gate, "_MOST", 1 << 20)
    collected = _run(python, tmp_path, WAITING["sleeping"])
    assert (collected.control.count("started"), len(collected.dumps)) == (2, 1)
    assert collected.control.count("memory") == 0


def test_what_cannot_be_read_is_missed(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is made up where a copy lacks a part."""
    copied, counter = vars(gate)["_copied"], iter(range(10**6))
    monkeypatch.setattr(gate, "_copied", lambda *of: next(counter) % 2 and copied(*of))
    collected = _run(python, tmp_path, WAITING["sleeping"])
    assert (collected.control.count("started"), len(collected.dumps)) == (2, 1)
    assert collected.control.count("writing") == collected.control.count("memory") == 0


@pytest.mark.parametrize("words", [b"", b"x", b"../../started".ljust(64, b"\0"), b"x" * 4096])
def test_strangers_are_sent_away(python: Path, tmp_path: Path, words: bytes) -> None:
    """Who does not say what a measured process says is not listened to, and others are."""
    (tmp_path / "root").mkdir()
    control = Control.make(tmp_path, "head", root=tmp_path / "root", sources=[])
    with gate.watching_terminations(control, python):
        folder = os.open(control.folder, os.O_RDONLY)
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(f"/proc/self/fd/{folder}/gate")
            stranger.send(words)
            if not words:
                stranger.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                assert stranger.recv(1) == b""
        os.close(folder)
    assert not list((control.folder / "raw").iterdir())
