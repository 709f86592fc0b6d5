"""CALL and its relatives: which callables are specialized, and how their arguments matter."""

from collections.abc import Callable

from specialist_ci.reasons.rows import EVERY, Facts, Kind, Minor, Row

_OLD = "11-12"  # later versions have a form for everything else
_POSITIONAL = "pass the arguments by position"


def _is(*sorts: str) -> Callable[[Facts], bool]:
    return lambda facts: facts["callee"] in sorts


_python = _is("function", "bound function")
_builtin = _is("builtin", "method descriptor")
_class = _is("class")


def _bound(facts: Facts) -> bool:
    """Whether a method object is called, not a method that was loaded to be called."""
    return facts["callee"] == "bound function" and (
        not facts["method"] or facts["receiver"] == "class"
    )


def _fast(facts: Facts) -> bool:
    """Whether a form exists for the calling convention."""
    if facts["convention"] == "NOARGS":
        return facts["callee"] in ("method descriptor", "class method")
    return facts["convention"] in ("O", "FASTCALL", "FASTCALL|KEYWORDS")


def _convention(facts: Facts, minor: Minor) -> str | None:
    """Follow builtin_call_fail_kind() and meth_descr_call_fail_kind() of specialize.c."""
    convention = str(facts["convention"])
    if minor == 11:  # noqa: PLR2004 - 3.11
        named = {"VARARGS": "", "VARARGS|KEYWORDS": "_WITH_KEYWORDS", "NOARGS": "_NOARGS"}
        found = named.get(convention)
        return "CALL_BAD_CALL_FLAGS" if found is None else f"CALL_PYCFUNCTION{found}"
    where = "METH_DESCR" if facts["callee"] == "method descriptor" else "CFUNC"
    return f"CALL_{where}_{convention.replace('|', '_')}"


_COMPLEX: Kind = {"11": "CALL_COMPLEX_PARAMETERS", "12": "CODE_COMPLEX_PARAMETERS"}

ROWS = (
    Row(
        "function-with-stars",
        lambda f: f["starred"] and f["callee"] == "function",
        form="EX_PY",
    ),
    Row("call-with-stars", lambda f: f["starred"], form="EX_NON_PY_GENERAL"),
    Row(
        "python-keywords",
        lambda f: _python(f) and f["keywords"],
        fails=_OLD,
        form="KW_PY",
        reason="{name}() is called with keyword arguments, which is not specialized before 3.13",
        kind="CALL_KWNAMES",
        advice=_POSITIONAL,
        cost=1.5,
    ),
    Row(
        "python-complex",
        lambda f: _python(f) and f["parameters"] == "complex",
        fails=_OLD,
        form="PY_GENERAL",
        reason="{name}() has *args, **kwargs or keyword-only parameters",
        kind=_COMPLEX,
        advice="plain parameters, in functions that are called often",
        cost=1.5,
    ),
    Row(
        "python-unoptimized",
        lambda f: _python(f) and f["parameters"] == "unoptimized",
        fails=EVERY,
        reason="{name}() was compiled as the body of a module or class",
        kind={"11": "CALL_CO_NOT_OPTIMIZED", "12-15": "CODE_NOT_OPTIMIZED"},
    ),
    Row(
        "python-wrong-arguments",
        lambda f: _python(f) and f["parameters"] == "wrong",
        fails=_OLD,
        form="PY_GENERAL",
        reason="{name}() is called with a wrong number of arguments, so that TypeError is raised",
        kind="WRONG_NUMBER_ARGUMENTS",
    ),
    Row(
        "bound-method-defaults",
        lambda f: _bound(f) and f["parameters"] == "defaults",
        fails="12",
        form="BOUND_METHOD_GENERAL",
        reason="the method object {name} is called, and leaves parameters to their defaults",
        kind="CALL_BOUND_METHOD",
        advice="pass all arguments",
        cost=1.5,
    ),
    Row(
        "function-made-anew",
        lambda f: _python(f) and f["nested"],
        doubtful="11",
        form="PY_EXACT_ARGS",
        reason="{name} is a function that is made anew for each call: on 3.11 each has a version"
        " of its own",
        advice="define the function once, outside, if it needs nothing from around it",
        cost=1.5,
    ),
    Row(
        "bound-method",
        lambda f: _bound(f) and f["parameters"] == "exact",
        form="BOUND_METHOD_EXACT_ARGS",
    ),
    Row("python-exact", lambda f: _python(f) and f["parameters"] == "exact", form="PY_EXACT_ARGS"),
    Row("python-defaults", _python, form="PY_WITH_DEFAULTS"),
    Row(
        "builtin-keywords",
        lambda f: (
            _is("builtin", "method descriptor", "class method")(f)
            and f["keywords"]
            and not (f["convention"] == "FASTCALL|KEYWORDS" and f["callee"] != "method descriptor")
        ),
        fails=_OLD,
        form="KW_NON_PY",
        reason="the built-in {name}() is called with keyword arguments",
        kind="CALL_KWNAMES",
        advice="pass the arguments by position, if it takes them so",
        cost=1.3,
    ),
    Row(
        "builtin-class-method",
        lambda f: f["callee"] == "class method" and _fast(f) and not f["keywords"],
        misses=EVERY,
        form="BUILTIN_{convention}",
        reason="{name}() is a built-in class method or static method: it enters a specialized"
        " form, whose guard knows no such methods",
    ),
    Row(
        "builtin-wrong-arguments",
        lambda f: _builtin(f) and _fast(f) and f["parameters"] == "wrong",
        fails=EVERY,
        reason="the built-in {name}() is called with a wrong number of arguments, so that"
        " TypeError is raised",
        kind="WRONG_NUMBER_ARGUMENTS",
    ),
    Row(
        "inherited-append",
        lambda f: (
            f["name"] == "list.append" and f["callee"] == "method descriptor" and f["receiver"]
        ),
        doubtful=EVERY,
        form="LIST_APPEND",
        reason="append() is called on a {receiver}, a subclass of list",
        advice="a plain list in hot code, where the subclass adds nothing",
        cost=1.3,
    ),
    Row(
        "inherited-builtin-method",
        lambda f: f["callee"] == "method descriptor" and f["receiver"] and _fast(f),
        misses=EVERY,
        form="METHOD_DESCRIPTOR_{convention}",
        reason="the built-in method {name}() is called on a {receiver}, a subclass: the"
        " specialized form asks for the built-in type itself",
        advice="an object of the built-in type itself in hot code, where the subclass adds nothing",
        cost=1.3,
    ),
    Row(
        "builtin-method",
        lambda f: f["callee"] == "method descriptor" and _fast(f),
        form="METHOD_DESCRIPTOR_{convention}",
    ),
    Row("builtin-function", lambda f: _builtin(f) and _fast(f), form="BUILTIN_{convention}"),
    Row(
        "builtin-of-unknown-convention",
        lambda f: (
            _is("builtin", "method descriptor", "class method")(f) and f["convention"] is None
        ),
        doubtful=_OLD,
        form="NON_PY_GENERAL",
        reason="the built-in {name}() has a calling convention that is not specialized",
    ),
    Row(
        "builtin-convention",
        _is("builtin", "method descriptor", "class method"),
        fails=_OLD,
        form="NON_PY_GENERAL",
        reason="the built-in {name}() has the calling convention METH_{convention}, which is not"
        " specialized before 3.13",
        kind=_convention,
    ),
    Row(
        "conversion",
        lambda f: (
            _class(f)
            and f["name"] in ("str", "type", "tuple")
            and f["positional"] == 1
            and not f["keywords"]
        ),
        form="{name}_1",
    ),
    Row(
        "class-of-c-keywords",
        lambda f: _class(f) and f["convention"] == "vectorcall" and f["keywords"],
        form="KW_NON_PY",
    ),
    Row(
        "class-of-c",
        lambda f: _class(f) and f["convention"] == "vectorcall",
        form="BUILTIN_CLASS",
    ),
    Row(
        "class-without-vectorcall",
        lambda f: _class(f) and f["convention"] == "no vectorcall",
        fails="11-13",
        form="NON_PY_GENERAL",
        reason="{name}() makes an object of a type that knows no vectorcall",
        kind=lambda f, minor: (
            "CALL_STR"
            if f["name"] == "str"
            else "CALL_PYTHON_CLASS"
            if f["name"] == "object" and minor < 13  # noqa: PLR2004 - 3.13
            else "CALL_CLASS_NO_VECTORCALL"
        ),
    ),
    Row(
        "class-of-c-unknown",
        lambda f: _class(f) and f["convention"] == "built-in",
        doubtful="11-13",
        form="BUILTIN_CLASS",
        reason="{name}() makes an object of a type that knows no vectorcall",
    ),
    Row(
        "python-class",
        _class,
        fails=_OLD,
        reason="{name}() makes an object of a class written in Python, which is not specialized"
        " before 3.13",
        kind=lambda f, _: (
            "CALL_PYTHON_CLASS"
            if str(f["convention"]) in ("no __init__", "__init__", "__init__, no inline values")
            else "CALL_CLASS_MUTABLE"
        ),
    ),
    Row("python-class-keywords", lambda f: _class(f) and f["keywords"], form="KW_NON_PY"),
    Row(
        "python-class-defaults",
        lambda f: (
            _class(f) and f["convention"] == "__init__" and f["parameters"] in ("defaults", "wrong")
        ),
        fails="13",
        since=13,
        form="ALLOC_AND_ENTER_INIT",
        reason="{name}() leaves parameters of __init__ to their defaults, which is not"
        " specialized before 3.14",
        kind="WRONG_NUMBER_ARGUMENTS",
        advice="pass all arguments",
        cost=1.8,
    ),
    Row(
        "python-class-init",
        lambda f: (
            _class(f)
            and str(f["convention"]).startswith("__init__")
            and f["parameters"] in ("exact", "defaults", "wrong")
        ),
        form="ALLOC_AND_ENTER_INIT",
    ),
    Row("python-class-general", _class, form="NON_PY_GENERAL"),
    Row(
        "bound-other",
        _is("bound other"),
        fails=EVERY,
        form="BOUND_METHOD",
        reason="a method object is called whose function is a {name}, not a Python function",
        kind={"12-15": "CALL_BOUND_METHOD"},
        advice="functools.partial, or a function written in Python",
        cost=1.3,
    ),
    Row(
        "callable-object",
        lambda _: True,
        fails=_OLD,
        form="NON_PY_GENERAL",
        reason="a {name} is called, which is no function, method or class",
        kind=lambda f, _: {
            "slot wrapper": "CALL_OPERATOR_WRAPPER",
            "method wrapper": "CALL_METHOD_WRAPPER",
        }.get(str(f["callee"]), "OTHER"),
        advice="a method with a name instead of __call__, or a function",
        cost=1.2,
    ),
)

WITH = (
    Row(
        "with-python-exit",
        lambda f: f["exit"] == "python",
        misses="11-13",
        form="PY_EXACT_ARGS",
        reason="the with statement calls __exit__ of {manager} with None for self, which no"
        " specialized form expects before 3.14",
    ),
    Row(
        "with-c-exit",
        lambda _: True,
        fails=_OLD,
        form="NON_PY_GENERAL",
        reason="the with statement calls __exit__ of {manager}, which is written in C",
    ),
)
