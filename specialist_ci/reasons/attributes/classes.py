"""Attributes of modules and classes that are read."""

from specialist_ci.reasons.attributes.kinds import by_call, class_method, of_class
from specialist_ci.reasons.attributes.sentences import (
    ALIAS,
    CHANGING,
    EXHAUSTED,
    OFF_CLASS,
    UNBOUND,
)
from specialist_ci.reasons.attributes.situations import (
    META,
    detail,
    every,
    on_class,
    on_module,
)
from specialist_ci.reasons.rows import EVERY, Row

MODULE = (
    Row(
        "module-subclass",
        every(on_module, detail("subclass")),
        fails="11-13",
        form="MODULE",
        reason="the module {owner} is an instance of a subclass of module",
        kind={"11-13": "OVERRIDDEN"},
        advice="from {owner} import {name}, which is looked up once",
        cost=1.5,
    ),
    Row(
        "module-with-getattr",
        lambda f: on_module(f) and f["found"] == "present, __getattr__",
        fails="11-14",
        form="MODULE",
        reason="the module {owner} defines __getattr__",
        kind="ATTR_MODULE_ATTR_NOT_FOUND",
        advice="from {owner} import {name}, which is looked up once",
        cost=1.5,
    ),
    Row(
        "module-attribute-missing",
        lambda f: on_module(f) and str(f["found"]).startswith("missing"),
        fails=EVERY,
        reason="the module {owner} has no attribute {name} of its own",
        kind=lambda f, minor: (
            "OUT_OF_RANGE"
            if minor == 11 and f["found"] == "missing"  # noqa: PLR2004 - 3.11
            else "ATTR_MODULE_ATTR_NOT_FOUND"
        ),
        advice="from {owner} import {name}, which is looked up once, where __getattr__ answers",
        cost=1.5,
    ),
    Row("module-attribute", on_module, form="MODULE"),
)

CLASS = (
    Row(
        "class-exhausted",
        lambda f: on_class(f) and f["exhausted"],
        fails="13-15",
        reason=EXHAUSTED,
        kind="OUT_OF_VERSIONS",
        advice=OFF_CLASS,
        cost=5.0,
    ),
    Row(
        "class-changing",
        lambda f: on_class(f) and int(f["modified"] or 0) >= 10,  # noqa: PLR2004 - more than setting it up
        doubtful=EVERY,
        reason=CHANGING,
        advice=OFF_CLASS,
        cost=3.0,
    ),
    Row(
        "class-attribute-3.11",
        lambda f: on_class(f) and not f["method"],
        fails="11",
        reason="an attribute of the class {owner}: on classes, 3.11 specializes calls only",
        kind="OVERRIDDEN",
        advice=ALIAS,
        cost=1.5,
    ),
    Row(
        "enum-member",
        every(on_class, detail("own instance")),
        fails="11-14",
        form="CLASS_WITH_METACLASS_CHECK",
        reason="{owner}.{name} is an instance of the class itself, as members of an enum are: its"
        " class could turn it into a descriptor",
        kind=by_call(
            "OVERRIDDEN",
            "METACLASS_ATTRIBUTE",
            lambda _, minor: "ATTR_METACLASS_ATTRIBUTE" if minor < 14 else "ATTR_MUTABLE_CLASS",  # noqa: PLR2004 - 3.14
        ),
        advice=ALIAS,
        cost=2.3,
    ),
    Row(
        "metaclass",
        lambda f: on_class(f) and f["metaclass"] != "type" and f["found"] in ("method", "plain"),
        fails="11-13",
        reason="the class {owner} has the metaclass {metaclass}",
        kind=by_call("OVERRIDDEN", "METACLASS_ATTRIBUTE", "ATTR_METACLASS_ATTRIBUTE"),
        advice=ALIAS,
        cost=1.8,
    ),
    Row(
        "metaclass-with-own-lookup",
        lambda f: on_class(f) and f["meta_found"] == "overridden",
        fails=EVERY,
        reason="the metaclass {metaclass} of {owner} overrides attribute access",
        kind=by_call(
            "OVERRIDDEN",
            "METACLASS_ATTRIBUTE",
            lambda _, minor: "ATTR_METACLASS_" + ("ATTRIBUTE" if minor < 14 else "OVERRIDDEN"),  # noqa: PLR2004 - 3.14
        ),
        advice=ALIAS,
        cost=1.8,
    ),
    Row(
        "metaclass-descriptor",
        lambda f: on_class(f) and f["meta_found"] in META,
        fails=EVERY,
        reason="{name} of {owner} is answered by its metaclass {metaclass}",
        kind=by_call("OVERRIDDEN", "METACLASS_ATTRIBUTE", "ATTR_METACLASS_ATTRIBUTE"),
        advice=ALIAS,
        cost=1.5,
    ),
    Row(
        "metaclass-attribute",
        lambda f: on_class(f) and f["meta_found"] != "absent",
        fails="11-13",
        reason="{name} of {owner} is found on its metaclass {metaclass}",
        kind=by_call("OVERRIDDEN", "METACLASS_ATTRIBUTE", "ATTR_METACLASS_ATTRIBUTE"),
        advice=ALIAS,
        cost=1.5,
    ),
    Row(
        "class-attribute-absent",
        lambda f: on_class(f) and f["found"] == "absent",
        fails=EVERY,
        reason="the class {owner} has no attribute {name}: its metaclass {metaclass} answers, or"
        " AttributeError is raised",
        kind="EXPECTED_ERROR",
        advice=ALIAS,
        cost=1.5,
    ),
    Row(
        "mutable-class-attribute",
        lambda f: on_class(f) and f["found"] == "mutable",
        fails=EVERY,
        reason="{owner}.{name} is an instance of {value}, a class that could turn it into a"
        " descriptor at any time",
        kind=by_call(
            "OVERRIDDEN",
            "MUTABLE_CLASS",
            lambda f, minor: (
                "ATTR_METACLASS_ATTRIBUTE"
                if minor < 14 and f["metaclass"] != "type"  # noqa: PLR2004 - 3.14
                else "ATTR_MUTABLE_CLASS"
            ),
        ),
        advice=ALIAS,
        cost=2.9,
    ),
    Row(
        "class-method",
        lambda f: on_class(f) and f["found"] in ("classmethod", "builtin classmethod"),
        fails=EVERY,
        reason="{owner}.{name} is a class method, which is bound at each access",
        kind=class_method,
        advice=UNBOUND,
        cost=1.7,
    ),
    Row(
        "static-method",
        lambda f: on_class(f) and f["found"] in ("staticmethod", "non-overriding"),
        fails=EVERY,
        reason="{owner}.{name} is a {value}, which is asked at each access",
        kind=by_call("OVERRIDDEN", "NON_OVERRIDING_DESCRIPTOR", "ATTR_NON_OVERRIDING_DESCRIPTOR"),
        advice=UNBOUND,
        cost=1.7,
    ),
    Row(
        "descriptor-of-class",
        lambda f: on_class(f) and f["found"] not in ("method", "plain"),
        fails=EVERY,
        reason="{owner}.{name} is a descriptor ({value}) that is read on the class itself",
        kind=of_class,
        advice=ALIAS,
        cost=1.5,
    ),
    Row("class-attribute", on_class, form="CLASS"),
)
