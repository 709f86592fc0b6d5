"""Runs what a pyperformance manifest lists, without pyperformance: MANIFEST ARGUMENT...

Each benchmark of the default group is a script that runs in a process of its own, with the
options of its metadata and then the arguments. What pyperformance does beyond that (virtual
environments with what a benchmark requires, timing) is left out. The formats are those of
pyperformance's documentation, "Custom Benchmarks".
"""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

_LIMIT = re.compile(r"\s*(<=|>=|<|>|==|!=)\s*(\d+(?:\.\d+)*)\s*")
_HEADER = "name\tmetafile"

_Entries = dict[str, list[str]]  # the lines of each section


def main(manifest: str, arguments: list[str]) -> int:
    """Run everything; return 1 at the first benchmark that fails, else 0."""
    metafiles: dict[str, str] = {}
    groups: _Entries = {}
    _load(os.path.abspath(manifest), metafiles, groups)
    chosen = _members("default", metafiles, groups) if groups.get("default") else set(metafiles)
    for name, metafile in metafiles.items():
        if name not in chosen:
            continue
        data = _metadata(metafile)
        if not _fits(str(data.get("requires-python", ""))):
            sys.stderr.write(f"{name}: skipped, it is not for this Python\n")
            continue
        command = [sys.executable, data["runscript"], *data.get("extra_opts", ()), *arguments]
        done = subprocess.run(command, check=False)
        if done.returncode != 0:
            sys.stderr.write(f"{name} ended with status {done.returncode}\n")
            return 1
    return 0


def _load(path: str, metafiles: dict[str, str], groups: _Entries) -> None:
    """Add what a manifest lists, and what those list that it includes."""
    folder = os.path.dirname(path)
    for section, lines in _sections(path):
        if section == "includes":
            for line in lines:
                if line != "<default>":  # pyperformance's own, which are not the project's
                    _load(os.path.join(folder, line), metafiles, groups)
        elif section == "benchmarks":
            for line in lines:
                if line != _HEADER:
                    name, _, metafile = line.partition("\t")
                    metafiles[name] = os.path.join(folder, _place(name, metafile))
        elif section.startswith("group "):
            groups[section.removeprefix("group ").strip()] = lines


def _sections(path: str) -> Iterator[tuple[str, list[str]]]:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    name, lines = "", list[str]()
    for line in (line.partition("#")[0].strip() for line in text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            yield name, lines
            name, lines = line[1:-1].strip(), []
        elif line:
            lines.append(line)
    yield name, lines


def _place(name: str, metafile: str) -> str:
    """Return where a benchmark's metadata are, relative to its manifest."""
    local = re.fullmatch(r"<local(?::(.+))?>", metafile)
    if local is None:
        return metafile
    if local[1]:
        return os.path.join(f"bm_{local[1]}", f"bm_{name}.toml")
    return os.path.join(f"bm_{name}", "pyproject.toml")


def _members(group: str, metafiles: dict[str, str], groups: _Entries) -> set[str]:
    """Return the benchmarks of a group: as it lists them, or those that have its name as tag."""
    if group in metafiles:
        return {group}
    entries = groups.get(group) or []
    if not entries:
        return {name for name, path in metafiles.items() if group in _metadata(path)["tags"]}
    found = set(metafiles) if entries[0].startswith("-") else set[str]()
    for entry in entries:
        inner = entry.lstrip("+-")
        named = _members(inner, metafiles, groups) if inner != group else set()
        found = found - named if entry.startswith("-") else found | named
    return found


def _metadata(path: str) -> dict[str, Any]:
    """Return a benchmark's script, options, tags and limits of Python, inherited ones too."""
    if os.path.isdir(path):
        path = os.path.join(path, "pyproject.toml")
    folder, file = os.path.split(path)
    with open(path, "rb") as opened:
        data = tomllib.load(opened)
    tool = data.get("tool", {}).get("pyperformance", {})
    own = {**data.get("project", {}), **tool}
    if "runscript" in tool:
        own["runscript"] = os.path.join(folder, tool["runscript"])
    above = tool.get("inherits")
    if above is not None:
        above = os.path.join(folder, above)
        above = os.path.join(above, "base.toml") if os.path.isdir(above) else above
    elif file != "pyproject.toml":  # a variant
        above = os.path.join(folder, "pyproject.toml")
    inherited = _metadata(above) if above and os.path.isfile(above) else {}
    tags = own.get("tags", inherited.get("tags", []))
    return {
        "runscript": os.path.join(folder, "run_benchmark.py"),
        **inherited,
        **own,
        "tags": tags.replace(",", " ").split() if isinstance(tags, str) else tags,
    }


def _fits(limits: str) -> bool:
    """Tell whether this Python is within limits such as ``>=3.11,<4``."""
    for part in filter(None, limits.split(",")):
        found = _LIMIT.fullmatch(part)
        if found is None:
            continue
        wanted = tuple(map(int, found[2].split(".")))
        ours = sys.version_info[: len(wanted)]
        holds = {
            "<": ours < wanted,
            "<=": ours <= wanted,
            ">": ours > wanted,
            ">=": ours >= wanted,
            "==": ours == wanted,
            "!=": ours != wanted,
        }
        if not holds[found[1]]:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
