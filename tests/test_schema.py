"""The published JSON Schemas are those of the models, and real files fit them.

UPDATE_GOLDEN=1 writes the schemas anew.
"""

import json
import os
from pathlib import Path
from typing import Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from specialist_ci.cli import main
from specialist_ci.configuration.config import ConfigTable
from specialist_ci.formats.report import ExplainedLine, Report, Reports
from specialist_ci.formats.snapshot import Snapshot

SCHEMAS = Path(__file__).parents[1] / "docs" / "schemas"
MODELS: dict[str, type[BaseModel]] = {
    "snapshot-v1": Snapshot,
    "report-v1": Report,
    "reports-v1": Reports,
    "line-v1": ExplainedLine,
    "config": ConfigTable,
}


@pytest.mark.parametrize("name", MODELS)
def test_published_schema_is_the_models(name: str) -> None:
    """What is published was generated from the code as it is."""
    generated = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **MODELS[name].model_json_schema(mode=_mode(name)),
    }
    path = SCHEMAS / f"{name}.schema.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(json.dumps(generated, indent=2) + "\n", encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == generated


@pytest.mark.parametrize("name", MODELS)
def test_schema_is_valid_and_closed(name: str) -> None:
    """Each schema is a schema, and no object in it takes keys that it does not name."""
    schema = _published(name)
    Draft202012Validator.check_schema(schema)
    objects = [schema, *schema["$defs"].values()]
    assert all(o.get("additionalProperties") is False for o in objects if "properties" in o)


def test_real_report_fits_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """The report of the demo fits, and keeps every key of the contract."""
    assert main(["demo", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    Draft202012Validator(_published("report-v1")).validate(report)
    assert {"schema_version", "verdict", "base", "head", "totals"} <= report.keys()
    assert {"families", "changes", "flaky", "conditions"} <= report.keys()
    assert {"kind", "path", "line", "end_line", "function", "base_path", "base_line"} <= report[
        "changes"
    ][0].keys()
    assert {"version", "implementation", "build", "jit", "free_threaded", "pystats"} <= report[
        "base"
    ]["python"].keys()


def _mode(name: str) -> Literal["serialization", "validation"]:
    """Return the side of a model that users see: they write the configuration themselves."""
    return "validation" if name == "config" else "serialization"


def _published(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
