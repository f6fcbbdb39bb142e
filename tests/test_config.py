"""Configuration: what is read, and what is said of everything that cannot be."""

import tomllib
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from margincall.config import (
    Bounds,
    ConfigError,
    ConfigProblem,
    Misplaced,
    NotNegative,
    Positive,
    Share,
    SpanMs,
    TimeMs,
    load,
    located,
)
from margincall.config.places import places
from margincall.config.problem import Key, dotted
from margincall.core.units import Price
from margincall.errors import USAGE, MargincallError


class Speed(Enum):
    SLOW = "slow"
    FAST = "fast"


class Account(Struct, kw_only=True):
    """One account of a test exchange."""

    name: str
    leverage: Annotated[int, Meta(ge=1, le=125)] = 20
    mode: Literal["cross", "isolated"] = "cross"
    wallet: Positive = Decimal(5)

    def __post_init__(self) -> None:
        if self.mode == "isolated" and self.leverage > 50:
            raise ValueError("leverage: isolated accounts have at most 50")
        if self.name == "nobody":
            raise ValueError("an account has an owner")


class Maker(Struct, tag="maker", tag_field="kind"):
    size: Price


class Taker(Struct, tag="taker", tag_field="kind"):
    rate: Share


class Server(Struct):
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1)] = 8000
    wait_s: float = 1.0
    api_secret: str = ""


class Exchange(Struct, kw_only=True):
    begin: TimeMs | None = None
    account: list[Account] = []
    agents: list[Maker | Taker] = []
    server: Server = msgspec.field(default_factory=Server)
    marks: dict[str, Price] = {}
    limits: dict[int, NotNegative] = {}
    pair: tuple[int, Decimal] | None = None
    names: list[str] | str = ""
    speed: Speed = Speed.SLOW
    anything: Any = None
    is_on: bool = False


def read(text: str, **environ: str) -> Exchange:
    return load(
        text, Exchange, name="x.toml", environ={f"MARGINCALL__{name}": value for name, value in environ.items()}
    )


def refused(text: str, **environ: str) -> tuple[ConfigProblem, ...]:
    with pytest.raises(ConfigError) as caught:
        read(text, **environ)
    assert caught.value.exit_code == USAGE
    assert isinstance(caught.value, MargincallError)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return caught.value.problems


# --- what is read -----------------------------------------------------------------------------------------

WHOLE = """\
begin = 2026-01-01T01:00:00.250+01:00
marks = { BTCUSDT = 60_000.10, "ETHUSDT" = "3000.5", X = 7 }
limits = { 5 = 0.1 }
pair = [1, 2.50]
names = ["a", "b"]
speed = "fast"
anything = [1, { a = "b" }]
is_on = true

[[account]]
name = "Ann"
wallet = 1e3
[[account]]
name = "Bob"
mode = "isolated"

[[agents]]
kind = "maker"
size = 1
[[agents]]
kind = "taker"
rate = 0.25

[server]
wait_s = 3
"""


def test_a_whole_configuration() -> None:
    assert read(WHOLE) == Exchange(
        begin=TimeMs(1_767_225_600_250),
        account=[Account(name="Ann", wallet=Decimal("1e3")), Account(name="Bob", mode="isolated")],
        agents=[Maker(Price(Decimal(1))), Taker(Decimal("0.25"))],
        server=Server(wait_s=3.0),
        marks={"BTCUSDT": Price(Decimal("60000.10")), "ETHUSDT": Price(Decimal("3000.5")), "X": Price(Decimal(7))},
        limits={5: Decimal("0.1")},
        pair=(1, Decimal("2.50")),
        names=["a", "b"],
        speed=Speed.FAST,
        anything=[1, {"a": "b"}],
        is_on=True,
    )


def test_an_empty_text_gives_the_defaults() -> None:
    assert read("") == Exchange()


def test_a_file_with_a_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b'\xef\xbb\xbfis_on = true\r\n[server]\r\nport = "a"\r\n')
    with pytest.raises(ConfigError) as caught:
        load(path, Exchange)
    (problem,) = caught.value.problems
    assert str(problem) == f'{path}:3: server.port: expected a whole number, at least 1, found "a"\n    port = "a"'


def test_digits_of_a_decimal_are_those_of_the_text() -> None:
    text = "[marks]\nx = 0.1000000000000000055511151231257827\n"
    assert read(text).marks["x"] == Decimal("0.1000000000000000055511151231257827")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12))
def test_a_decimal_is_read_from_number_and_text_alike(number: Decimal) -> None:
    marks = read(f'[marks]\na = {number:f}\nb = "{number}"\n').marks
    assert marks["a"] == marks["b"] == number


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "begin = 2026-01-01T00:00:00",
            "expected a time with zone, like 2026-01-01T00:00:00Z, found 2026-01-01T00:00:00",
        ),
        ("begin = 2026-01-01", "expected a time with zone, like 2026-01-01T00:00:00Z, found 2026-01-01"),
        ("begin = 07:32:00", "expected a time with zone, like 2026-01-01T00:00:00Z, found 07:32:00"),
        ("begin = 5", "expected a time with zone, like 2026-01-01T00:00:00Z, found 5"),
        (
            "begin = 2026-01-01T00:00:00.0001Z",
            "expected a time with zone, like 2026-01-01T00:00:00Z, with at most 3 decimals of a second, "
            "found 2026-01-01T00:00:00.000100+00:00",
        ),
        ("marks.x = nan", "expected a finite decimal number of at most 40 digits, found NaN"),
        ("marks.x = -inf", "expected a finite decimal number of at most 40 digits, found -Infinity"),
        ("marks.x = 1e40", "expected a finite decimal number of at most 40 digits, found 1E+40"),
        (
            "marks.x = 1e99999999999999999999",
            "expected a finite decimal number of at most 40 digits, found 1e99999999999999999999",
        ),
        (f"marks.x = {10**40}", f"expected a finite decimal number of at most 40 digits, found {10**40}"),
        (f"marks.x = {10**60}", "expected a finite decimal number of at most 40 digits, found an integer of 200 bits"),
        ("marks.x = true", "expected a finite decimal number of at most 40 digits, found true"),
        ('marks.x = "1_0"', 'expected a finite decimal number of at most 40 digits, found "1_0"'),
        ('marks.x = ""', 'expected a finite decimal number of at most 40 digits, found ""'),
        ("limits.5 = -0.1", "expected a finite decimal number of at most 40 digits, at least 0, found -0.1"),
        ("limits.a = 1", 'expected a whole number, found "a"'),
        ("is_on = 1", "expected true or false, found 1"),
        ("server.port = 0", "expected a whole number, at least 1, found 0"),
        ("server.port = 1.0", "expected a whole number, at least 1, found 1.0"),
        ("server.wait_s = inf", "expected a finite number, found Infinity"),
        ("server.wait_s = 1e400", "expected a finite number, found 1E+400"),
        ("server.host = 5", "expected a text, found 5"),
        ("server = 5", "expected a table, found 5"),
        ("account = 5", "expected a list, found 5"),
        ("pair = [1]", "expected a list of 2, found a list of 1"),
        ("pair = [1, 2, 3]", "expected a list of 2, found a list of 3"),
        ("pair = [1, true]", "expected a finite decimal number of at most 40 digits, found true"),
        ("names = 5", "expected a list or a text, found 5"),
        ("names = [5]", "expected a text, found 5"),
        ("speed = 5", 'expected one of "slow", "fast", found 5'),
    ],
)
def test_a_wrong_value(text: str, said: str) -> None:
    (problem,) = refused(f"# first\n{text}")
    assert (problem.file, problem.line, problem.message, problem.raw) == ("x.toml", 2, said, text[:199].strip())


def test_all_mistakes_of_a_file_in_the_order_of_lines() -> None:
    text = """\
begin = 2026-01-01T00:00:00Z
is_of = true            # is_on
[[account]]
[[account]]
name = "Bob"
leverege = 30           # a letter
mode = 'Cross'
[[account]]
name = "Cy"
leverage = 500
[[agents]]
kind = "makr"
[[agents]]
rate = 0.5
[[agents]]
kind = "taker"
rate = 1.5
[servr]
"""
    known = "unknown key, expected one of"
    problems = refused(text)
    assert [(each.line, each.key, each.message, each.hint) for each in problems] == [
        (
            2,
            "is_of",
            f"{known} account, agents, anything, begin, is_on, limits, marks, names, pair, server, speed",
            "is_on",
        ),
        (3, "account[0].name", "missing, expected a text", ""),
        (6, "account[1].leverege", f"{known} leverage, mode, name, wallet", "leverage"),
        (7, "account[1].mode", 'expected one of "cross", "isolated", found "Cross"', '"cross"'),
        (10, "account[2].leverage", "expected a whole number, at least 1 and at most 125, found 500", ""),
        (12, "agents[0].kind", 'expected one of "maker", "taker", found "makr"', '"maker"'),
        (13, "agents[1].kind", 'missing, expected one of "maker", "taker"', ""),
        (
            17,
            "agents[2].rate",
            "expected a finite decimal number of at most 40 digits, at least 0 and at most 1, found 1.5",
            "",
        ),
        (
            18,
            "servr",
            f"{known} account, agents, anything, begin, is_on, limits, marks, names, pair, server, speed",
            "server",
        ),
    ]
    assert str(problems[3]).endswith('found "Cross"; did you mean "cross"?\n    mode = \'Cross\'')


def test_a_misspelt_required_key_is_told_once() -> None:
    (problem,) = refused('[[account]]\nnmae = "Ann"\n')
    assert (problem.key, problem.hint) == ("account[0].nmae", "name")


def test_what_a_struct_says_itself_has_its_place() -> None:
    text = '[[account]]\nname = "nobody"\n[[account]]\nname = "Bob"\nmode = "isolated"\nleverage = 60\n'
    assert [(each.line, each.key, each.message) for each in refused(text)] == [
        (1, "account[0]", "an account has an owner"),
        (6, "account[1].leverage", "isolated accounts have at most 50"),
    ]


def test_a_secret_is_not_printed() -> None:
    (problem,) = refused("[server]\napi_secret = 918273645\nport = 1\n")
    assert "918273645" not in str(problem)
    (problem,) = refused("", SERVER__API_SECRET__X="918273645")
    assert "918273645" not in str(problem)


@pytest.mark.parametrize(
    ("text", "place", "raw"),
    [
        ("is_on = true\nx = ", "x.toml:2:5", "x ="),
        ("a = 1\na = 2\n", "x.toml:2:6", "a = 2"),
        ('x = "a', "x.toml:1:7", 'x = "a'),
        ("x = [1,", "x.toml:1:8", "x = [1,"),
        ("\n\n[a\n", "x.toml:3:3", "[a"),
        ("x = 2026-02-30T00:00:00Z", "x.toml:1:5", "x = 2026-02-30T00:00:00Z"),
        ("\nx = " + "9" * 5000, "x.toml:2", "x = " + "9" * 195 + "…"),
        ("\nx = \ud800", "x.toml:2", "x = ���"),
    ],
)
def test_broken_toml_has_its_line_and_column(text: str, place: str, raw: str) -> None:
    (problem,) = refused(text)
    assert str(problem).startswith(f"{place}: ")
    assert problem.raw == raw


def test_nesting_without_end_is_refused() -> None:
    (problem,) = refused("x = " + "[" * 100_000)
    assert problem.message == "lists or tables are nested too deeply"


def test_a_file_that_is_not_there_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.toml: cannot be read: No such file"):
        load(tmp_path / "a.toml", Exchange)
    (tmp_path / "b.toml").write_bytes(b"#" * 5_000_000)
    with pytest.raises(ConfigError, match="expected at most 4194304 bytes"):
        load(tmp_path / "b.toml", Exchange)


# --- the environment --------------------------------------------------------------------------------------


def test_variables_override_by_the_type_that_is_wanted() -> None:
    found = read(
        '[[account]]\nname = "Ann"\n',
        SERVER__HOST="0.0",
        SERVER__PORT="9",
        ACCOUNT__0__WALLET="0.10",
        ACCOUNT__0__MODE="isolated",
        MARKS__BTCUSDT="7",
        NAMES='["a", "b"]',
        SPEED="fast",
        IS_ON="true",
        BEGIN="2026-01-01T00:00:00Z",
        ANYTHING="1.5",
    )
    assert found == Exchange(
        begin=TimeMs(1_767_225_600_000),
        account=[Account(name="Ann", wallet=Decimal("0.10"), mode="isolated")],
        server=Server(host="0.0", port=9),
        marks={"btcusdt": Price(Decimal(7))},
        names=["a", "b"],
        speed=Speed.FAST,
        anything="1.5",
        is_on=True,
    )


PORT = "expected a whole number, at least 1"
PLACE = "expected a number below 1: the list has so many elements"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SERVER__PORT", "x", f'server.port: {PORT}, found "x"'),
        ("SERVER__PORT", "1\nhost = 2", rf'server.port: {PORT}, found "1\nhost = 2"'),
        (
            "SERVER__PRT",
            "1",
            "server.prt: unknown key, expected one of api_secret, host, port, wait_s; did you mean port?",
        ),
        ("SERVER", "1", "server: expected a table, found 1"),
        ("IS_ON__X", "1", "is_on.x: expected a table to set this key in"),
        ("ACCOUNT__1__NAME", "a", f"account.1: {PLACE}"),
        ("ACCOUNT__X", "a", f"account.x: {PLACE}"),
        ("ACCOUNT__0", "a", 'account[0]: expected a table, found "a"'),
        ("SPEED", "fsat", 'speed: expected one of "slow", "fast", found "fsat"; did you mean "fast"?'),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, said: str) -> None:
    (problem,) = refused('is_on = true\n[[account]]\nname = "Ann"\n', **{name: value})
    assert str(problem) == f"MARGINCALL__{name}: {said}"
    assert problem.line is None


def test_a_variable_within_a_table_of_anything_is_a_plain_text() -> None:
    found = read("anything = [{ x = 1 }]", ANYTHING__0__X="5").anything
    assert found == [{"x": "5"}]
    assert type(found[0]["x"]) is str


def test_other_variables_do_not_count() -> None:
    environ = {"MARGINCALL_SHARED": "x", "PATH": "x"}
    assert load("", Exchange, environ=environ) == Exchange()


# --- lines ------------------------------------------------------------------------------------------------

TRICKY = '''\
# [not.a.table]
title = """
[no]
key = "x" # no comment
"""           # 2
'lit.eral' = \'\'\'
a = 1\'\'\'\'
"quo\\"ted\\u00e9" = "a = # \\" [b]"
a . b."c" = [ # 9
  1, [2,
   3], # ]
  { x = 1, y.z = [4, 5] }, "]",
  \'\'\'
[t]\'\'\',
  2026-01-01 00:00:00Z
] # ]
empty = {}
e2 = []
"" = ""

[deep . "er".x]   # 20
k=1
[[list]]
v = """a\\""""
[list.sub]
w = 1
[[list.inner]]
n = 1.5
[[list.inner]]
[[list]]
v = 2
[[list.inner]]
n = 2
[deep]
k = 3
'''


def test_lines_of_a_tricky_text() -> None:
    wanted: dict[Key, int] = {
        (): 1,
        ("title",): 2,
        ("lit.eral",): 6,
        ('quo"tedé',): 8,
        ("a",): 9,
        ("a", "b"): 9,
        ("a", "b", "c"): 9,
        ("a", "b", "c", 0): 10,
        ("a", "b", "c", 1): 10,
        ("a", "b", "c", 1, 0): 10,
        ("a", "b", "c", 1, 1): 11,
        ("a", "b", "c", 2): 12,
        ("a", "b", "c", 2, "x"): 12,
        ("a", "b", "c", 2, "y"): 12,
        ("a", "b", "c", 2, "y", "z"): 12,
        ("a", "b", "c", 2, "y", "z", 0): 12,
        ("a", "b", "c", 2, "y", "z", 1): 12,
        ("a", "b", "c", 3): 12,
        ("a", "b", "c", 4): 13,
        ("a", "b", "c", 5): 15,
        ("empty",): 17,
        ("e2",): 18,
        ("",): 19,
        ("deep",): 21,
        ("deep", "er"): 21,
        ("deep", "er", "x"): 21,
        ("deep", "er", "x", "k"): 22,
        ("list",): 23,
        ("list", 0): 23,
        ("list", 0, "v"): 24,
        ("list", 0, "sub"): 25,
        ("list", 0, "sub", "w"): 26,
        ("list", 0, "inner"): 27,
        ("list", 0, "inner", 0): 27,
        ("list", 0, "inner", 0, "n"): 28,
        ("list", 0, "inner", 1): 29,
        ("list", 1): 30,
        ("list", 1, "v"): 31,
        ("list", 1, "inner"): 32,
        ("list", 1, "inner", 0): 32,
        ("list", 1, "inner", 0, "n"): 33,
        ("deep", "k"): 35,
    }
    assert places(TRICKY) == wanted
    assert set(wanted) == set(keys_of(tomllib.loads(TRICKY)))


def keys_of(value: object, key: Key = ()) -> list[Key]:
    """Every key of a parsed document, and of each list its elements."""
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [key, *(found for name, each in pairs for found in keys_of(each, (*key, name)))]


NAMES = st.text("ab.\"'# =[]é\\-1", max_size=4)
TEXTS = st.text("ab\"'#=[]{}, \\\n\té", max_size=8)
BLANKS = st.sampled_from(["", " ", "\n", "  # ]\n", "\n# a = [1\n\t", "\t"])
Document = dict[str, Any]
SCALARS = TEXTS | st.integers() | st.booleans() | st.decimals(allow_nan=False, allow_infinity=False, places=3)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))


class Writer:
    """Writes a document as TOML in a drawn style, and remembers on which line each key began."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[Key, int] = {(): 1}

    def note(self, key: Key) -> None:
        self.lines.setdefault(key, self.text.count("\n") + 1)

    def name(self, name: str) -> str:
        if (
            name
            and all(sign.isascii() and (sign.isalnum() or sign == "-") for sign in name)
            and self.draw(st.booleans())
        ):
            return name
        if "'" not in name and self.draw(st.booleans()):
            return f"'{name}'"
        return msgspec.json.encode(name).decode()

    def string(self, text: str) -> str:
        styles = [msgspec.json.encode(text).decode(), '"""\n' + text.replace("\\", "\\\\").replace('"', '\\"') + '"""']
        if "'" not in text and "\n" not in text:
            styles.append(f"'{text}'")
        if "'''" not in text and not text.endswith("'''"):
            styles.append(f"'''\n{text}'''")
        return self.draw(st.sampled_from(styles))

    def value(self, value: object, key: Key) -> None:
        if isinstance(value, str):
            self.text += self.string(value)
        elif isinstance(value, list):
            self.text += "[" + self.draw(BLANKS)
            for at, each in enumerate(value):
                self.note((*key, at))
                self.value(each, (*key, at))
                self.text += self.draw(BLANKS) + ("," if at + 1 < len(value) or self.draw(st.booleans()) else "")
                self.text += self.draw(BLANKS)
            self.text += "]"
        elif isinstance(value, dict):
            self.text += "{ "
            for at, (name, each) in enumerate(value.items()):
                self.text += ", " if at else ""
                self.pair(name, each, key)
            self.text += " }"
        else:
            self.text += (
                str(value).lower()
                if isinstance(value, bool)
                else f"{value:f}"
                if isinstance(value, Decimal)
                else str(value)
            )

    def pair(self, name: str, value: object, key: Key) -> None:
        self.note((*key, name))
        self.text += self.name(name)
        key = (*key, name)
        # A table of one key can be a dotted key.
        while isinstance(value, dict) and len(value) == 1 and self.draw(st.booleans()):
            ((name, value),) = value.items()
            self.lines.setdefault((*key, name), self.lines[key])
            self.text += f" . {self.name(name)}"
            key = (*key, name)
        self.text += " = "
        self.value(value, key)

    def table(self, document: Document, key: Key) -> None:
        """Pairs first, then tables and lists of tables under headers of their own."""
        later: list[tuple[str, Any]] = []
        for name, value in document.items():
            is_tables = isinstance(value, list) and value and all(isinstance(each, dict) for each in value)
            if (isinstance(value, dict) or is_tables) and self.draw(st.booleans()):
                later.append((name, value))
            else:
                self.pair(name, value, key)
                self.text += self.draw(st.sampled_from(["\n", " # [x]\n", "\n\n"]))
        for name, value in later:
            header = ".".join(self.name(part) for part in (*key, name) if isinstance(part, str))
            for at, each in enumerate(value if isinstance(value, list) else [value]):
                inner = (*key, name, at) if isinstance(value, list) else (*key, name)
                self.note((*key, name))
                self.note(inner)
                self.text += f"[[{header}]] # [\n" if isinstance(value, list) else f"[ {header} ]\n"
                self.table(each, inner)


@st.composite
def written(draw: st.DrawFn) -> tuple[Document, str, dict[Key, int]]:
    document = draw(st.dictionaries(NAMES, VALUES, max_size=4))
    writer = Writer(draw)
    writer.table(document, ())
    return document, writer.text, writer.lines


@given(written())
def test_lines_of_any_document(found: tuple[Document, str, dict[Key, int]]) -> None:
    document, text, lines = found
    assert tomllib.loads(text, parse_float=Decimal) == document
    assert places(text) == lines


def test_a_key_as_people_write_it() -> None:
    assert dotted(("account", 2, "leverage")) == "account[2].leverage"
    assert dotted(("a b", "", "c-d", 0, 1)) == '"a b"."".c-d[0][1]'
    assert dotted(()) == ""


def test_bounds_in_words() -> None:
    bounds = Bounds(above=Decimal(0), below=Decimal(1))
    assert str(bounds) == " above 0 and below 1"
    assert [bounds.hold(Decimal(each)) for each in ("0", "0.5", "1")] == [False, True, False]
    assert str(Bounds()) == ""


# --- spans of time, rules about inner keys, what shows later ---------------------------------------------------


class Plan(Struct, kw_only=True):
    wait: SpanMs = SpanMs(0)
    stages: list[tuple[SpanMs, Positive]] = []

    def __post_init__(self) -> None:
        if any(at > self.wait for at, _ in self.stages):
            raise ValueError("stages[0][1]: expected less")


@pytest.mark.parametrize(
    ("text", "span"),
    [("250ms", 250), ("90s", 90_000), ("1h30m", 5_400_000), ("2d", 172_800_000), ("1m1ms", 60_001), ("0s", 0)],
)
def test_spans_of_time(text: str, span: int) -> None:
    assert load(f'wait = "{text}"', Plan).wait == span
    assert load("", Plan, environ={"MARGINCALL__WAIT": text}).wait == span


@pytest.mark.parametrize(
    "text", ['""', '"90"', "90", '"1.5h"', '"1h 30m"', '"-1s"', '"1w"', '"s"', '"\u0661s"', "true"]
)
def test_what_is_no_span_of_time(text: str) -> None:
    with pytest.raises(ConfigError, match="like 90s, 10m or 1h30m, found"):
        load(f"wait = {text}", Plan)


def test_a_rule_of_a_struct_can_name_an_inner_key() -> None:
    with pytest.raises(ConfigError) as caught:
        load('wait = "1s"\nstages = [\n  ["2s", 1],\n]', Plan, name="x.toml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.key, problem.message) == (3, "stages[0][1]", "expected less")


def test_what_shows_later_gets_its_line(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text('wait = "1s"\nstages = [["1s", 1]]\n')
    mistakes: list[tuple[Key, str]] = [(("stages", 0), "expected more"), (("wait",), "expected patience")]
    with pytest.raises(ConfigError) as caught, located(file):
        raise Misplaced(mistakes)
    assert [(each.line, each.key) for each in caught.value.problems] == [(1, "wait"), (2, "stages[0]")]
    assert str(Misplaced(mistakes)) == "stages[0]: expected more\nwait: expected patience"
    assert Misplaced(mistakes).exit_code == USAGE
