"""Runs the time_* benchmarks of a folder as asv would, without asv: CALLS FOLDER [PATTERN].

PATTERN is a regular expression that has to be somewhere in a benchmark's name, as of asv's --bench.
Each benchmark is called CALLS times for each combination of its parameters, whatever time
that takes; ``number`` decides only after how many calls setup is done anew. What asv does
beyond that (other kinds of benchmarks, timing, processes of their own) is left out.
"""

import importlib
import inspect
import itertools
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

_TIMED = re.compile(r"(Time[A-Z_].+)|(time_.+)")


def main(calls: int, folder: str, pattern: str = "") -> int:
    """Run what is chosen and return the exit status: 1 where any benchmark or module failed."""
    folder = os.path.abspath(folder)
    if not sys.flags.safe_path:
        del sys.path[0]  # the working directory, which asv does not have there
    sys.path.insert(0, os.path.dirname(folder))  # where asv has the benchmarks' package
    failed = 0
    caches: dict[Any, Any] = {}
    for name in _modules(folder):
        try:
            module = importlib.import_module(name)
        except NotImplementedError:  # as asv skips
            continue
        except Exception:  # noqa: BLE001 - anything, and the others still run
            failed += _complain(name)
            continue
        for label, make in _benchmarks(module):
            if not re.search(pattern, label.partition(".")[2]):
                continue
            try:
                _run(calls, module, make, caches)
            except NotImplementedError:
                sys.stderr.write(f"{label}: skipped\n")
            except Exception:  # noqa: BLE001 - as above
                failed += _complain(label)
    return 1 if failed else 0


def _complain(label: str) -> int:
    traceback.print_exc()
    sys.stderr.write(f"{label} failed\n")
    return 1


def _modules(folder: str) -> Iterator[str]:
    """Yield the names of the package and all modules in it, in order."""
    package = os.path.basename(folder)
    yield package
    yield from sorted(_below(folder, package + "."))


def _below(folder: str, prefix: str) -> Iterator[str]:
    for module in pkgutil.iter_modules([folder], prefix):
        yield module.name
        if module.ispkg:
            yield from _below(
                os.path.join(folder, module.name.removeprefix(prefix)), module.name + "."
            )


_Make = Callable[[], tuple[Any, Callable[..., Any]]]  # an instance or None, and the benchmark


def _benchmarks(module: ModuleType) -> Iterator[tuple[str, _Make]]:
    """Yield each benchmark's name, and what makes it anew: state is never shared."""
    for name, thing in sorted(vars(module).items()):
        if name.startswith("_"):
            continue
        if inspect.isclass(thing):
            if inspect.isabstract(thing):
                continue
            for method in sorted(filter(_TIMED.fullmatch, dir(thing))):
                if callable(getattr(thing, method)):
                    yield f"{module.__name__}.{name}.{method}", _maker(thing, method)
        elif inspect.isfunction(thing) and _TIMED.fullmatch(name):
            yield f"{module.__name__}.{name}", _maker(thing)


def _maker(owner: Any, method: str | None = None) -> _Make:
    def make() -> tuple[Any, Callable[..., Any]]:
        if method is None:
            return None, owner
        instance = owner()
        return instance, getattr(instance, method)

    return make


def _run(calls: int, module: ModuleType, make: _Make, caches: dict[Any, Any]) -> None:
    instance, benchmark = make()
    for values in _combinations(_first("params", (), benchmark, instance, module)):
        instance, benchmark = make()
        places = (benchmark, instance, module)
        arguments = (*_cached(places, caches), *values)
        setups = [*_all("setup", places)][::-1]  # from the module down to the benchmark
        teardowns = [*_all("teardown", places)]
        try:
            number = _first("number", 0, *places)
            _repeat(calls, number, benchmark, arguments, setups=setups, teardowns=teardowns)
        except NotImplementedError:  # asv: these parameters are not for this benchmark
            continue


def _repeat(
    calls: int,
    number: int,
    benchmark: Callable[..., Any],
    arguments: tuple[Any, ...],
    *,
    setups: list[Callable[..., Any]],
    teardowns: list[Callable[..., Any]],
) -> None:
    left = calls
    while left > 0:
        batch = min(number, left) if number > 0 else left
        left -= batch
        for setup in setups:
            setup(*arguments)
        try:
            for _ in range(batch):
                benchmark(*arguments)
        finally:
            for teardown in teardowns:
                teardown(*arguments)


def _combinations(params: Any) -> Iterator[tuple[Any, ...]]:
    """Yield each choice of parameters; a flat list is that of a single one."""
    lists = list(params)
    if lists and not isinstance(lists[0], (tuple, list)):
        lists = [lists]
    return itertools.product(*lists)


def _cached(places: tuple[Any, ...], caches: dict[Any, Any]) -> tuple[Any, ...]:
    """Return what setup_cache gives, as the first argument; it is called once."""
    for setup_cache in _all("setup_cache", places):
        key = getattr(setup_cache, "__func__", setup_cache)
        if key not in caches:
            caches[key] = setup_cache()
        return () if caches[key] is None else (caches[key],)
    return ()


def _first(name: str, default: Any, *places: Any) -> Any:
    for place in places:
        if getattr(place, name, None) is not None:
            return getattr(place, name)
    return default


def _all(name: str, places: tuple[Any, ...]) -> Iterator[Any]:
    for place in places:
        if getattr(place, name, None) is not None:
            yield getattr(place, name)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:]))
