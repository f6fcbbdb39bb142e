"""Rules about the source text that no other tool checks. Each rule reads files and yields `file:line: what`.

They bound the worst case: long files, long functions, wide signatures, hidden imports, swallowed errors,
and in the core whatever could make two runs of the same events differ. The second half of this file shows
each rule a text that breaks it, because a rule that cannot fail protects nothing.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from tests.sources import FUNCTIONS, Function, Source, sources

LINES_MAX = 500
TEST_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
METHODS_MAX = 20
POSITIONAL_MAX = 5

# path -> why this file imports inside functions
LATE_IMPORTS: dict[str, str] = {
    "src/margincall/wire/candle_files.py": "polars is an extra and heavy: only a Parquet file needs it",
    "src/margincall/history/market/frames.py": "the same: the one place where the store imports polars",
}
# path -> why this file has that many broad handlers that do not raise
BROAD_HANDLERS: dict[str, tuple[int, str]] = {
    "src/margincall/server/connections.py": (1, "a bug becomes one answer 500 with its traceback on stderr"),
    "src/margincall/cli/main.py": (1, "the last resort: a bug becomes exit code 70 with its traceback"),
    "tests/accept/bullets.py": (1, "whatever stops a bullet, it was not shown; the next one is"),
    "tests/conformance/clients/outcome.py": (1, "what a client raises is the result of one method; the next is tried"),
    "src/margincall/exchange/soak.py": (1, "a bug becomes the failure of one seed, told with its command and place"),
}

CORE_MODULES = frozenset(
    {"__future__", "bisect", "collections", "dataclasses", "decimal", "enum", "functools", "itertools"}
    | {"msgspec", "operator", "typing"}
)
VARYING_CALLS = frozenset({"hash", "id", "input", "open", "print", "eval", "exec", "breakpoint", "__import__"})
DETERMINISTIC = frozenset({"core", "exchange"})
ROUNDING_HOME = "src/margincall/core/rounding.py"
ROUNDING_METHODS = frozenset({"quantize", "to_integral", "to_integral_exact", "to_integral_value"})

UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
# Put together from parts, so that this file does not name what it bans.
MACHINE_PATHS = re.compile(r"(?<![\w./])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me/\w+)/")
REGISTRIES = re.compile(
    r"(?<![\w-])(?:py" + r"pi\.org|python" + r"hosted\.org|np" + r"mjs\.(?:org|com)|deb\." + r"debian\.org)\b"
)

Rule = Callable[[Source], Iterator[str]]
RULES: list[Rule] = []


def rule(check: Rule) -> Rule:
    """Enter a function in the list of rules."""
    RULES.append(check)
    return check


def is_src(source: Source) -> bool:
    return source.is_python and source.path.startswith("src/")


def is_test(source: Source) -> bool:
    return source.path.startswith("tests/")


def has_docstring(node: ast.Module | ast.ClassDef | Function) -> bool:
    return ast.get_docstring(node, clean=False) is not None


def line_count(node: Function) -> int:
    """Lines from `def` to the end, without the docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if has_docstring(node):
        first = node.body[0]
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def called_name(node: ast.Call) -> str:
    """`round` for `round(x)`, `quantize` for `x.quantize(y)`."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


# --- size -------------------------------------------------------------------------------------------------


@rule
def files_are_short(source: Source) -> Iterator[str]:
    most = TEST_LINES_MAX if is_test(source) else LINES_MAX
    lines = len(source.text.splitlines())
    if source.is_python and lines > most:
        yield source.at(most + 1, f"{lines} lines, at most {most}: is each file one thing?")


@rule
def functions_are_short(source: Source) -> Iterator[str]:
    for node in source.nodes if source.is_python else ():
        if isinstance(node, FUNCTIONS) and (lines := line_count(node)) > FUNCTION_LINES_MAX:
            yield source.at(node.lineno, f"`{node.name}`: {lines} lines, at most {FUNCTION_LINES_MAX}")


@rule
def classes_are_small(source: Source) -> Iterator[str]:
    for node in source.nodes if source.is_python else ():
        if isinstance(node, ast.ClassDef):
            methods = sum(isinstance(each, FUNCTIONS) for each in node.body)
            if methods > METHODS_MAX:
                yield source.at(node.lineno, f"`{node.name}`: {methods} methods, at most {METHODS_MAX}")


@rule
def signatures_are_narrow(source: Source) -> Iterator[str]:
    """Five positional parameters, then keywords only: two amounts side by side get swapped."""
    for node in source.nodes if source.is_python else ():
        if isinstance(node, FUNCTIONS) and not (is_test(source) and node.name.startswith("test_")):
            names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
            count = len(names) - (names[:1] in (["self"], ["cls"]))
            if count > POSITIONAL_MAX:
                yield source.at(node.lineno, f"`{node.name}`: {count} positional parameters, at most {POSITIONAL_MAX}")


# --- hidden things ----------------------------------------------------------------------------------------


@rule
def imports_stand_on_top(source: Source) -> Iterator[str]:
    if not is_src(source) or source.package == "cli" or source.path in LATE_IMPORTS:
        return
    for node in source.nodes:
        if isinstance(node, FUNCTIONS):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    yield source.at(inner.lineno, f"import inside `{node.name}`: only cli loads late")


def is_broad(node: ast.expr | None) -> bool:
    """Whether an `except` clause or `suppress` argument catches everything."""
    if isinstance(node, ast.Tuple):
        return any(is_broad(each) for each in node.elts)
    return node is None or (isinstance(node, ast.Name) and node.id in ("Exception", "BaseException"))


@rule
def errors_are_not_swallowed(source: Source) -> Iterator[str]:
    found: list[int] = []
    for node in source.nodes if source.is_python else ():
        if isinstance(node, ast.ExceptHandler) and is_broad(node.type):
            if not any(isinstance(inner, ast.Raise) for inner in ast.walk(node)):
                found.append(node.lineno)
        elif isinstance(node, ast.Call) and called_name(node) == "suppress":
            found.extend(node.lineno for each in node.args if is_broad(each))
    allowed, _ = BROAD_HANDLERS.get(source.path, (0, ""))
    if len(found) > allowed:
        for line in found:
            yield source.at(line, f"broad handler without `raise`; this file may have {allowed}")


@rule
def nothing_is_left_unfinished(source: Source) -> Iterator[str]:
    if source.path.startswith("src/") and source.is_python:
        for number, line in enumerate(source.text.splitlines(), 1):
            if found := UNFINISHED.search(line):
                yield source.at(number, f"{found[0]}: finish it or open an issue")


@rule
def text_names_no_machine(source: Source) -> Iterator[str]:
    """No path of one machine, no address of a package registry, in any file."""
    for number, line in enumerate(source.text.splitlines(), 1):
        for pattern in (MACHINE_PATHS, REGISTRIES):
            if found := pattern.search(line):
                yield source.at(number, f"`{found[0]}` belongs to a machine, not to the project")


@rule
def joined_texts_keep_their_words_apart(source: Source) -> Iterator[str]:
    """Of two texts that Python puts together one ends, or the other begins, with something that is no letter."""
    if not is_src(source):
        return
    read = tokenize.generate_tokens(io.StringIO(source.text).readline)
    kept = [each for each in read if each.type not in (tokenize.NL, tokenize.COMMENT)]
    for one, other in pairwise(kept):
        if one.type == other.type == tokenize.STRING:
            end, start = one.string.rstrip("\"'")[-1:], other.string.lstrip("rbfRBF").lstrip("\"'")[:1]
            if end.isalnum() and start.isalnum():
                yield source.at(other.start[0], f"`…{end}` and `{start}…` become one word: a blank is missing")


# --- documentation ----------------------------------------------------------------------------------------


def public_functions(body: list[ast.stmt]) -> Iterator[Function]:
    """Public functions of a module and public methods of its public classes."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body)
        elif isinstance(node, FUNCTIONS) and not node.name.startswith("_"):
            marks = {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}
            if not marks & {"overload", "override", "setter"}:
                yield node


@rule
def public_things_are_documented(source: Source) -> Iterator[str]:
    if is_src(source):
        if not has_docstring(source.tree):
            yield source.at(1, "module without a docstring")
        for node in public_functions(source.tree.body):
            if not has_docstring(node):
                yield source.at(node.lineno, f"`{node.name}` has no docstring")


# --- the core ---------------------------------------------------------------------------------------------


@rule
def no_float_decides_about_money(source: Source) -> Iterator[str]:
    if is_src(source) and source.package in ("core", "venues"):
        for node in source.nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
                yield source.at(node.lineno, f"float literal {node.value!r}: use Decimal")
            elif isinstance(node, ast.Name) and node.id in ("float", "complex"):
                yield source.at(node.lineno, f"`{node.id}`: use Decimal")


@rule
def core_imports_only_pure_things(source: Source) -> Iterator[str]:
    """No clock, randomness or file in reach, and nothing of the packages above."""
    if not (is_src(source) and source.package == "core"):
        return
    for node in source.nodes:
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module or ""]
        else:
            continue
        for module in modules:
            own = module == "margincall.core" or module.startswith("margincall.core.")
            if not own and module.split(".")[0] not in CORE_MODULES:
                yield source.at(node.lineno, f"core must not import `{module}`")


@rule
def core_calls_nothing_that_varies(source: Source) -> Iterator[str]:
    """`hash` and `id` differ from process to process; the others reach outside."""
    if is_src(source) and source.package in DETERMINISTIC:
        for node in source.nodes:
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id in VARYING_CALLS:
                yield source.at(called.lineno, f"`{called.id}(` in `{source.package}`")


@rule
def sets_are_not_walked(source: Source) -> Iterator[str]:
    """The order of a set differs from process to process: sort it first."""
    if is_src(source) and source.package in DETERMINISTIC:
        for node in source.nodes:
            if isinstance(node, ast.For | ast.comprehension):
                walked = node.iter
                by_name = isinstance(walked, ast.Call) and called_name(walked) in ("set", "frozenset")
                if by_name or isinstance(walked, ast.Set | ast.SetComp):
                    yield source.at(walked.lineno, "a set is walked in no order: use sorted()")


@rule
def rounding_has_one_home(source: Source) -> Iterator[str]:
    if is_src(source) and source.package == "core" and source.path != ROUNDING_HOME:
        for node in source.nodes:
            if isinstance(node, ast.Call):
                name = called_name(node)
                by_name = isinstance(node.func, ast.Name) and name == "round"
                if by_name or (isinstance(node.func, ast.Attribute) and name in ROUNDING_METHODS):
                    yield source.at(node.lineno, f"`{name}(` outside core/rounding.py")


# --- venues -----------------------------------------------------------------------------------------------


def names_a_venue(node: ast.expr) -> bool:
    """`venue`, `venue_name`, `rules.venue`, `venue.name`, `account.venue.lower()` and the like."""
    return any(
        (isinstance(each, ast.Name) and each.id.split("_")[0] == "venue")
        or (isinstance(each, ast.Attribute) and each.attr.split("_")[0] == "venue")
        for each in ast.walk(node)
    )


def holds_text(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in ast.walk(node))


@rule
def venues_are_data(source: Source) -> Iterator[str]:
    """A venue is looked up by name once; elsewhere its rules are values, never a chain of `if`."""
    if not is_src(source) or source.package == "venues":
        return
    for node in source.nodes:
        against: list[ast.AST]
        if isinstance(node, ast.Compare):
            named = [node.left, *node.comparators]
            against = [*named]
        elif isinstance(node, ast.Match):
            named = [node.subject]
            against = [case.pattern for case in node.cases]
        else:
            continue
        if any(map(names_a_venue, named)) and any(map(holds_text, against)):
            yield source.at(node.lineno, "a venue is compared by name outside venues")


# --- the tests --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", RULES, ids=lambda check: check.__name__)
def test_rule(check: Rule) -> None:
    findings = [finding for source in sources() for finding in check(source)]
    assert not findings, "\n" + "\n".join(findings)


def test_exceptions_name_existing_files() -> None:
    """An exception for a file that is gone is removed; the main file of the command line may yet come."""
    paths = {source.path for source in sources()} | {"src/margincall/cli/main.py"}
    assert {*LATE_IMPORTS, *BROAD_HANDLERS} <= paths


CORE = "src/margincall/core/thing.py"
WIRE = "src/margincall/wire/thing.py"
LONG = "def f():\n" + "    x = 1\n" * (FUNCTION_LINES_MAX + 1)
DOCUMENTED = 'def f():\n    """' + "\n" * FUNCTION_LINES_MAX + '    """\n    return 1\n'
WIDE = "class A:\n" + "".join(f"    def m{n}(self): ...\n" for n in range(METHODS_MAX + 1))


@pytest.mark.parametrize(
    ("check", "path", "text", "line"),
    [
        (files_are_short, CORE, "\n" * 501, 501),
        (files_are_short, "tests/test_thing.py", "\n" * 801, 801),
        (functions_are_short, CORE, LONG, 1),
        (classes_are_small, CORE, WIDE, 1),
        (signatures_are_narrow, CORE, "def f(a, b, c, d, e, f): ...", 1),
        (signatures_are_narrow, CORE, "class A:\n    def f(self, a, b, c, d, e, f): ...", 2),
        (imports_stand_on_top, WIRE, "def f():\n    import csv", 2),
        (errors_are_not_swallowed, WIRE, "try: ...\nexcept Exception: ...", 2),
        (errors_are_not_swallowed, WIRE, "try: ...\nexcept (ValueError, BaseException): ...", 2),
        (errors_are_not_swallowed, WIRE, "try: ...\nexcept: ...", 2),
        (errors_are_not_swallowed, WIRE, "with suppress(Exception): ...", 1),
        (nothing_is_left_unfinished, WIRE, "x = 1\n# TODO: more", 2),
        (joined_texts_keep_their_words_apart, WIRE, "x = (\n    'to'\n    'day'\n)", 3),
        (text_names_no_machine, "docs/a.md", "see /wo" + "rk/shared", 1),
        (text_names_no_machine, "constraints.txt", "a @ https://files.python" + "hosted.org/a", 1),
        (public_things_are_documented, WIRE, "x = 1", 1),
        (public_things_are_documented, WIRE, '"""A."""\ndef f(): ...', 2),
        (public_things_are_documented, WIRE, '"""A."""\nclass B:\n    def f(self): ...', 3),
        (no_float_decides_about_money, CORE, "x = 0.1", 1),
        (no_float_decides_about_money, CORE, "x = 1e-8", 1),
        (no_float_decides_about_money, "src/margincall/venues/a.py", "x = float('1')", 1),
        (core_imports_only_pure_things, CORE, "import time", 1),
        (core_imports_only_pure_things, CORE, "from pathlib import Path", 1),
        (core_imports_only_pure_things, CORE, "from margincall.venues import a", 1),
        (core_imports_only_pure_things, CORE, "def f():\n    import random", 2),
        (core_calls_nothing_that_varies, CORE, "x = hash(y)", 1),
        (core_calls_nothing_that_varies, CORE, "x = id(y)", 1),
        (sets_are_not_walked, CORE, "for x in {1, 2}: ...", 1),
        (sets_are_not_walked, CORE, "y = [x for x in set(z)]", 1),
        (rounding_has_one_home, CORE, "x = y.quantize(z)", 1),
        (rounding_has_one_home, CORE, "x = round(y)", 1),
        (venues_are_data, WIRE, "if rules.venue == 'a': ...", 1),
        (venues_are_data, WIRE, "x = venue_name in ('a', 'b')", 1),
        (venues_are_data, WIRE, "match venue:\n    case 'a': ...", 1),
    ],
)
def test_rule_finds(check: Rule, path: str, text: str, line: int) -> None:
    (finding, *_) = check(Source(path, text))
    assert finding.startswith(f"{path}:{line}: ")


@pytest.mark.parametrize(
    ("check", "path", "text"),
    [
        (functions_are_short, CORE, DOCUMENTED),
        (signatures_are_narrow, CORE, "class A:\n    def f(self, a, b, c, d, e, *, f, g): ..."),
        (signatures_are_narrow, "tests/test_a.py", "def test_a(a, b, c, d, e, f): ..."),
        (imports_stand_on_top, "src/margincall/cli/explain.py", "def f():\n    import csv"),
        (errors_are_not_swallowed, WIRE, "try: ...\nexcept Exception as error:\n    raise Bad from error"),
        (errors_are_not_swallowed, "src/margincall/cli/main.py", "try: ...\nexcept Exception: ..."),
        (joined_texts_keep_their_words_apart, WIRE, "x = ('on ' 'time')\ny = ('on', 'time')"),
        (text_names_no_machine, "docs/a.md", "https://example.com/wo" + "rk/of/others"),
        (public_things_are_documented, WIRE, '"""A."""\ndef _f(): ...\nclass _B:\n    def f(self): ...'),
        (no_float_decides_about_money, WIRE, "x = float(1)"),
        (core_imports_only_pure_things, CORE, "from collections.abc import Mapping\nfrom . import units"),
        (core_calls_nothing_that_varies, CORE, "x = y.id(1)"),
        (sets_are_not_walked, CORE, "for x in sorted({1, 2}): ..."),
        (rounding_has_one_home, ROUNDING_HOME, "x = y.quantize(z)"),
        (venues_are_data, WIRE, "x = event.venue == rules.venue"),
        (venues_are_data, "src/margincall/venues/registry.py", "if venue == 'a': ..."),
    ],
)
def test_rule_accepts(check: Rule, path: str, text: str) -> None:
    assert list(check(Source(path, text))) == []
