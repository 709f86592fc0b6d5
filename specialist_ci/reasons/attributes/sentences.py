"""What several rows about attributes say."""

ALIAS = "read it once into a local or a global of the module; later changes are not seen there"
UNBOUND = (
    "bind it once, outside the hot code (later changes are not seen there), or make it a function"
    " of the module, if no subclass has its own"
)
EXHAUSTED = (
    "the class {owner}, or a base of it, was changed 1000 times or more: it has used up its"
    " versions, and nothing that asks it is specialized any more"
)
OFF_CLASS = (
    "keep counters and caches off the class: in a global of the module, on an instance, or in a"
    " dict that the class holds"
)
CHANGING = (
    "the class {owner}, or a base of it, is changed while this runs ({modified} times or more)"
)

READ = (
    "the __dict__ of the object was read (vars, copy, cached_property, o.__dict__): from then on"
    " its attributes are kept in a dict"
)
UNTOUCHED = (
    "leave __dict__ of objects in hot code alone (setattr instead of __dict__.update), or give"
    " {owner} __slots__"
)
MANY = (
    "the object keeps its attributes in a dict: it has 30 attributes or more, or its __dict__ was"
    " replaced"
)
FEWER = "give {owner} 29 attributes at most, or __slots__; set those of hot code first"
