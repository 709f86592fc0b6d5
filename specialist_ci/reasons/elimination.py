"""What is left where all operands fit a specialized form and the site fails or misses anyway."""

from specialist_ci.reasons.rows import EVERY, Facts, Row


def _python(facts: Facts) -> bool:
    return facts.get("callee") in ("function", "bound function")


def _of_class(facts: Facts) -> bool:
    """Whether an object has a method or a value from its class."""
    return facts.get("found") in ("method", "plain") and facts.get("kind") == "instance"


ROWS = (
    Row(
        "function-lost-version",
        lambda f: _python(f) or f.get("callee") == "class",
        fails="13-15",
        reason="{name} has lost its version: its __code__, __defaults__ or __kwdefaults__ were"
        " assigned, or its class was changed too often",
        kind="OUT_OF_VERSIONS",
        advice="leave the defaults and the code of functions alone, and keep counters off classes",
        cost=1.5,
    ),
    Row(
        "function-changed",
        _python,
        misses="11",
        reason="{name} is another function object each time, or its __code__ or __defaults__ are"
        " assigned while this runs",
        advice="define the function once, and leave its defaults alone",
        cost=1.5,
    ),
    Row(
        "deep-recursion",
        _python,
        misses="12-15",
        reason="the frame of {name}() did not fit: deep recursion crosses the chunks of the data"
        " stack, or ends at the recursion limit",
    ),
    Row(
        "hidden-elsewhere",
        lambda f: _of_class(f) and not str(f["form"]).endswith("_WITH_VALUES"),
        fails="11-13",
        misses="14-15",
        reason="another object of {owner} has an attribute {name} of its own, which hides the"
        " class's",
        kind={"11": "LOAD_METHOD_IS_ATTR", "12-13": "ATTR_SHADOWED"},
        advice="give the attribute another name, or set it on no object",
        cost=2.0,
    ),
    Row(
        "names-come",
        _of_class,
        misses=EVERY,
        reason="objects of {owner} get attributes of new names while this runs, and each new name"
        " makes the caches for methods of the class miss",
        advice="set all attributes in __init__",
        cost=1.5,
    ),
    Row(
        "name-not-shared",
        lambda f: f.get("found") == "absent" and f.get("store"),
        fails=EVERY,
        reason="{name} is not among the 29 attribute names that objects of {owner} share",
        kind={"11": "OUT_OF_RANGE", "12-15": "ATTR_NOT_IN_KEYS"},
        advice="give {owner} 29 attributes at most, or __slots__",
        cost=2.0,
    ),
    Row(
        "globals-replaced",
        lambda f: "strings" in f,
        misses=EVERY,
        reason="names of the module are deleted and added again while this runs",
        advice="assign None instead of deleting a global name, if nobody asks whether it is there",
        cost=2.0,
    ),
)
