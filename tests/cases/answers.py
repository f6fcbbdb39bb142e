"""What the package says of a case, every term as a line: block name -> path -> value.

A state gives full sheets. A history or files go the whole way: read, explain, document; the document is flattened, and
completed by the bankruptcy price under each split and by the books at the end.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from margincall.core.account import SIDES, Account, AssetIndex, Marks, Position
from margincall.core.assumptions import Assumptions
from margincall.core.brackets import Bracket, BracketTable
from margincall.core.contract import value
from margincall.core.fold import open_account
from margincall.core.margin import PoolTerms, PositionTerms, margin
from margincall.core.prices import Interval, PositionPrices, bankruptcy, collateral_interval, prices
from margincall.core.remedy import Close, remedy
from margincall.core.rounding import exact, plain
from margincall.core.rules import VenueRules
from margincall.core.units import Price, Quantity
from margincall.forensics.document import document
from margincall.forensics.explain import Case as Explained
from margincall.forensics.explain import Explained as Whole
from margincall.forensics.explain import explain
from margincall.forensics.reconstruct import Reconstruction
from margincall.history.read import History, read
from margincall.venues.book import BracketBook, DatedTable, book_of, combine
from margincall.venues.embedded import embedded_book
from margincall.venues.registry import contract_of, rules_of, venue_of
from margincall.wire.problems import Problem
from tests.cases.text import BadCase, Case
from tests.cases.trader import Action, Table, actions, tables
from tests.cases.venue import rendered

Answers = dict[str, dict[str, str]]
SPLITS: tuple[Assumptions, ...] = (
    Assumptions(bankruptcy_split="maintenance"),
    Assumptions(bankruptcy_split="notional"),
    Assumptions(bankruptcy_split="whole"),
)
TARGET = "0.8"


def answers(case: Case, folder: Path) -> Answers:
    """What the package says of a case; files that it needs are written into `folder`."""
    if case.given.name.startswith("state"):
        account, marks, rules, target = state(case)
        return sheet(account, marks, rules, target)
    history, whole = explained(case, folder)
    found = flat(document(whole, problems=history.problems), whole, history.problems)
    if case.is_history and whole.history is not None:
        found |= sheets(case, whole.history)
        found |= {"books": books(whole.history)}
    return found


def written_files(case: Case, folder: Path) -> Path:
    """The files of a case, in a folder of their own."""
    place = folder / case.name
    place.mkdir(exist_ok=True)
    if case.is_history:
        (place / "stream.jsonl").write_bytes(rendered(case))
    for name, text in verbatim(case).items():
        (place / name).write_text(text, encoding="utf-8")
    return place


def verbatim(case: Case) -> dict[str, str]:
    """The files that a case holds word for word: `file NAME`, then the content, indented."""
    found: dict[str, str] = {}
    name = ""
    for line in case.given.lines if case.given.name == "files" else ():
        if line.text.startswith("file "):
            name = line.text.removeprefix("file ")
            found[name] = ""
        elif not name or not (line.text.startswith("  ") or not line.text):
            raise BadCase(f"{case.name}.case:{line.number}: content stands indented under `file NAME`")
        else:
            found[name] += line.text.removeprefix("  ") + "\n"
    return found


def explained(case: Case, folder: Path) -> tuple[History, Whole]:
    """The values behind the answers to a history."""
    history = read([written_files(case, folder)])
    return history, explain(history.events, combine([book(case), book_of(history.tables)]))


def book(case: Case) -> BracketBook:
    """The tables of the package, and those that the case writes out."""
    own = [DatedTable(_table(table), venue_of(table.symbol)) for table in tables(case) if not table.embedded]
    return combine([embedded_book(), book_of(own)])


def _table(table: Table) -> BracketTable:
    rows = tuple(
        Bracket(number, *map(Decimal, row[:4]), int(row[4]) if len(row) > 4 else None)
        for number, row in enumerate(table.rows, 1)
    )
    return BracketTable(table.symbol, rows, table.as_of, "the case", f"{table.symbol} {table.as_of}")


# --- sheets -------------------------------------------------------------------------------------------------


@exact
def state(case: Case) -> tuple[Account, Marks, VenueRules, Decimal]:
    """The account that a state tells. Its wallets are cross wallets; an isolated wallet comes on top."""
    found = actions(case)
    wallets: dict[str, Decimal] = {}
    positions = []
    for action in found:
        if action.verb == "wallet":
            wallets[action["asset"]] = Decimal(action["amount"])
        elif action.verb == "position":
            position = _position(action)
            positions.append(position)
            asset = contract_of(position.symbol).margin_asset
            wallets[asset] = wallets.get(asset, Decimal(0)) + position.isolated_wallet
    symbols = sorted({position.symbol for position in positions})
    contracts = {symbol: contract_of(symbol) for symbol in symbols}
    multi = any(action.verb == "multi-assets" for action in found)
    account = open_account(wallets, tuple(positions), contracts=contracts, multi_assets=multi)
    rates = {action.verb: action for action in found if action.verb in ("taker", "sheet")}
    rules = _rules(case, symbols, case.given.name.partition(" ")[2])
    if "taker" in rates:
        taker = Decimal(rates["taker"]["rate"])
        rules = replaced_taker(rules, taker)
    target = Decimal(rates["sheet"]["target"]) if "sheet" in rates else Decimal(TARGET)
    return account, _marks(found), rules, target


def replaced_taker(rules: VenueRules, taker: Decimal) -> VenueRules:
    """The rules with another taker fee rate."""
    fees = type(rules.fees)(maker=rules.fees.maker, taker=taker)
    return VenueRules(rules.venue, rules.contracts, rules.tables, fees, rules.assumptions)


def _position(action: Action) -> Position:
    symbol, side = action.key
    quantity = Quantity(Decimal(action["quantity"]) * (1 if action["direction"] == "long" else -1))
    return Position(
        symbol,
        SIDES[side],
        quantity=quantity,
        cost=value(contract_of(symbol), quantity, Price(Decimal(action["entry"]))),
        margin="isolated" if action["pool"] == "isolated" else "cross",
        isolated_wallet=Decimal(action.get("wallet", "0")),
    )


def _marks(found: Iterable[Action]) -> Marks:
    price: dict[str, Decimal] = {}
    indices: dict[str, AssetIndex] = {}
    for action in found:
        if action.verb == "mark":
            price[action["symbol"]] = Decimal(action["price"])
        elif action.verb == "index":
            indices[action["asset"]] = AssetIndex(*(Decimal(action[name]) for name in ("index", "bid", "ask")))
    return Marks(price, indices)


def _rules(case: Case, symbols: list[str], day: str) -> VenueRules:
    """The rules of a day. The tables that a case names must be those in force: readers see which they are."""
    known = book(case)
    chosen = {symbol: known.select(symbol, day).table for symbol in symbols}
    named = {table.symbol: table.as_of for table in tables(case)}
    in_force = {symbol: table.as_of for symbol, table in chosen.items() if table is not None}
    if named != in_force:
        raise BadCase(f"{case.name}.case names {named}, in force on {day} are {in_force}")
    return rules_of(venue_of(symbols[0]), symbols, {s: t for s, t in chosen.items() if t is not None}, day=day)


@exact
def sheets(case: Case, history: Reconstruction) -> Answers:
    """The full sheets that a history asks for, each at its moment."""
    found: Answers = {}
    asked = [action for action in actions(case) if action.verb == "sheet"]
    for number, action in enumerate(asked, 1):
        place = sum(1 for event in history.events if event.time_ms < action.time_ms)
        account = history.timeline.before(place)
        symbols = [position.symbol for position in account.open_positions()]
        here = sheet(
            account, history.marks.at(symbols, place), history.rules_at(action.time_ms), Decimal(action["target"])
        )
        found |= {f"sheet {number}, {name}": lines for name, lines in here.items()}
    return found


def sheet(account: Account, marks: Marks, rules: VenueRules, target: Decimal) -> Answers:
    """Everything about a state: each pool, each position, and what would bring the pool to the target."""
    terms = margin(account, marks, rules)
    known = {(each.symbol, each.side): each for each in prices(terms, marks, rules)}
    found: Answers = {}
    for pool in terms.pools:
        ways = remedy(pool, rules.fees.taker, rules.assumptions, target=target)
        found[f"pool {pool.name}"] = _pool_lines(pool, rules) | {
            f"add {asset}": text(amount) for asset, amount in ways.add.items()
        }
        for position, close in zip(pool.positions, ways.close, strict=True):
            lines = _position_lines(pool, position, known[position.symbol, position.side], close)
            found[f"position {position.symbol} {position.side}"] = lines
    return found


def _pool_lines(pool: PoolTerms, rules: VenueRules) -> dict[str, str]:
    names = ("wallet", "unrealized", "balance", "maintenance", "ratio", "liquidated")
    lines = {name: text(getattr(pool, name)) for name in names}
    for asset in pool.assets if pool.kind == "multi" else ():
        ends = collateral_interval(pool, asset.asset, rules.assumptions)
        lines |= {f"collateral {asset.asset} {name}": text(getattr(ends, name)) for name in Interval.__struct_fields__}
    return lines


def _position_lines(pool: PoolTerms, terms: PositionTerms, found: PositionPrices, close: Close) -> dict[str, str]:
    lines = {name: text(getattr(terms, name)) for name in ("quantity", "entry", "mark")}
    lines |= {name: text(getattr(terms, name)) for name in ("notional", "unrealized", "maintenance")}
    lines |= {"rate": text(terms.bracket.rate), "cum": text(terms.bracket.cum)}
    lines |= {name: text(getattr(found.liquidation, name)) for name in Interval.__struct_fields__}
    if found.moving is not None:
        lines |= {f"moving.{name}": text(getattr(found.moving, name)) for name in Interval.__struct_fields__}
    lines |= {"displayed": text(found.displayed), "break_even": text(found.break_even)}
    lines |= {f"bankruptcy.{each.bankruptcy_split}": text(bankruptcy(pool, terms, each)) for each in SPLITS}
    return lines | {f"close.{name}": text(getattr(close, name)) for name in ("quantity", "price", "fee")}


# --- documents ----------------------------------------------------------------------------------------------


def flat(found: dict[str, Any], whole: Whole, problems: Iterable[Problem]) -> Answers:
    """The blocks of a document: each liquidation, and what is said of the files as a whole."""
    lines: Answers = {}
    for number, each in enumerate(found["liquidations"], 1):
        lines[f"liquidation {number}"] = dict(_liquidation(each)) | splits(whole.cases[number - 1])
    rest = {"liquidations": text(len(found["liquidations"])), **_listed("findings", map(_finding, found["findings"]))}
    rest |= dict(_leaves("standing", found["standing"]))
    rest |= _listed("refused", found["refused"]) | _listed("unknown_symbols", found["unknown_symbols"])
    rest |= _listed("problems", [f"{each.kind} | {each.place} | {each.message}" for each in problems])
    return lines | {"the rest": rest}


def _liquidation(each: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for name, said in each.items():
        if name == "time_ms":
            yield "time", moment(said)
        elif name == "waterfall":
            yield from _listed(name, [f"{s['step']} | {s['amount']} {s['asset']} | {s['to']}" for s in said]).items()
        elif name == "cause":
            yield from {f"cause {term['term']}": text(term["amount"]) for term in said}.items()
        elif name == "cause_since":
            since = {key: part for key, part in (said or {}).items() if key != "terms"}
            since |= {"since_ms": moment(since["since_ms"])} if since else {}
            yield from _leaves(name, since or None)
        elif name == "findings":
            yield from _listed(name, map(_finding, said)).items()
        elif name == "unknown":
            yield name, ", ".join(entry["term"] for entry in said) or "nothing"
        elif name == "assumptions":
            yield name, ", ".join(said) or "none"
        else:
            yield from _leaves(name, said)


def _finding(each: dict[str, Any]) -> str:
    """A finding without its rule and source, which are prose and place."""
    numbers = f"printed {text(each['printed'])}, derived {text(each['derived'])}, amount {text(each['amount'])}"
    resting = f" | {', '.join(each['assumptions'])}" if each["assumptions"] else ""
    return f"{each['kind']} {each['verdict']} | {each['about']} | {numbers}{resting}"


def _listed(name: str, values: Iterable[str]) -> dict[str, str]:
    """`name 1`, `name 2`, …; `name = none` for an empty list."""
    return {f"{name} {number}": value for number, value in enumerate(values, 1)} or {name: "none"}


def _leaves(path: str, value: Any) -> Iterable[tuple[str, str]]:
    """A value of the document as lines, one for each leaf."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from _leaves(f"{path}.{name}", part)
    elif isinstance(value, list) and value:
        for number, part in enumerate(value, 1):
            yield from _leaves(f"{path} {number}", part)
    else:
        yield path, text(value) if value != [] and value != {} else "none"


def splits(case: Explained) -> dict[str, str]:
    """The bankruptcy price under each split; null where it is not known."""
    found: dict[str, str] = {}
    for each in SPLITS:
        price = None
        here = case.moment
        if here is not None and here.pool is not None and here.own is not None and here.own_mark_known:
            price = bankruptcy(here.pool, here.own, each)
        found[f"splits.{each.bankruptcy_split}"] = text(price)
    return found


def books(history: Reconstruction) -> dict[str, str]:
    """How much was compared, and how the account stands at the end."""
    lines: dict[str, str] = {}
    for table in ("applied", "derived"):
        part = [each for each in history.compared.comparisons if each.counted and each.table == table]
        equal = sum(history.compared.equal.values()) if table == "derived" else 0
        agree, counted = sum(each.agrees for each in part) + equal, len(part) + equal
        lines[f"{table} values that agree"] = f"{agree} of {counted}"
    account = history.timeline.last
    lines |= {f"wallet {asset}": text(amount) for asset, amount in sorted(account.wallets.items())}
    lines |= {f"remainder {asset}": text(amount) for asset, amount in sorted(account.remainder.items())}
    for (symbol, side), position in sorted(account.positions.items()):
        lines[f"position {symbol} {side}"] = text(position.quantity)
    return lines


# --- values -------------------------------------------------------------------------------------------------


def moment(time_ms: int) -> str:
    """A time as a case writes it."""
    if not time_ms:
        return "null"
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{time_ms % 1000:03d}"


def text(value: object) -> str:
    """A value as a case writes it: decimals without exponent or trailing zeros, `null` for none, `""` for no text."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Decimal):
        return format(plain(value), "f") if value else "0"
    return re.sub(r"\s+", " ", str(value)) or '""'
