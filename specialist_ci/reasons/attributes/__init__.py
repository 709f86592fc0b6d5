"""LOAD_ATTR and STORE_ATTR: where an attribute may live, for each version of CPython.

``method`` in a condition means that the attribute is called at once, as in ``o.name()``: the
interpreter then loads it without binding it, LOAD_METHOD on 3.11.
"""

from specialist_ci.reasons.attributes.classes import CLASS, MODULE
from specialist_ci.reasons.attributes.instances import INSTANCE
from specialist_ci.reasons.attributes.sentences import OFF_CLASS
from specialist_ci.reasons.attributes.stores import STORE
from specialist_ci.reasons.rows import EVERY, Row

# What else makes a site miss that meets one class: seen by its order, not by its situations.
CHANGED = Row(
    "class-changed-before",
    lambda facts: facts["owner"],
    misses=EVERY,
    reason="the class {owner}, or a base of it, was changed after this had specialized for it; a"
    " cache misses 53 times before it is filled anew",
    advice=OFF_CLASS,
    cost=1.3,
)
ROWS = MODULE + CLASS + INSTANCE + STORE
