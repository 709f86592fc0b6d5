"""What attributes may be and where objects keep them: the conditions of the rows."""

from collections.abc import Callable

from specialist_ci.reasons.rows import Facts

LATE = ("late dict", "own late dict", "no dict yet")
MANAGED = ("managed", "values", "values, dict", "dict", "split dict", *LATE)
META = ("mutable", "slot", "other slot", "property", "overriding", "overridden")
UNMANAGED = ("unmanaged", "unmanaged dict", "odd", "nowhere")


def where(kind: str, *, store: bool = False) -> Callable[[Facts], bool]:
    """Match attributes of a module, a class or an instance that are read, or set."""
    return lambda facts: facts["kind"] == kind and facts["store"] is store


on_module, on_class, on_instance = where("module"), where("class"), where("instance")
store_on_instance = where("instance", store=True)


def found(*found: str) -> Callable[[Facts], bool]:
    """Match attributes of instances that are read and turn out to be one of these."""
    return lambda facts: on_instance(facts) and facts["found"] in found


def stored(*found: str) -> Callable[[Facts], bool]:
    """Match attributes of instances that are set and turn out to be one of these."""
    return lambda facts: store_on_instance(facts) and facts["found"] in found


def kept_in(*places: str) -> Callable[[Facts], bool]:
    """Match instances that keep their attributes in one of these places."""
    return lambda facts: facts["place"] in places


def every(*tests: Callable[[Facts], object]) -> Callable[[Facts], bool]:
    """Match what every test matches."""
    return lambda facts: all(test(facts) for test in tests)


def roomy(facts: Facts) -> bool:
    """Whether objects have room for attributes: a class that inherits from no type in C."""
    return facts["base"] is None


def late(facts: Facts) -> bool:
    """Whether an object got its __dict__ late, for lack of room, and shares its keys."""
    place = facts["place"]
    return place in ("late dict", "no dict yet") or (place == "split dict" and not roomy(facts))


def called(facts: Facts) -> object:
    """Whether the attribute is called at once."""
    return facts["method"]


def detail(*details: str | None) -> Callable[[Facts], bool]:
    """Match what one of these details is known of."""
    return lambda facts: facts["detail"] in details
