"""What the second implementation in `tests/oracle` says of a case: what a venue would print, and the answers.

The account is folded by `tests.oracle.fold` and evaluated by `tests.oracle.oracle`, from the same lines that a trader
reads; nothing of the package takes part. `python -m tests.cases.from_oracle` writes the answers into the `oracle`
blocks of the cases.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

from tests.cases.text import Block, Case, block_of, cases, load, save
from tests.cases.trader import Action, actions, tables
from tests.oracle.fold import Account, Book
from tests.oracle.oracle import ZERO, evaluate, exact_text, truncate

Key = tuple[str, str]
Answers = dict[str, dict[str, str]]
"""Block name -> path -> value."""
STEPS = {"BTCUSDT": ("0.1", "0.001"), "ETHUSDT": ("0.01", "0.001"), "BNBUSDT": ("0.01", "0.01"), "BTCUSD": ("0.1", "1")}
"""Tick and lot by pair."""
TAKER = "0.0005"
TARGET = "0.8"
AFTERMATH_MS = 60_000
INCIDENTS = ("liquidation", "deleveraging")
TRADES = ("trade", "filled", "unseen", "taken over")
FLOWS = {"deposit": 1, "withdraw": -1, "funding": 1, "clearance": -1, "made good": 1}
"""Lines that change a wallet by an amount, with its sign."""
CATEGORIES = {"funding": "funding", "clearance": "insurance_clear", "made good": "insurance_clear"}


@dataclass(frozen=True)
class Shown:
    """A position as the venue prints it. `unrealized` is none as long as no mark is known."""

    quantity: str
    entry: str
    realized: str
    unrealized: str | None
    margin: str
    isolated_wallet: str


@dataclass(frozen=True)
class Told:
    """A line, and what there is to print after it: wallets (whole and cross) by asset, positions, the profit
    of a fill."""

    action: Action
    wallets: dict[str, tuple[str, str]]
    positions: dict[Key, Shown]
    profit: str = "0"


@dataclass
class Ledger:
    """The oracle's account with what surrounds it: prices, orders, and the profit booked by each position."""

    account: Account
    marks: dict[str, str] = field(default_factory=dict)
    indices: dict[str, dict[str, str]] = field(default_factory=dict)
    orders: dict[str, Action] = field(default_factory=dict)
    realized: dict[Key, Fraction] = field(default_factory=dict)
    multi: bool = False
    taker: str = TAKER

    def take(self, action: Action) -> str:
        """Apply a line; the profit that it booked."""
        if action.verb == "mark":
            self.marks[action["symbol"]] = action["price"]
        elif action.verb == "index":
            self.indices[action["asset"]] = {name: action[name] for name in ("index", "bid", "ask")}
        elif action.verb == "multi-assets":
            self.multi = True
        elif action.verb in ("place", *INCIDENTS):
            self.orders[action["order"]] = action
        elif event := self.event(action):
            return self.apply(event)
        return "0"

    def apply(self, event: dict[str, str]) -> str:
        """Fold one event; the profit that it booked."""
        before = dict(self.account.booked)
        self.account.apply(event)
        gained = sum((amount - before.get(asset, ZERO) for asset, amount in self.account.booked.items()), ZERO)
        if event["kind"] == "fill":
            key = event["symbol"], event["side"]
            self.realized[key] = self.realized.get(key, ZERO) + gained
        return exact_text(gained)

    def event(self, action: Action) -> dict[str, str] | None:
        """The oracle's event of a line; none for one that changes nothing."""
        if action.verb in FLOWS:
            found = {"kind": "flow", "category": CATEGORIES.get(action.verb, "transfer"), "asset": action["asset"]}
            found["amount"] = exact_text(FLOWS[action.verb] * Fraction(action["amount"]))
            is_held = "symbol" in action.words and self.account.book(*action.key).quantity
            return {**found, "symbol": action.key[0], "side": action.key[1]} if is_held else found
        if action.verb == "margin":
            symbol, side = action.key
            return {"kind": "margin", "symbol": symbol, "side": side, "amount": action["amount"]}
        if action.verb == "leverage":
            return {"kind": "leverage", "symbol": action["symbol"], "leverage": action["leverage"]}
        if action.verb == "isolated":
            self.account.book(*action.key)
            return {"kind": "margin_type", "symbol": action["symbol"], "margin": "isolated"}
        return self.fill(action) if action.verb in TRADES else None

    def fill(self, action: Action) -> dict[str, str]:
        """The oracle's event of a trade; one of an order takes direction and position from it."""
        order = self.orders[action["order"]] if action.verb == "filled" else action
        symbol, side = order.key
        sign = "" if order["way"] == "buy" else "-"
        found = {"kind": "fill", "symbol": symbol, "side": side, "quantity": sign + action["quantity"]}
        found |= {"price": action["price"], "fee": action.get("fee", "0")}
        found |= {"fee_asset": action["fee_asset"]} if "fee_asset" in action.words else {}
        return found | ({"realized": action["profit"]} if "profit" in action.words else {})

    def shown(self) -> dict[Key, Shown]:
        """Every position that ever was, as the venue prints it."""
        return {key: self.position(key, book) for key, book in self.account.books.items()}

    def position(self, key: Key, book: Book) -> Shown:
        contract = self.account.contracts[key[0]]
        entry, places = ZERO, 8 if contract["kind"] == "inverse" else 5
        if book.quantity and contract["kind"] == "inverse":
            entry = book.quantity * Fraction(contract["contract_size"]) / book.cost
        elif book.quantity:
            entry = book.cost / book.quantity
        return Shown(
            quantity=exact_text(book.quantity),
            entry=exact_text(half_up(entry, places)),
            realized=exact_text(self.realized.get(key, ZERO)),
            unrealized=self.unrealized(key[0], book),
            margin="isolated" if self.account.is_isolated(key[0]) else "cross",
            isolated_wallet=exact_text(book.isolated_wallet),
        )

    def unrealized(self, symbol: str, book: Book) -> str | None:
        if symbol not in self.marks:
            return None
        worth = self.account.worth(symbol, book.quantity, Fraction(self.marks[symbol]))
        inverse = self.account.contracts[symbol]["kind"] == "inverse"
        return exact_text(truncate(book.cost - worth if inverse else worth - book.cost))

    def wallets(self) -> dict[str, tuple[str, str]]:
        """Wallet and cross wallet of each asset."""
        isolated: dict[str, Fraction] = {}
        for (symbol, _), book in self.account.books.items():
            asset = self.account.contracts[symbol]["margin_asset"]
            isolated[asset] = isolated.get(asset, ZERO) + book.isolated_wallet
        return {
            asset: (exact_text(amount), exact_text(amount - isolated.get(asset, ZERO)))
            for asset, amount in self.account.wallets.items()
        }

    def state(self, brackets: dict[str, list[tuple[str, ...]]], target: str) -> dict[str, object]:
        """The account as `evaluate` takes it."""
        held = {key: book for key, book in self.account.books.items() if book.quantity}
        return {
            "position_mode": "hedge" if any(side != "BOTH" for _, side in held) else "one_way",
            "asset_mode": "multi" if self.multi else "single",
            "contracts": self.account.contracts,
            "brackets": brackets,
            "wallets": {asset: cross for asset, (_, cross) in self.wallets().items()},
            "indices": self.indices,
            "positions": [self.held(key, book) for key, book in sorted(held.items())],
            "marks": {symbol: self.marks[symbol] for symbol, _ in held},
            "target": target,
            "taker": self.taker,
        }

    def held(self, key: Key, book: Book) -> dict[str, str]:
        symbol, side = key
        margin = "isolated" if self.account.is_isolated(symbol) else "cross"
        wallet = exact_text(book.isolated_wallet)
        found = {"symbol": symbol, "side": side, "margin": margin, "isolated_wallet": wallet}
        return {**found, "quantity": exact_text(book.quantity), "cost": exact_text(book.cost)}


def half_up(number: Fraction, places: int) -> Fraction:
    """Nearest multiple of 1e-places, ties upwards (prices are positive)."""
    return Fraction((number * 10**places + Fraction(1, 2)).__floor__(), 10**places)


def contract(symbol: str) -> dict[str, str]:
    """The oracle's contract of a symbol: inverse if its name ends in an expiry or PERP."""
    pair, _, expiry = symbol.partition("_")
    inverse = bool(expiry)
    base = pair.removesuffix("USD") if inverse else pair.removesuffix("USDT")
    tick, lot = STEPS[pair]
    size = ("100" if base == "BTC" else "10") if inverse else "1"
    kind, asset = ("inverse", base) if inverse else ("linear", "USDT")
    return {"kind": kind, "base": base, "margin_asset": asset, "tick": tick, "lot": lot, "contract_size": size}


def ledger(found: list[Action]) -> Ledger:
    """An empty account that knows the contracts of these lines."""
    symbols = {action["symbol"] for action in found if "symbol" in action.words}
    contracts = {symbol: contract(symbol) for symbol in sorted(symbols)}
    taker = next((action["rate"] for action in found if action.verb == "taker"), TAKER)
    return Ledger(Account(contracts, {}, taker, "20", "cross"), taker=taker)


def told(case: Case) -> Iterator[Told]:
    """Each line of a history with what a venue prints after it."""
    found = actions(case)
    here = ledger(found)
    for action in found:
        profit = here.take(action)
        yield Told(action, here.wallets(), here.shown(), profit)


def answers(case: Case) -> Answers:
    """What the oracle says of a case: all of its sheets and, of a history, each liquidation."""
    if case.given.name.startswith("files"):
        return {}
    return _of_history(case) if case.is_history else _of_state(case)


def _of_state(case: Case) -> Answers:
    found = actions(case)
    here = ledger(found)
    target = TARGET
    for action in found:
        if action.verb == "wallet":
            here.account.wallets[action["asset"]] = Fraction(action["amount"])
        elif action.verb == "position":
            _open(here, action)
        elif action.verb == "sheet":
            target = action["target"]
        else:
            here.take(action)
    return sheet(here.state(_brackets(case), target))


def _open(here: Ledger, action: Action) -> None:
    """A position at its entry. What is told as the wallet is the cross wallet; an isolated one comes on top."""
    book = here.account.book(*action.key)
    asset = here.account.contracts[action["symbol"]]["margin_asset"]
    book.quantity = Fraction(action["quantity"]) * (1 if action["direction"] == "long" else -1)
    book.cost = here.account.worth(action["symbol"], book.quantity, Fraction(action["entry"]))
    if action["pool"] == "isolated":
        here.account.margins[action["symbol"]] = "isolated"
        book.isolated_wallet = Fraction(action["wallet"])
        here.account.wallets[asset] = here.account.wallets.get(asset, ZERO) + book.isolated_wallet


def _of_history(case: Case) -> Answers:
    found = actions(case)
    here = ledger(found)
    brackets = _brackets(case)
    known: Answers = {}
    incidents: list[Action] = []
    sheets = 0
    for action in found:
        if action.verb == "sheet":
            sheets += 1
            state = here.state(brackets, action["target"])
            known |= {f"sheet {sheets}, {name}": lines for name, lines in sheet(state).items()}
        elif begins(action, incidents):
            incidents.append(action)
            known[f"liquidation {len(incidents)}"] = verdict(here.state(brackets, TARGET), action.key)
        here.take(action)
    return known


def begins(action: Action, incidents: list[Action]) -> bool:
    """Whether a line is the first of a liquidation: an order of the venue, or a trace of one that nobody saw."""
    if action.verb in ("unseen", "taken over"):
        near = [each for each in incidents if action.time_ms - each.time_ms <= AFTERMATH_MS]
        return not any(each["symbol"] == action["symbol"] for each in near)
    return action.verb in INCIDENTS


def _brackets(case: Case) -> dict[str, list[tuple[str, ...]]]:
    return {table.symbol: [row[:4] for row in table.rows] for table in tables(case)}


def verdict(state: dict[str, object], key: Key) -> dict[str, str]:
    """The oracle's part of the sheet of one liquidation, by the names of the answer."""
    for pool in evaluate(state)["pools"]:
        for position in pool["positions"]:
            if (position["symbol"], position["side"]) == key:
                found = {
                    "verdict.liquidated": pool["liquidated"],
                    "verdict.wallet_balance": pool["wallet"],
                    "verdict.unrealized_pnl": pool["unrealized_pnl"],
                    "verdict.margin_balance": pool["balance"],
                    "verdict.maintenance_margin": pool["maintenance"],
                    "verdict.margin_ratio": pool["ratio"],
                    "prices.liquidation.lower": position["interval"]["lower"],
                    "prices.liquidation.upper": position["interval"]["upper"],
                    "prices.liquidation.displayed": position["displayed"],
                    "prices.liquidation.empty": position["interval"]["empty"],
                    "prices.bankruptcy": position["bankruptcy"]["maintenance"],
                    "bracket.notional": position["notional"],
                    "bracket.rate": position["rate"],
                    "bracket.cum": position["cum"],
                }
                found |= {f"splits.{split}": price for split, price in position["bankruptcy"].items()}
                return {path: text(value) for path, value in found.items()}
    raise AssertionError(f"{key} is not open")


def sheet(state: dict[str, object]) -> Answers:
    """The oracle's part of the full sheet of a state."""
    found: Answers = {}
    for pool in evaluate(state)["pools"]:
        names = {"wallet": "wallet", "unrealized": "unrealized_pnl", "balance": "balance", "maintenance": "maintenance"}
        lines = {path: text(pool[name]) for path, name in names.items()}
        lines |= {"ratio": text(pool["ratio"]), "liquidated": text(pool["liquidated"])}
        lines |= {f"add {asset}": text(amount) for asset, amount in pool["remedy"]["add"].items()}
        for asset, ends in pool.get("collateral", {}).items():
            lines |= {f"collateral {asset} {end}": text(value) for end, value in ends.items()}
        found[f"pool {pool['name']}"] = lines
        for position, close in zip(pool["positions"], pool["remedy"]["close"], strict=True):
            found[f"position {position['symbol']} {position['side']}"] = _position(position, close)
    return found


def _position(position: dict[str, object], close: dict[str, object]) -> dict[str, str]:
    names = {"notional": "notional", "unrealized": "unrealized_pnl", "maintenance": "maintenance"}
    lines = {path: text(position[name]) for path, name in names.items()}
    lines |= {name: text(position[name]) for name in ("rate", "cum")}
    for name, prefix in (("interval", ""), ("moving", "moving.")):
        ends = position[name]
        assert ends is None or isinstance(ends, dict)
        lines |= {f"{prefix}{end}": text(value) for end, value in (ends or {}).items()}
    lines["displayed"] = text(position["displayed"])
    splits = position["bankruptcy"]
    assert isinstance(splits, dict)
    lines |= {f"bankruptcy.{split}": text(price) for split, price in splits.items()}
    return lines | {"close.quantity": text(close["quantity"]), "close.price": text(close["price"])}


def text(value: object) -> str:
    """A value as cases write it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def with_answers(case: Case) -> Case:
    """The case with the oracle's blocks as the oracle has them; a new one stands before the first `expect`."""
    known = answers(case)
    blocks: list[Block] = []
    for block in case.blocks:
        if block.kind == "oracle":
            block = replace(block_of("oracle", block.name, known.pop(block.name)), comment=block.comment)
        blocks.append(block)
    place = next((number for number, block in enumerate(blocks) if block.kind == "expect"), len(blocks))
    blocks[place:place] = [block_of("oracle", name, lines) for name, lines in known.items()]
    return replace(case, blocks=tuple(blocks))


def main() -> None:
    """Write the oracle's answers into the cases named, or into all."""
    for case in [load(name) for name in sys.argv[1:]] or cases():
        save(with_answers(case))


if __name__ == "__main__":
    main()
