"""Finds benchmarks that are listed as pyperformance lists its own: in a MANIFEST."""

from collections.abc import Iterator

from specialist_ci.suites.found import Found, pyperf_worker
from specialist_ci.suites.tree import Tree

_HEADER = "name\tmetafile"


def find_manifest(tree: Tree, calls: int) -> Iterator[Found]:
    """Yield the manifest that pyproject.toml names, else the one that lies least deep."""
    for path, because in _manifests(tree):
        lines = [line.strip() for line in (tree.read(path) or "").splitlines()]
        if "[benchmarks]" in lines and _HEADER in lines:
            yield Found(
                "pyperformance",
                ("python", "-m", "_specialist_ci_manifest", path, *pyperf_worker(calls)),
                f"{because}, run without pyperformance",
                repeats=True,
            )
            return


def _manifests(tree: Tree) -> Iterator[tuple[str, str]]:
    tool = tree.toml("pyproject.toml").get("tool")
    table = tool.get("pyperformance") if isinstance(tool, dict) else None
    if isinstance(table, dict):
        several = table.get("manifests")
        named = [table.get("manifest"), *(several if isinstance(several, list) else ())]
        for path in named:
            if isinstance(path, str) and tree.has(path):
                yield path, f"{path} of pyproject.toml"
    found = [path for path in tree.paths if path.rpartition("/")[2] == "MANIFEST"]
    for path in sorted(found, key=lambda path: (path.count("/"), path)):
        yield path, path
