"""A small repository with the classic story, for ``specialist-ci demo``.

Base to head: ``32.0`` became ``32`` (fails before 3.14), a mask outgrew a small integer
(fails from 3.14 on), an untouched line meets a second class, ``x ** 2`` became ``x * x``,
and a function moved to another file and was reformatted, which is no change at all.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

from specialist_ci.repository.git import create_repository
from specialist_ci.repository.workspace import scratch_directory

_CONVERT = '''
    """Conversions between units."""


    def to_celsius(fahrenheit):
        return (fahrenheit - {freezing}) * 0.5555555555555556


    def checksum(value):
        return (value * 31) & {mask}
    '''

_STATIONS = '''
    """Where the readings come from."""


    class Station:
        def __init__(self, number):
            self.number = number
            self.reading = 50.0 + float(number)
    '''

_BUOYS = """

    class Buoy:
        def __init__(self, number):
            self.number = number
            self.reading = 40.0 + float(number)
    """

_MAKE = """

    def make_stations():
        return [Station(1), {second}(2), Station(3)]
    """

_TALLY_BASE = '''
    """Sums over readings."""


    def label(name, value):
        return "%s: %.1f" % (name, value)


    def add_square(total, reading):
        return total + reading ** 2.0


    def warmest(stations):
        best = 0.0
        for station in stations:
            if station.reading > best:
                best = station.reading
        return best
    '''

_TALLY_HEAD = '''
    """Sums over readings."""


    def add_square(total, reading):
        return total + reading * reading


    def warmest(stations):
        best = 0.0
        for station in stations:
            if station.reading > best:
                best = station.reading
        return best
    '''

_LABELS_HEAD = '''
    """How values are written."""


    def label(name, value):
        return (
            "%s: %.1f"
            % (
                name,
                value,
            )
        )
    '''

_BENCH = '''
    """Runs everything often enough to be hot."""

    from convert import checksum, to_celsius
    from {labels} import label
    from stations import make_stations
    from tally import add_square, warmest

    stations = make_stations()
    total = 0.0
    for number in range(2000):
        warmest(stations)
        total = add_square(total, to_celsius(float(number)))
        checksum(number)
        label("station", total)
    '''


def _files(**texts: str) -> dict[str, str]:
    return {f"{name}.py": dedent(text).lstrip("\n") for name, text in texts.items()}


BASE: Mapping[str, str] = _files(
    bench=_BENCH.format(labels="tally"),
    convert=_CONVERT.format(freezing="32.0", mask="0xFFFF"),
    stations=_STATIONS + _MAKE.format(second="Station"),
    tally=_TALLY_BASE,
)
HEAD: Mapping[str, str] = _files(
    bench=_BENCH.format(labels="labels"),
    convert=_CONVERT.format(freezing="32", mask="0xFFFFFFFF"),
    labels=_LABELS_HEAD,
    stations=_STATIONS + _BUOYS + _MAKE.format(second="Buoy"),
    tally=_TALLY_HEAD,
)


@contextmanager
def demo_repository() -> Iterator[Path]:
    """Make the repository in a scratch folder, base as HEAD~1 and head as HEAD."""
    with scratch_directory() as scratch:
        path = scratch / "weather"
        repository = create_repository(path)
        for message, files in (("Base", BASE), ("Head", HEAD)):
            for name, text in files.items():
                (path / name).write_text(text, encoding="utf-8")
            repository.commit_all(message)
        yield path
