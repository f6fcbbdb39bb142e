"""The plain rows of long exports, read quickly. What is not plain is left to `wire/export_rows.py`, which defines what
a row means: a fast reader gives exactly what the careful one gives, or raises one of `NOT_PLAIN`.

Plain is: as many cells as headings, a time in whole seconds of an hour that was read before, a symbol, asset and word
that were read before, and numbers of digits, one point and a minus sign. Nothing is looked up by name. Words that stand
in every row (`intern`), and equal amounts of one row, are kept once: of a million rows that is a tenth of the memory.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from sys import intern

from msgspec import Struct

from margincall.core.events import AnyEvent, Fill, Flow, Order, Source
from margincall.core.units import ZERO
from margincall.venues.registry import contract_of
from margincall.wire.api import with_placing
from margincall.wire.clock import IN_HOUR, Clock
from margincall.wire.export_keys import OPERATIONS, TRANSACTION_TYPES, WALLETS, normal
from margincall.wire.export_rows import POSITION_SIDES, account_name
from margincall.wire.kinds import CREDIT_ASSETS, INCOME_KINDS
from margincall.wire.numbers import AMOUNT_DIGITS
from margincall.wire.reading import close_kind
from margincall.wire.row import BOUGHT

NOT_PLAIN = (KeyError, ValueError, IndexError, InvalidOperation)
"""What a fast reader raises for a row that it leaves to the careful one."""
FastReader = Callable[[list[str], int], "AnyEvent | list[AnyEvent] | None"]
"""Cells and line of a row -> its event, or events; none for a row that says nothing about the account."""

NUMBER_SIGNS = "0123456789.-"
NO_ID = frozenset({"0", "-1", "-", "--"})
NO_WORD = frozenset({"-", "--"})
NO_AMOUNTS: Mapping[str, Decimal] = {}
"""Shared by all fills and orders: a million empty mappings would take 64 MB."""
FLAGS = {"true": True, "false": False, "TRUE": True, "FALSE": False}
SIDES = {spelled: side for word, side in POSITION_SIDES.items() for spelled in (word, word.title())}
TRADE_CELLS = ("time", "symbol", "buy", "price", "quantity", "fee", "realized")
TRANSACTION_CELLS = ("time", "type", "amount", "asset", "symbol", "tran_id")
ORDER_CELLS = (
    *("account", "time", "update_time", "symbol", "type", "buy", "side"),
    *("price", "average_price", "quantity", "executed", "executed_value", "stop_price"),
)
TEXTS = ("status", "client_order_id", "time_in_force", "order_id")
STATEMENT_CELLS = ("time", "wallet", "operation", "asset", "amount")


class Words(Struct, frozen=True):
    """The words of a file that a careful reader has accepted, each kept once however often it stands in the file."""

    symbols: dict[str, str]
    assets: dict[str, str]
    accounts: dict[str, str]

    def learn(self, event: AnyEvent) -> None:
        """Remember the words of an accepted event."""
        self.accounts.setdefault(event.account, event.account)
        for asset in event.applied:
            self.assets.setdefault(asset, asset)
        if isinstance(event, Fill | Flow | Order) and event.symbol:
            self.symbols.setdefault(event.symbol, event.symbol)
        if isinstance(event, Fill) and event.fee_asset:
            self.assets.setdefault(event.fee_asset, event.fee_asset)


class Bound(Struct):
    """A file's columns, bound once: our name -> place of the cell. `left_out` counts rows by the foreign account."""

    file: str
    width: int
    places: Mapping[str, int]
    clock: Clock
    words: Words
    left_out: Counter[str]

    def place(self, name: str) -> int:
        """The place of a column, −1 where the file has none."""
        return self.places.get(name, -1)

    def cells(self, names: tuple[str, ...]) -> Callable[[list[str]], tuple[str, ...]]:
        """What picks these columns out of a row."""
        return itemgetter(*(self.places[name] for name in names))


def trades(bound: Bound) -> FastReader:
    """Plain rows of the trade history -> `Fill`."""
    width, file, hours = bound.width, bound.file, bound.clock.hours
    symbols, assets, accounts = bound.words.symbols, bound.words.assets, bound.words.accounts
    pick = bound.cells(TRADE_CELLS)
    account_at, side_at, maker_at = bound.place("account"), bound.place("side"), bound.place("maker")
    asset_at, trade_at, order_at = bound.place("fee_asset"), bound.place("trade_id"), bound.place("order_id")

    def read(row: list[str], line: int) -> Fill:
        if len(row) != width:
            raise ValueError
        time, symbol, word, price_text, quantity_text, fee_text, realized_text = pick(row)
        fee_text, _, asset = fee_text.partition(" ")
        if (price_text + quantity_text + fee_text + realized_text).strip(NUMBER_SIGNS):
            raise ValueError
        if len(price_text) > AMOUNT_DIGITS or len(quantity_text) > AMOUNT_DIGITS:
            raise ValueError
        if len(fee_text) > AMOUNT_DIGITS or len(realized_text) > AMOUNT_DIGITS:
            raise ValueError
        price, quantity, fee = Decimal(price_text), Decimal(quantity_text), Decimal(fee_text)
        if not price or not quantity or price_text[0] == "-" or quantity_text[0] == "-" or fee_text[0] == "-":
            raise ValueError
        trade_id = row[trade_at].strip() if trade_at >= 0 else ""
        order_id = row[order_at].strip() if order_at >= 0 else ""
        return Fill(
            time_ms=hours[time[:-5]] + IN_HOUR[time[-5:]],
            source=Source(file, line),
            account=accounts[row[account_at]] if account_at >= 0 else "",
            applied=NO_AMOUNTS,
            symbol=symbols[symbol],
            side=SIDES[row[side_at]] if side_at >= 0 else "BOTH",
            quantity=quantity if BOUGHT[word] else quantity.copy_negate(),
            price=price,
            trade_id="" if trade_id in NO_ID else trade_id,
            order_id="" if order_id in NO_ID else order_id,
            fee=fee,
            fee_asset=assets[asset or row[asset_at]] if asset or asset_at >= 0 else None,
            realized=ZERO if realized_text == "0" else Decimal(realized_text),
            maker=FLAGS[row[maker_at]] if maker_at >= 0 else None,
        )

    return read


def orders(bound: Bound) -> FastReader:
    """Plain rows of the order history -> `Order`. Where columns are missing the careful reader reads all."""
    width, file, hours = bound.width, bound.file, bound.clock.hours
    symbols, accounts = bound.words.symbols, bound.words.accounts
    is_whole = all(name in bound.places for name in (*ORDER_CELLS, *TEXTS))
    pick = bound.cells(ORDER_CELLS) if is_whole else None
    text_at = [bound.place(name) for name in TEXTS]

    linear: dict[str, bool] = {}

    def read(row: list[str], line: int) -> Order | list[AnyEvent]:
        if len(row) != width or pick is None:
            raise ValueError
        account, created, updated, symbol, kind, word, side, *numbers = pick(row)
        texts = [row[place] for place in text_at]
        if "".join(numbers).strip(NUMBER_SIGNS) or max(map(len, numbers)) > AMOUNT_DIGITS:
            raise ValueError
        price_text, average_text, quantity_text, executed_text, worth_text, stop_text = numbers
        price, quantity, worth, stop = map(Decimal, (price_text, quantity_text, worth_text, stop_text))
        average = price if average_text == price_text else Decimal(average_text)
        executed = quantity if executed_text == quantity_text else Decimal(executed_text)
        placed_ms = hours[created[:-5]] + IN_HOUR[created[-5:]]
        is_linear = linear.get(symbol)
        if is_linear is None:
            is_linear = linear[symbol] = not contract_of(symbols[symbol]).is_inverse
        status, client, force, order_id = map(str.strip, texts)
        if not (order_id and kind.isupper() and status.isupper()) or client in NO_WORD or force in NO_WORD:
            raise ValueError
        found = Order(
            time_ms=hours[updated[:-5]] + IN_HOUR[updated[-5:]],
            source=Source(file, line),
            account=accounts[account],
            applied=NO_AMOUNTS,
            symbol=symbols[symbol],
            side=SIDES[side],
            order_id="" if order_id in NO_ID else order_id,
            client_order_id=client,
            status=intern(status),
            execution="",
            order_type=intern(kind.strip()),
            time_in_force=intern(force),
            buy=BOUGHT[word],
            quantity=quantity,
            price=price or ZERO,
            stop_price=stop or None,
            average_price=average or None,
            executed=executed or ZERO,
            executed_value=(worth or None) if is_linear else None,
            close=close_kind(client, kind),
        )
        return with_placing(found, placed_ms) if placed_ms < found.time_ms else found

    return read


def transactions(bound: Bound) -> FastReader:
    """Plain rows of the transaction history -> `Flow`."""
    width, file, hours = bound.width, bound.file, bound.clock.hours
    symbols, assets = bound.words.symbols, bound.words.assets
    pick = bound.cells(TRANSACTION_CELLS)
    categories = {kind: found for kind, found in TRANSACTION_TYPES.items() if kind not in INCOME_KINDS}

    def read(row: list[str], line: int) -> Flow:
        if len(row) != width:
            raise ValueError
        time, kind, text, asset, symbol, tran_id = pick(row)
        if len(text) > AMOUNT_DIGITS or text.strip(NUMBER_SIGNS) or asset in CREDIT_ASSETS:
            raise ValueError
        tran_id = tran_id.strip()
        return Flow(
            time_ms=hours[time[:-5]] + IN_HOUR[time[-5:]],
            source=Source(file, line),
            applied={assets[asset]: Decimal(text)},
            category=categories[kind],
            reason=intern(kind),
            symbol=symbols[symbol] if symbol else "",
            tran_id="" if tran_id in NO_ID else tran_id,
        )

    return read


def statements(bound: Bound) -> FastReader:
    """Plain rows of "all statements" -> `Flow`, those of other accounts counted."""
    width, file, hours, assets = bound.width, bound.file, bound.clock.hours, bound.words.assets
    pick = bound.cells(STATEMENT_CELLS)
    account_at, accounts = bound.place("account"), bound.words.accounts
    wallets: dict[str, str] = {}
    names: dict[tuple[str, str], str] = {}

    def read(row: list[str], line: int) -> Flow | None:
        if len(row) != width:
            raise ValueError
        time, place, operation, asset, text = pick(row)
        wallet = wallets.get(place)
        if wallet is None:
            wallet = wallets[place] = WALLETS.get(normal(place), "")
        if not wallet:
            bound.left_out[place] += 1
            return None
        if len(text) > AMOUNT_DIGITS or text.strip(NUMBER_SIGNS) or asset in CREDIT_ASSETS:
            raise ValueError
        user = row[account_at] if account_at >= 0 else ""
        account = names.get((user, wallet))
        if account is None:
            account = names[user, wallet] = accounts[account_name(user, wallet)]
        return Flow(
            time_ms=hours[time[:-5]] + IN_HOUR[time[-5:]],
            source=Source(file, line),
            account=account,
            applied={assets[asset]: Decimal(text)},
            category=OPERATIONS[operation.lower()],
            reason=intern(operation),
        )

    return read
