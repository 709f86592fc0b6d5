"""The configuration: what it takes, what it refuses and where, and what it makes run."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from repositories import Drawing

from specialist_ci.cli import main
from specialist_ci.configuration.config import (
    AcknowledgedTable,
    BudgetTable,
    ConfigTable,
    InstallTable,
    SuiteTable,
    allowed_keys,
    parse_config,
)
from specialist_ci.configuration.tomllines import lines_of_keys
from specialist_ci.errors import UsageError

ROOT = Path(__file__).parents[1]
TABLES = {
    "install": ("install",),
    "budgets": ("budgets", "a"),
    "acknowledged": ("acknowledged", "0"),
}
"""The tables of the top level, and where one of them stands."""

WHOLE = """\
source = ["src"]
exclude = ["src/vendored"]
env = { A = "1" }
timeout = 60
python = ["3.13", "3.14t"]
folder = "benches"
fail-on = ["indirect", "ratio:1.5"]
install = { extras = ["fast"], groups = ["bench"], requirements = ["r.txt"], \
packages = ["p[q] <2"], steps = ["a 'b c'"] }

[budgets]
"src/a.py" = { max-failing = 0 }
"src" = { min-ratio = 97.5 }

[[acknowledged]]
path = "src/b.py"
reason = "it is cold in practice"

[[acknowledged]]
path = "src/c.py"
function = "Reader.*"
family = "LOAD_ATTR"
reason = "one of each type on purpose"

[suites.one]
command = "python 'a bench.py' -n 3"

[suites.two]
command = ["bench.py", "a b"]
env.B = "2"
timeout = 0.5
"""


def test_every_key_is_read() -> None:
    """Each key arrives as what it says, and a string is split as a shell would."""
    config = parse_config(WHOLE, "specialist-ci.toml")
    assert config is not None
    table = config.table
    assert (table.source, table.exclude, table.folder) == (("src",), ("src/vendored",), "benches")
    assert (table.timeout, table.python) == (60, ("3.13", "3.14t"))
    assert table.fail_on == ("indirect", "ratio:1.5")
    assert table.install == InstallTable(
        extras=("fast",),
        groups=("bench",),
        requirements=("r.txt",),
        packages=("p[q] <2",),
        steps=(("a", "b c"),),
    )
    one, two = table.suites["one"], table.suites["two"]
    assert one.command == ("python", "a bench.py", "-n", "3")
    assert (two.command, two.env, two.timeout) == (("bench.py", "a b"), {"B": "2"}, 0.5)
    assert config.place("suites", "two", "env") == "specialist-ci.toml:29"
    assert table.budgets == {
        "src/a.py": BudgetTable.model_validate({"max-failing": 0}),
        "src": BudgetTable.model_validate({"min-ratio": 97.5}),
    }
    assert [entry.model_dump(by_alias=False) for entry in table.acknowledged] == [
        {"path": "src/b.py", "function": None, "family": None, "reason": "it is cold in practice"},
        {
            "path": "src/c.py",
            "function": "Reader.*",
            "family": "LOAD_ATTR",
            "reason": "one of each type on purpose",
        },
    ]


def test_pyproject_without_the_table_is_none() -> None:
    """Another project's pyproject.toml says nothing, and is no mistake."""
    assert parse_config('[tool.other]\nsource = "x"\n', "pyproject.toml") is None
    assert parse_config("tool = 3\n", "pyproject.toml") is None


# A wrong text, the line that is named, and words of the message.
WRONG: dict[str, tuple[str, int, str]] = {
    "no TOML": ("a = 1\nb =\n", 2, "no valid TOML"),
    "unknown key": ('# one\nsorce = ["a"]\n', 2, "unknown key sorce: did you mean source? allowed"),
    "as in pyproject.toml": (
        '# one\n[tool.specialist-ci]\nfail-on = ["new"]\n',
        2,
        "unknown key tool: begin with what is below [tool.specialist-ci], without it",
    ),
    "underscore": ('fail_on = ["new"]', 1, "did you mean fail-on?"),
    "nothing like it": ("zzz = 1", 1, "unknown key zzz: allowed here: source, exclude"),
    "unknown in a suite": (
        '[suites.a]\ncommand = """\nx\n"""\nsuorce = []\n',
        5,
        "unknown key suites.a.suorce: did you mean source?",
    ),
    "policy in a suite": (
        '[suites.a]\ncommand = "x"\nfail-on = ["new"]\n',
        3,
        "unknown key suites.a.fail-on: allowed here: source",
    ),
    "no command": ("\n[suites.a]\ntimeout = 3\n", 2, "suites.a has no command"),
    "empty command": ("[suites.a]\ncommand = ''\n", 2, "suites.a.command is empty"),
    "open quote": ('[suites.a]\ncommand = "a \'b"\n', 2, "cannot be split"),
    "command of a number": ("[suites.a]\ncommand = [1]\n", 2, "suites.a.command is no string"),
    "name of a suite": ('[suites."a b"]\ncommand = "x"\n', 1, "'a b' is no name of a suite"),
    "suites as a list": ('[[suites]]\ncommand = "x"\n', 1, "suites is no table"),
    "string for a list": ('source = "src"', 1, 'source is no list: write source = ["src"]'),
    "number for a string": ("python = [3.13]", 1, 'python is no string: write python = ["3.13"]'),
    "no version": ('python = ["three"]', 1, "python has a part that does not fit"),
    "a path as version": ('python = ["/usr/bin/python"]', 1, "python has a part"),
    "no versions": ("python = []", 1, "python is empty"),
    "text for a number": ('timeout = "5"', 1, "timeout is no number"),
    "true for a number": ("timeout = true", 1, "timeout is no number"),
    "no time": ("timeout = 0", 1, "timeout is not above 0"),
    "endless": ("timeout = inf", 1, "timeout should be a finite number"),
    "policy": ('fail-on = ["all"]', 1, "fail-on has a part that does not fit"),
    "ratio without points": ('fail-on = ["ratio"]', 1, 'write fail-on = ["regression"], of these:'),
    "empty budget": ("budgets.a = {}", 1, "budgets.a limits nothing"),
    "unknown limit": ("budgets.a = { failing = 1 }", 1, "allowed here: max-failing, min-ratio"),
    "half a site": ("budgets.a.max-failing = 0.5", 1, "budgets.a.max-failing"),
    "too many percent": ("budgets.a.min-ratio = 101", 1, "min-ratio is above 100"),
    "budget outside": ('budgets."../a" = { min-ratio = 1 }', 1, "leads out of the folder"),
    "no reason": (
        '[[acknowledged]]\npath = "a"\nreason = "b"\n[[acknowledged]]\npath = "a"',
        4,
        "acknowledged.1 has no reason: add one, as reason =",
    ),
    "blank reason": ('acknowledged = [{ path = "a", reason = " " }]', 1, "acknowledged.0.reason"),
    "unknown in an entry": (
        '[[acknowledged]]\npath = "a"\nreason = "b"\nfuncton = "c"',
        4,
        "unknown key acknowledged.0.functon: did you mean function?",
    ),
    "variable": ("[env]\nA = '1'\nB = 2\n", 3, "env.B is no string"),
    "variable's name": ("env = { 'A=B' = '1' }", 1, "env.A=B has a part"),
    "folder outside": ('folder = "../x"', 1, "folder leads out"),
    "source outside": ('source = ["/x"]', 1, "source leads out"),
    "install true": ("install = true", 1, "install must be false or a table"),
    "install key": ('[install]\nextra = ["a"]\n', 2, "did you mean extras?"),
    "no step": ('install.steps = [""]', 1, "install.steps is empty: write steps = ["),
    "no package": ('install.packages = ["-e ."]', 1, "install.packages has a part"),
    "install type": ('install.groups = "a"', 1, "install.groups is no list"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_configuration_names_the_line(name: str) -> None:
    """The error has file and line, what is wrong and what to write, in either file."""
    text, line, words = WRONG[name]
    with pytest.raises(UsageError) as caught:
        parse_config(text, "a/specialist-ci.toml")
    assert str(caught.value).startswith(f"a/specialist-ci.toml:{line}: ")
    assert words in str(caught.value)
    if name != "no TOML":
        below = re.sub(r"^(\[+)", r"\1tool.specialist-ci.", text, flags=re.MULTILINE)
        with pytest.raises(UsageError) as caught:
            parse_config("[project]\n[tool.specialist-ci]\n" + below, "pyproject.toml")
        assert str(caught.value).startswith(f"pyproject.toml:{line + 2}: ")
        assert words in str(caught.value)


def test_every_mistake_is_told() -> None:
    """The first is the message, the others follow in the order of their lines."""
    with pytest.raises(UsageError) as caught:
        parse_config(
            "timeout = 0\nx = 1\n[suites.a]\n",
            "pyproject.toml".replace("pyproject", "specialist-ci"),
        )
    assert caught.value.message == "specialist-ci.toml:1: timeout is not above 0"
    assert [line.split(": ")[0] for line in caught.value.detail.splitlines()] == [
        "specialist-ci.toml:2",
        "specialist-ci.toml:3",
    ]


_KEYS = st.lists(st.sampled_from(["a", "b", "c-d", "e f"]), min_size=1, max_size=6, unique=True)
_VALUES = st.sampled_from(["1", '"""\n[x]\ny = 1\n"""', "[\n  1, # ]\n  2,\n]", "'#'", "{ z = 1 }"])


@given(st.lists(st.tuples(_KEYS, _VALUES), max_size=3))
def test_lines_are_those_of_the_keys(tables: list[tuple[list[str], str]]) -> None:
    """Whatever stands above, the line of a key begins with that key."""
    text = ""
    for number, (keys, value) in enumerate(tables):
        text += f"\n# comment [t]\n[t{number}]\n" + "".join(f'"{key}" = {value}\n' for key in keys)
    tomllib.loads(text)
    found, lines = lines_of_keys(text), text.splitlines()
    for number, (keys, _) in enumerate(tables):
        assert lines[found[f"t{number}",] - 1] == f"[t{number}]"
        for key in keys:
            assert lines[found[f"t{number}", key] - 1].startswith(f'"{key}" = ')


def test_schema_agrees_with_the_model() -> None:
    """What the model reads fits the published schema; what it refuses by shape does not."""
    schema = json.loads((ROOT / "docs/schemas/config.schema.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema)
    validator.validate(tomllib.loads(WHOLE))
    for name in ("unknown key", "no command", "string for a list", "policy", "install key"):
        assert not validator.is_valid(tomllib.loads(WRONG[name][0])), name


def test_documentation_lists_every_key() -> None:
    """The table of docs/configuration.md names each key of the model's tables, and no other."""
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    table = page.partition("| key | of |")[2].partition("\n\n")[0]
    documented = re.findall(r"^\| `([a-z][a-z.-]*)` \| (.+?) \|", table, re.MULTILINE)
    top, suite = set(allowed_keys(())) - {"suites", *TABLES}, set(allowed_keys(("suites", "a")))
    expected = {key: "top level, suite" if key in suite else "top level" for key in top}
    expected |= dict.fromkeys(suite - top, "suite")
    for name, place in TABLES.items():
        expected |= {f"{name}.{key}": "top level" for key in allowed_keys(place)}
        expected |= {name: "top level"}
    assert dict(documented) == expected
    models = (ConfigTable, SuiteTable, InstallTable, BudgetTable, AcknowledgedTable)
    assert all(info.description for model in models for info in model.model_fields.values())


# --- what it makes run ---

FAST = "def convert(value):\n    return value - 32.0\n"
SLOW = FAST.replace("-", "//")
BENCH = "from package import convert\nfor number in range(99):\n    convert(float(number))\n"
SUITE = '[tool.specialist-ci.suites.bench]\ncommand = "python bench.py"\n'


def _commits(repository: Drawing, base: Mapping[str, str], head: Mapping[str, str]) -> None:
    for name, text, tree in (("base", FAST, base), ("head", SLOW, head)):
        repository.commit({"package.py": text, "bench.py": BENCH, **tree}, name)
        repository.git("tag", name)


def _run(*argv: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(argv)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_configured_suite_runs(repository: Drawing, capsys: pytest.CaptureFixture[str]) -> None:
    """The suite is named on stderr and in the report, which is one object as ever."""
    _commits(repository, {"pyproject.toml": SUITE}, {"pyproject.toml": SUITE})
    code, out, err = _run("diff", "base", "head", "--format", "json", capsys=capsys)
    report = json.loads(out)
    assert (code, report["verdict"], report["conditions"]) == (1, "fail", [])
    assert report["head"]["suite"]["name"] == "bench"
    assert err == "suite bench: python bench.py (pyproject.toml:2)\n"
    _code, out, _err = _run("diff", "base", "head", capsys=capsys)
    assert "suite      bench: python bench.py" in out


def test_heads_configuration_rules(repository: Drawing, capsys: pytest.CaptureFixture[str]) -> None:
    """It is read from the commit, not from the checkout, and its change is told."""
    changed = SUITE.replace("bench.py", "other.py")
    _commits(
        repository,
        {"pyproject.toml": SUITE, "other.py": BENCH},
        {"pyproject.toml": changed, "other.py": BENCH},
    )
    repository.draw({"pyproject.toml": "[tool.specialist-ci]\nnonsense = 1\n"})
    code, out, err = _run("diff", "base", "head", "--format", "json", capsys=capsys)
    report = json.loads(out)
    assert code == 1
    assert err.startswith("suite bench: python other.py")
    (condition,) = report["conditions"]
    assert (condition["name"], condition["blocking"]) == ("suite-changed", False)
    assert "python bench.py on base and python other.py on head" in condition["message"]
    code, out, err = _run("diff", "base", "--format", "json", capsys=capsys)
    assert (code, err.startswith("specialist-ci: pyproject.toml:2: ")) == (2, True)


@pytest.mark.parametrize(
    ("base", "words"),
    [("", "bench is new"), ("[tool.specialist-ci]\nx = 1\n", "pyproject.toml:2: unknown key x")],
)
def test_suite_that_base_has_not(
    base: str, words: str, repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """A base without the suite, or with a broken configuration, is measured all the same."""
    _commits(repository, {"pyproject.toml": base}, {"pyproject.toml": SUITE})
    code, out, _err = _run("diff", "base", "head", "--format", "json", capsys=capsys)
    (condition,) = json.loads(out)["conditions"]
    assert (code, condition["name"], words in condition["message"]) == (1, "suite-changed", True)


def test_settings_reach_the_run_and_the_command_line_wins(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """Defaults hold for every suite and for a typed command; a suite's own and options win."""
    config = """\
[tool.specialist-ci]
exclude = ["bench.py"]
env = { A = "top", B = "top", C = "top" }
fail-on = ["never"]
[tool.specialist-ci.suites.bench]
command = "python bench.py"
env.B = "suite"
"""
    _commits(repository, {"pyproject.toml": config}, {"pyproject.toml": config})
    argv = ("diff", "base", "head", "--format", "json", "--env", "C=typed")
    code, out, _err = _run(*argv, capsys=capsys)
    report = json.loads(out)
    suite = report["head"]["suite"]
    assert (code, report["fail_on"], suite["exclude"]) == (0, ["never"], ["bench.py"])
    assert [suite["environment"][name] for name in "ABC"] == ["top", "suite", "typed"]
    assert [file["path"] for file in report["files"]] == ["package.py"]
    assert "exclude-unmatched" not in {one["name"] for one in report["conditions"]}
    code, out, _err = _run(*argv, "--fail-on", "regression", "--exclude", "x", capsys=capsys)
    report = json.loads(out)
    assert (code, {file["path"] for file in report["files"]}) == (1, {"bench.py", "package.py"})
    (told,) = [one for one in report["conditions"] if one["name"] == "exclude-unmatched"]
    assert (told["side"], told["blocking"]) == ("head", False)
    assert told["message"].startswith("nothing is excluded by x: no Python file")
    code, out, err = _run(*argv, "--", "bench.py", capsys=capsys)
    suite = json.loads(out)["head"]["suite"]
    assert (code, err, "name" in suite) == (0, "", False)
    assert [suite["environment"][name] for name in "ABC"] == ["top", "top", "typed"]


def test_timeout_of_the_configuration(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """A suite that takes too long is ended."""
    text = SUITE.replace("bench.py", "-c 'while True: pass'") + "timeout = 0.5\n"
    repository.commit({"pyproject.toml": text, "package.py": FAST})
    code, _out, err = _run("diff", "HEAD", capsys=capsys)
    assert (code, "0.5 seconds" in err) == (3, True)


TWO = SUITE + '[tool.specialist-ci.suites.other]\ncommand = ["python", "fails.py"]\n'


def test_several_suites(
    repository: Drawing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has its report, one that fails does not keep the others, and the worst code counts."""
    tree = {"pyproject.toml": TWO, "fails.py": "raise SystemExit(5)\n"}
    _commits(repository, tree, tree)
    code, out, err = _run("diff", "base", "head", "--format", "json", capsys=capsys)
    both = json.loads(out)
    schema = (ROOT / "docs/schemas/reports-v1.schema.json").read_text(encoding="utf-8")
    Draft202012Validator(json.loads(schema)).validate(both)
    assert (code, both["schema_version"]) == (3, 1)
    assert [report["head"]["suite"]["name"] for report in both["reports"]] == ["bench"]
    assert [failure["suite"] for failure in both["failures"]] == ["other"]
    assert [line for line in err.splitlines() if line.startswith("suite ")] == [
        "suite bench: python bench.py (pyproject.toml:2)",
        "suite other: python fails.py (pyproject.toml:4)",
    ]
    for style in ("terminal", "markdown"):
        _code, out, _err = _run("diff", "base", "head", "--format", style, capsys=capsys)
        assert out.index("1 regression") < out.index("NOT MEASURED: suite other")
    code, out, err = _run("diff", "base", "head", "--suite", "bench", capsys=capsys)
    assert (code, out.count("FAIL"), "other" in err) == (1, 1, False)
    code, _out, _err = _run("run", "head", "-o", str(tmp_path / "x.json"), capsys=capsys)
    assert (code, sorted(path.name for path in tmp_path.glob("*.json"))) == (3, ["x-bench.json"])


def test_nearest_configuration_of_a_monorepo(
    repository: Drawing, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It rules the folders below its own, and its paths are relative to that."""
    one = '[suites.bench]\ncommand = "bench.py"\nfolder = "runs"\nsource = ["src"]\n'
    tree = {
        "pyproject.toml": SUITE,
        "one/specialist-ci.toml": one,
        "one/pyproject.toml": "[project]\n",
        "one/src/inner.py": FAST,
        "one/runs/bench.py": BENCH.replace("package", "inner"),
    }
    _commits(repository, tree, {**tree, "one/src/inner.py": SLOW})
    monkeypatch.chdir(repository.root / "one" / "src")
    code, out, err = _run("diff", "base", "head", "--format", "json", capsys=capsys)
    report = json.loads(out)
    assert (code, [file["path"] for file in report["files"]]) == (1, ["one/src/inner.py"])
    assert err == "suite bench: bench.py (one/specialist-ci.toml:2)\n"
    monkeypatch.chdir(repository.root)
    _code, _out, err = _run("check-config", capsys=capsys)
    assert err == ""


def test_two_configurations_in_a_folder(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither is chosen."""
    repository.commit({"pyproject.toml": SUITE, "specialist-ci.toml": "", "bench.py": BENCH})
    code, _out, err = _run("check-config", "HEAD", capsys=capsys)
    assert (code, "specialist-ci.toml both configure" in err) == (2, True)


def test_configuration_behind_a_link(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """A committed link is followed as the file system would."""
    repository.commit({"conf/ci.toml": SUITE.replace("tool.specialist-ci.", ""), "bench.py": BENCH})
    (repository.root / "specialist-ci.toml").symlink_to("conf/ci.toml")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message=link")
    for revision in ((), ("HEAD",)):
        code, out, _err = _run("check-config", *revision, capsys=capsys)
        assert (code, "[specialist-ci.toml:2]" in out) == (0, True)


def test_check_config_shows_where_values_come_from(
    repository: Drawing, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each value has its line, option or default, and hostile text is harmless."""
    config = (
        '[tool.specialist-ci]\nfail-on = ["new"]\ninstall = false\nenv.A = "\\u001b[31m"\n' + SUITE
    )
    repository.commit({"pyproject.toml": config, "bench.py": BENCH, "package.py": FAST})
    code, out, err = _run("check-config", "--source", "package.py", capsys=capsys)
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in out.splitlines() if line}
    assert (code, err) == (0, "")
    assert rows["fails"] == "on  new  [pyproject.toml:2]"
    assert rows["install"] == "nothing  [pyproject.toml:3]"
    assert rows["command"] == "python bench.py  [pyproject.toml:6]"
    assert rows["source"] == "package.py (1 file)  [command line]"
    assert rows["timeout"] == "none  [default]"
    assert rows["env"] == r"A=\x1b[31m  [pyproject.toml:4]"
    assert os.access(rows["python"].split()[0], os.X_OK)


def test_check_config_refuses(repository: Drawing, capsys: pytest.CaptureFixture[str]) -> None:
    """What would not run is told with exit code 2."""
    for text, words in (
        ("[tool.specialist-ci]\nsource = ['nope']\n" + SUITE, "fits no Python file"),
        ("[tool.specialist-ci]\nexclude = ['.']\n" + SUITE, "are excluded"),
        ("[tool.specialist-ci]\npython = ['3.99']\n" + SUITE, "3.99"),
    ):
        repository.commit({"pyproject.toml": text, "bench.py": BENCH})
        code, out, err = _run("check-config", capsys=capsys)
        assert (code, out, err.count("\n"), words in err) == (2, "", 1, True)


@pytest.mark.parametrize(
    ("before", "file"),
    [
        ({"pyproject.toml": '[project]\nname = "x"'}, "pyproject.toml"),
        ({"pyproject.toml": "tool = { x = 1 }\n"}, "specialist-ci.toml"),
        ({}, "specialist-ci.toml"),
    ],
    ids=["appended", "closed table", "no file"],
)
@pytest.mark.parametrize("bench", [{"bench.py": BENCH}, {}], ids=["found", "nothing found"])
def test_init_writes_what_is_found(
    before: dict[str, str],
    file: str,
    bench: dict[str, str],
    repository: Drawing,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It keeps what is there, says what it did, writes what runs, and does it only once."""
    repository.commit({**before, **bench, "package.py": FAST})
    code, out, _err = _run("init", capsys=capsys)
    text = (repository.root / file).read_text(encoding="utf-8")
    assert (code, file in out.splitlines()[0]) == (0, True)
    assert text.startswith(before.get(file, "#"))
    config = parse_config(text, file)
    assert config is not None
    assert [suite.command for suite in config.table.suites.values()] == [
        ("python", "bench.py")
    ] * len(bench)
    if bench:
        code, out, _err = _run("check-config", capsys=capsys)
        assert (code, f"python bench.py  [{file}:" in out) == (0, True)
    code, _out, err = _run("init", capsys=capsys)
    assert (code, "edit that one" in err) == (2, True)
    assert (repository.root / file).read_text(encoding="utf-8") == text
