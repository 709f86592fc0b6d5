"""The command gitlab-note."""

import argparse
import time
from collections.abc import Mapping
from functools import partial

from specialist_ci.commands.console import complain, links_of
from specialist_ci.errors import MeasurementError, UsageError
from specialist_ci.forges.gitlab import State, keep_note, merge_request
from specialist_ci.forges.intake import parse_reports, read_file
from specialist_ci.forges.note import not_measured, state_of, tells_something, text_of


def gitlab_note(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Keep one note on the merge request that the job is for."""
    request = merge_request(environ)
    keep = partial(keep_note, request, name=arguments.name, sleep=time.sleep)
    try:
        reports = parse_reports(read_file(arguments.report))
    except UsageError as error:
        keep(lambda _before: not_measured(environ), state=State.UNKNOWN)
        complain(error)
        return MeasurementError.exit_code
    outcome = keep(
        lambda before: text_of(reports, before, links=links_of(environ)),
        state=state_of(reports),
        create=not arguments.only_changes or tells_something(reports),
    )
    print(f"note {outcome}")
    return 0
