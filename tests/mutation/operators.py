"""The mistakes: small changes of an expression or a statement, each of which somebody could have made.

Text is never changed: no docstring, no message, no name of a unit or an assumption. Nor are annotations, decorators,
imports and the options of a class.
"""

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple

Change = tuple[ast.AST, str]
"""A node, and the text that stands in its place."""

BOUNDARIES = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
DIRECTIONS = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
OPPOSITES = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
CALLS = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "bisect_left": "bisect_right",
    "bisect_right": "bisect_left",
}
ROUNDINGS = {
    "ROUND_CEILING": "ROUND_FLOOR",
    "ROUND_DOWN": "ROUND_UP",
    "ROUND_FLOOR": "ROUND_CEILING",
    "ROUND_HALF_EVEN": "ROUND_DOWN",
    "ROUND_HALF_UP": "ROUND_HALF_EVEN",
}
NEUTRAL = {
    "Decimal": "ZERO",
    "Collateral": "ZERO",
    "Line": "(ZERO, ZERO)",
    "bool": "False",
    "list": "[]",
    "dict": "{}",
    "tuple": "()",
}
"""What a function returns that does nothing, by the first word of its return type; none where the type allows it."""


class Mutation(NamedTuple):
    """One mistake: where it stands, what stood there, what stands there now, and the whole text with it."""

    file: str
    line: int
    original: str
    mutated: str
    text: str


def mutations(file: str, text: str) -> list[Mutation]:
    """All mistakes that can be made in one file, in order of place; of those that mean the same the first."""
    tree = ast.parse(text)
    seen = {ast.dump(tree)}
    found = []
    for node, mutated in sorted(changes(tree, names_of(tree)), key=_place):
        made = replaced(file, text, node, mutated)
        meaning = ast.dump(ast.parse(made.text))
        if meaning not in seen:
            seen.add(meaning)
            found.append(made)
    return found


def _place(change: Change) -> tuple[int, int, str]:
    node, mutated = change
    return node.lineno, node.col_offset, mutated


def replaced(file: str, text: str, node: ast.AST, mutated: str) -> Mutation:
    """The text with a node exchanged. Columns of a tree count bytes."""
    lines = text.encode().splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    whole = b"".join(lines)
    changed = (whole[:start] + mutated.encode() + whole[end:]).decode()
    return Mutation(file, node.lineno, " ".join(whole[start:end].decode().split()), mutated, changed)


def names_of(tree: ast.Module) -> set[str]:
    """Names that the file imports, besides those that are always there."""
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    return names | {"min", "max", "any", "all"}


def changes(node: ast.AST, names: set[str], returns: str = "") -> Iterator[Change]:
    """Every change in a node and below it; `returns` is the return type of the function around."""
    if isinstance(node, ast.FunctionDef):
        returns = ast.unparse(node.returns) if node.returns is not None else ""
    for operator in OPERATORS:
        yield from operator(node)
    yield from calls(node, names)
    yield from neutral_returns(node, returns)
    for child in children(node):
        yield from changes(child, names, returns)


def children(node: ast.AST) -> Iterator[ast.AST]:
    """What lies below a node and does something."""
    hidden: list[ast.AST | None] = []
    match node:
        case ast.FunctionDef():
            hidden = [node.returns, *node.decorator_list]
        case ast.ClassDef():
            hidden = [*node.bases, *node.keywords, *node.decorator_list]
        case ast.AnnAssign() | ast.arg():
            hidden = [node.annotation]
        case ast.Import() | ast.ImportFrom() | ast.Raise() | ast.Assert() | ast.JoinedStr():
            return
        case ast.Assign() if is_type_alias(node):
            return
    yield from (child for child in ast.iter_child_nodes(node) if not any(child is each for each in hidden))


def is_type_alias(node: ast.Assign) -> bool:
    """`Line = tuple[Decimal, Decimal]`, `Price = NewType(…)`, `AnyEvent = Fill | Flow`."""
    (target, *_), value = node.targets, node.value
    title = isinstance(target, ast.Name) and target.id[:1].isupper() and not target.id.isupper()
    return title and isinstance(value, ast.Subscript | ast.Call | ast.BinOp)


# --- operators ------------------------------------------------------------------------------------------------------


def comparisons(node: ast.AST) -> Iterator[Change]:
    """`<` becomes `<=` and `>`; `==`, `is` and `in` are denied. Of a chain, one at a time."""
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for table in (BOUNDARIES, DIRECTIONS, OPPOSITES):
                if other := table.get(type(operator)):
                    operators = [*node.ops[:place], other(), *node.ops[place + 1 :]]
                    yield node, ast.unparse(ast.Compare(node.left, operators, node.comparators))


def arithmetic(node: ast.AST) -> Iterator[Change]:
    """`+` and `-` change places, and `*` and `/`; also where they assign."""
    if isinstance(node, ast.BinOp) and (other := ARITHMETIC.get(type(node.op))):
        yield node, ast.unparse(ast.BinOp(node.left, other(), node.right))
    if isinstance(node, ast.AugAssign) and (other := ARITHMETIC.get(type(node.op))):
        yield node, ast.unparse(ast.AugAssign(node.target, other(), node.value))


def signs_and_denials(node: ast.AST) -> Iterator[Change]:
    """`-x` becomes `x`, `not x` becomes `x`."""
    if isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield node, f"({ast.unparse(node.operand)})"


def constants(node: ast.AST) -> Iterator[Change]:
    """A whole number one more and one less, a truth the other, a decimal in text ten times as much."""
    match node:
        case ast.Constant(value=bool(value)):
            yield node, str(not value)
        case ast.Constant(value=int(value)):
            yield node, str(value + 1)
            yield node, f"({value - 1})"
        case ast.Call(func=ast.Name(id="Decimal"), args=[ast.Constant(value=str(value))]):
            yield node, f'Decimal("{value}") * 10'


def logic(node: ast.AST) -> Iterator[Change]:
    """`and` and `or` change places."""
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield node, ast.unparse(ast.BoolOp(other, node.values))


def roundings(node: ast.AST) -> Iterator[Change]:
    """Another direction of rounding."""
    if isinstance(node, ast.Name) and (other := ROUNDINGS.get(node.id)):
        yield node, f'"{other}"'


def conditions(node: ast.AST) -> Iterator[Change]:
    """A condition is denied; a guard never holds; the two values of a choice change places."""
    match node:
        case ast.If(test=test, body=[*_, ast.Return() | ast.Raise() | ast.Continue()], orelse=[]):
            yield test, "False"
            yield from denied(test)
        case ast.If(test=test) | ast.While(test=test):
            yield from denied(test)
        case ast.IfExp():
            yield node, ast.unparse(ast.IfExp(node.test, node.orelse, node.body))
        case ast.comprehension(ifs=[_, *_] as tests):
            for test in tests:
                yield from denied(test)


def denied(test: ast.expr) -> Iterator[Change]:
    """`not (…)`; comparisons and denials have changes of their own."""
    if not isinstance(test, ast.Compare | ast.UnaryOp):
        yield test, f"(not ({ast.unparse(test)}))"


def dropped_statements(node: ast.AST) -> Iterator[Change]:
    """A statement that only has an effect is forgotten."""
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    if is_call or isinstance(node, ast.AugAssign | ast.Continue):
        yield node, "pass"


def indices(node: ast.AST) -> Iterator[Change]:
    """The first becomes the last, the last the first."""
    match node:
        case ast.Subscript(slice=ast.Constant(value=0)):
            yield node.slice, "-1"
        case ast.Subscript(slice=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1))):
            yield node.slice, "0"


def merged_mappings(node: ast.AST) -> Iterator[Change]:
    """`{**a, k: v}` forgets what was in `a`, `{**a, **b}` what is in `b`."""
    if isinstance(node, ast.Dict) and None in node.keys and len(node.keys) > 1:
        pairs = list(zip(node.keys, node.values, strict=True))
        kept = [(key, value) for key, value in pairs if key is not None] or pairs[:-1]
        yield node, ast.unparse(ast.Dict(*(list(each) for each in zip(*kept, strict=True))))


def copies(node: ast.AST) -> Iterator[Change]:
    """`structs.replace(a, …)` is just `a`."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="structs"), attr="replace"), args=[first]):
            yield node, ast.unparse(first)


def defaults(node: ast.AST) -> Iterator[Change]:
    """A field whose type lists its values begins with another of them."""
    match node:
        case ast.AnnAssign(
            annotation=ast.Subscript(value=ast.Name(id="Literal")), value=ast.Constant(value=str(default))
        ):
            assert isinstance(node.annotation, ast.Subscript)
            choices = [each.value for each in ast.walk(node.annotation.slice) if isinstance(each, ast.Constant)]
            assert node.value is not None
            yield node.value, repr(next(each for each in choices if each != default))


OPERATORS: tuple[Callable[[ast.AST], Iterator[Change]], ...] = (
    comparisons,
    arithmetic,
    signs_and_denials,
    constants,
    logic,
    roundings,
    conditions,
    dropped_statements,
    indices,
    merged_mappings,
    copies,
    defaults,
)


def calls(node: ast.AST, names: set[str]) -> Iterator[Change]:
    """`min` and `max` change places, and what else comes in pairs, where the file knows both."""
    match node:
        case ast.Call(func=ast.Name(id=name) as func) if name in CALLS and CALLS[name] in names:
            yield func, CALLS[name]


def neutral_returns(node: ast.AST, returns: str) -> Iterator[Change]:
    """A function gives back nothing: none where its type allows that, else zero, false or empty."""
    if isinstance(node, ast.Return) and node.value is not None:
        neutral = "None" if returns.endswith("None") else NEUTRAL.get(returns.partition("[")[0])
        already = isinstance(node.value, ast.Call) and [ast.unparse(each) for each in node.value.args] == [neutral]
        if neutral is not None and ast.unparse(node.value) != neutral and not already:
            yield node.value, neutral
