"""Global names and super(): what their caches are guarded by."""

from specialist_ci.reasons.rows import EVERY, Row

GLOBAL = (
    Row(
        "globals-no-dict",
        lambda f: not f["exact"],
        fails=EVERY,
        reason="the globals are no plain dict",
        kind={"12-15": "LOAD_GLOBAL_NON_DICT"},
        advice="run the code with a plain dict of globals",
        cost=1.5,
    ),
    Row(
        "globals-with-other-keys",
        lambda f: f["strings"] is False,
        fails=EVERY,
        reason="the globals of this module have a key that is no string",
        kind="LOAD_GLOBAL_NON_STRING_OR_SPLIT",
        advice="keep such keys in a dict of their own, not in globals()",
        cost=2.0,
    ),
    Row(
        "globals-come-and-go",
        lambda f: f["changed"],
        doubtful=EVERY,
        form="{place}",
        reason="names are added to the module's globals, or deleted, while this runs: each change"
        " makes the caches of all its global names miss (new values of known names do not)",
        advice="define all global names when the module is imported, and keep what comes later in"
        " a dict of its own",
        cost=2.0,
    ),
    Row("global-name", lambda f: f["place"], form="{place}"),
)

SUPER = (
    Row(
        "super-shadowed",
        lambda f: f["shadowed"],
        fails="12-15",
        reason="the name super is not the built-in one here",
        kind="SUPER_SHADOWED",
        advice="leave the name super alone",
        cost=1.5,
    ),
    Row(
        "super-of-instance",
        lambda f: not f["is_class"],
        fails="12-15",
        reason="the first argument of super() is no class",
        kind="SUPER_BAD_CLASS",
    ),
    Row("super-attribute", lambda _: True, form="ATTR"),
)
