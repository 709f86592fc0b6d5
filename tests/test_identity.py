"""What an interpreter says of itself, and that no measured process has to compile for us."""

from pathlib import Path

from collecting import surroundings

from specialist_ci.measuring.control import copy_collector
from specialist_ci.measuring.identity import compile_collector, identify

# What the recorder imports by the way, but for the shard's plugin in a suite without one.
PLAIN = {"sitecustomize", "counters", "decode", "places", "identify"} | {
    f"_specialist_ci_{part}"
    for part in (
        "children",
        "endings",
        "executors",
        "gate",
        "readings",
        "recorder",
        "shard",
        "standins",
        "termination",
        "traces",
    )
}


def _compiled(folder: Path, tag: str) -> set[str]:
    return {path.name.partition(".")[0] for path in folder.glob(f"__pycache__/*.{tag}.pyc")}


def test_the_collector_is_compiled_beforehand(python: Path, tmp_path: Path) -> None:
    """Before any run what a plain one needs, and before an explaining one the rest."""
    environment = {**surroundings(), "PYTHONDONTWRITEBYTECODE": "1"}
    folder = copy_collector(tmp_path)
    for path in folder.glob("__pycache__/*"):  # as it comes from a wheel
        path.unlink()
    tag = identify(python, tmp_path, environment).cache_tag
    assert _compiled(folder, tag) == PLAIN
    compile_collector(python, tmp_path, environment)
    assert _compiled(folder, tag) == {path.stem for path in folder.glob("*.py")}
