"""The command demo."""

import argparse
from collections.abc import Mapping

from specialist_ci.checking.check import diff
from specialist_ci.checking.sides import Revision, Surroundings
from specialist_ci.commands.console import EXIT_CODES, answer
from specialist_ci.demo import demo_repository
from specialist_ci.environments.interpreters import find_interpreter
from specialist_ci.formats.report import Verdict
from specialist_ci.formats.snapshot import Policy
from specialist_ci.measuring.measure import Plan
from specialist_ci.progress import steps
from specialist_ci.repository.git import open_repository


def demo(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Compare two commits of a repository made for it."""
    python = find_interpreter(arguments.python, environ=environ)
    with demo_repository() as path, steps(6) as progress:
        report = diff(
            open_repository(path),
            Revision("HEAD~1", open_repository(path).resolve("HEAD~1")),
            Revision("HEAD", open_repository(path).resolve("HEAD")),
            Plan(command=("python", "bench.py"), python=python),
            Surroundings(environ, progress.begin, progress.tick),
            policy=Policy(),
            explained=arguments.explain,
        )
    code = answer(report, arguments, environ)
    return 0 if code == EXIT_CODES[Verdict.FAIL] else code  # here, to fail is to work
