"""The failure kinds of our reasons are those that a 3.13 with pystats counts itself."""

import json
import re
from pathlib import Path

import pytest
from collecting import draw, execute, surroundings
from situations import SNIPPETS, module_of

from specialist_ci.reasons import Situation, judge
from specialist_ci.reasons.rows import Outcome, kind_of

COLLECTOR = Path(__file__).parents[1] / "specialist_ci" / "collector"
_OUTPUT = Path("/tmp/py_stats")  # noqa: S108 - hard-coded in CPython
_THIRTEEN = 13

# Python/specialize.c of CPython 3.13, without SPEC_FAIL_.
NUMBERS = {
    "OTHER": 0,
    "NO_DICT": 1,
    "OVERRIDDEN": 2,
    "OUT_OF_VERSIONS": 3,
    "OUT_OF_RANGE": 4,
    "EXPECTED_ERROR": 5,
    "WRONG_NUMBER_ARGUMENTS": 6,
    "CODE_COMPLEX_PARAMETERS": 7,
    "CODE_NOT_OPTIMIZED": 8,
    "LOAD_GLOBAL_NON_DICT": 17,
    "LOAD_GLOBAL_NON_STRING_OR_SPLIT": 18,
    "SUPER_BAD_CLASS": 9,
    "SUPER_SHADOWED": 10,
    "ATTR_OVERRIDING_DESCRIPTOR": 9,
    "ATTR_NON_OVERRIDING_DESCRIPTOR": 10,
    "ATTR_METHOD": 12,
    "ATTR_MUTABLE_CLASS": 13,
    "ATTR_PROPERTY": 14,
    "ATTR_NON_OBJECT_SLOT": 15,
    "ATTR_NOT_MANAGED_DICT": 18,
    "ATTR_NON_STRING_OR_SPLIT": 19,
    "ATTR_MODULE_ATTR_NOT_FOUND": 20,
    "ATTR_SHADOWED": 21,
    "ATTR_BUILTIN_CLASS_METHOD": 22,
    "ATTR_CLASS_METHOD_OBJ": 23,
    "ATTR_METACLASS_ATTRIBUTE": 27,
    "ATTR_PROPERTY_NOT_PY_FUNCTION": 28,
    "ATTR_NOT_IN_KEYS": 29,
    "ATTR_NOT_IN_DICT": 30,
    "ATTR_CLASS_ATTR_SIMPLE": 31,
    "ATTR_CLASS_ATTR_DESCRIPTOR": 32,
    "ATTR_BUILTIN_CLASS_METHOD_OBJ": 33,
    "SUBSCR_LIST_SLICE": 11,
    "SUBSCR_TUPLE_SLICE": 12,
    "SUBSCR_BUFFER_INT": 15,
    "SUBSCR_BYTEARRAY_INT": 18,
    "SUBSCR_DICT_SUBCLASS_NO_OVERRIDE": 22,
    "BINARY_OP_ADD_DIFFERENT_TYPES": 9,
    "BINARY_OP_ADD_OTHER": 10,
    "BINARY_OP_AND_INT": 12,
    "BINARY_OP_AND_OTHER": 13,
    "BINARY_OP_FLOOR_DIVIDE": 14,
    "BINARY_OP_MULTIPLY_DIFFERENT_TYPES": 17,
    "BINARY_OP_OR": 19,
    "BINARY_OP_SUBTRACT_DIFFERENT_TYPES": 23,
    "BINARY_OP_SUBTRACT_OTHER": 24,
    "BINARY_OP_TRUE_DIVIDE_DIFFERENT_TYPES": 25,
    "BINARY_OP_TRUE_DIVIDE_FLOAT": 26,
    "CALL_BOUND_METHOD": 23,
    "CALL_CLASS_NO_VECTORCALL": 25,
    "COMPARE_OP_DIFFERENT_TYPES": 12,
    "COMPARE_OP_STRING": 13,
    "COMPARE_OP_BIG_INT": 14,
    "COMPARE_OP_TUPLE": 16,
    "COMPARE_OP_BOOL": 19,
    "COMPARE_OP_BASEOBJECT": 20,
    "COMPARE_OP_FLOAT_LONG": 21,
    "ITER_ASYNC_GENERATOR_SEND": 30,
    "ITER_DICT_KEYS": 20,
    "ITER_ASCII_STRING": 29,
    "ITER_LIST": 13,
    "UNPACK_SEQUENCE_SEQUENCE": 10,
    "TO_BOOL_DICT": 11,
    "TO_BOOL_MAPPING": 13,
    "CONTAINS_OP_STR": 9,
    "CONTAINS_OP_TUPLE": 10,
}
OPCODES = {
    "binary": "BINARY_OP",
    "subscript": "BINARY_SUBSCR",
    "store_subscript": "STORE_SUBSCR",
    "compare": "COMPARE_OP",
    "contains": "CONTAINS_OP",
    "truth": "TO_BOOL",
    "iterate": "FOR_ITER",
    "unpack": "UNPACK_SEQUENCE",
    "send": "SEND",
    "call": "CALL",
    "load_global": "LOAD_GLOBAL",
    "super_attribute": "LOAD_SUPER_ATTR",
}
# The function that calls the site makes instructions of its own, which have long specialized.
_HARNESS = """
import importlib, json, sys

sys.path[:0] = sys.argv[1:3]
import _specialist_ci_facts as facts


def count(function, arguments):
    for first, second in arguments:
        try:
            result = function(first, second)
            if result is not None:
                list(result)
        except Exception:
            pass


sys._stats_off()
for _ in range(50):
    count(dict, [(1, 2)])
    count(max, [(None, None)])
told = {}
for name in sys.argv[4:]:
    module = importlib.import_module(name)
    module.facts = facts
    arguments = [module.arguments(i) for i in range(100)]
    told[name] = [module.observe(*arguments[0]) for arguments in [arguments]]
    sys._stats_clear()
    sys._stats_on()
    count(module.site, arguments)
    sys._stats_off()
    print("snippet", name, file=sys.stderr, flush=True)
    sys._stats_dump()
sys._stats_clear()
with open(sys.argv[3], "w") as file:
    json.dump({"told": told, "FIELDS": facts.FIELDS}, file)
"""
_KINDS = re.compile(r"opcode\[(\w+)\]\.specialization\.failure_kinds\[(\d+)\] : \d+")


def test_failure_kinds(pystats_python: Path, tmp_path: Path) -> None:
    """At least fifty situations fail for the kind that their row names, and for no other."""
    if _OUTPUT.exists():
        pytest.skip(f"statistics go to {_OUTPUT}, under names that tell no process")
    modules = {name: f"s_{number}" for number, name in enumerate(SNIPPETS)}
    root = draw(
        tmp_path / "root",
        {f"{modules[name]}.py": module_of(snippet) for name, snippet in SNIPPETS.items()},
    )
    beside = draw(tmp_path / "beside", {"harness.py": _HARNESS})
    told = tmp_path / "told.json"
    outcome = execute(
        [
            *(str(pystats_python), str(beside / "harness.py")),
            *(str(COLLECTOR), str(root), str(told), *modules.values()),
        ],
        cwd=tmp_path,
        env={**surroundings(), "PYTHONSTATS": "1"},
    )
    assert outcome.status == 0, outcome.stderr[-2000:]
    counted = dict(part.split("\n", 1) for part in outcome.stderr.split("snippet ")[1:])
    facts = json.loads(told.read_text())
    agreed, wrong = set(), {}
    for name, snippet in SNIPPETS.items():
        fields = facts["FIELDS"][snippet.kind]
        (met,) = facts["told"][modules[name]]
        situation = Situation(snippet.kind, dict(zip(fields, met, strict=True)), 1)
        row, result = judge(situation, _THIRTEEN).row, judge(situation, _THIRTEEN).outcome
        if (
            row is None
            or result is not Outcome.FAILS
            or snippet.kind not in {*OPCODES, "attribute"}
        ):
            continue
        kind = kind_of(row, situation.facts, _THIRTEEN)
        opcode = OPCODES.get(
            snippet.kind, f"{'STORE' if situation.facts.get('store') else 'LOAD'}_ATTR"
        )
        kinds = {int(n) for where, n in _KINDS.findall(counted[modules[name]]) if where == opcode}
        if kind is None:
            continue
        if kinds == {NUMBERS[kind]}:
            agreed.add(name)
        else:
            wrong[name] = (kind, NUMBERS[kind], kinds)
    assert not wrong
    assert len(agreed) >= 50, len(agreed)
