"""A pytest plugin that keeps the tests of one shard: those of the files whose names fall to it.

Nothing else changes: the variable that loads it is put back before any conftest runs, so
that a pytest that the tests start themselves keeps all of its own. PYTEST_DONT_REWRITE:
it is imported before pytest is.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Config: TypeAlias = Any  # pytest's own; it is not to be imported here

ADDOPTS = "PYTEST_ADDOPTS"
OPTION = "-p _specialist_ci_shard"


def pytest_addoption() -> None:
    """Put the variable back; this is the first hook to be called, once it was read."""
    text = os.environ.get(ADDOPTS, "")
    if text == OPTION:
        del os.environ[ADDOPTS]
    elif text.startswith(OPTION + " "):
        os.environ[ADDOPTS] = text[len(OPTION) + 1 :]


def pytest_configure(config: "Config") -> None:
    """Have xdist's workers load the plugin too, where there is xdist."""
    if hasattr(config.pluginmanager.hook, "pytest_xdist_setupnodes"):
        config.pluginmanager.register(_Workers())


class _Workers:
    """Gives the variable to the processes of xdist, each of which collects by itself."""

    def pytest_xdist_setupnodes(self, specs: "list[Any]") -> None:
        own = os.environ.get(ADDOPTS)
        for spec in specs:
            spec.env[ADDOPTS] = OPTION if own is None else OPTION + " " + own


def pytest_collection_modifyitems(config: "Config", items: "list[Any]") -> None:
    """Deselect the tests of other shards, and tell how many were kept."""
    part, _, of = os.environ["SPECIALIST_CI_SHARD"].partition("/")
    kept = [item for item in items if shard_of(item.nodeid, int(of)) == int(part)]
    others = [item for item in items if shard_of(item.nodeid, int(of)) != int(part)]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = kept
    mark = os.path.join(os.environ["SPECIALIST_CI_CONTROL"], "shard.%d" % os.getpid())
    with open(mark, "w", encoding="ascii") as file:
        file.write("%d of %d" % (len(kept), len(kept) + len(others)))


def shard_of(nodeid: str, of: int) -> int:
    """Return the shard of a test, from 1 on: the same for all tests of a file, everywhere."""
    import zlib  # pytest has imported it

    path = nodeid.partition("::")[0]
    return zlib.crc32(path.encode("utf-8", "surrogateescape")) % of + 1
