"""What traders of the soak do with orders: resting ones around the mark, takers, conditional ones, closing ones,
changes of what rests, and commands that are meant to be refused."""

from decimal import Decimal
from random import Random

from msgspec import Struct, structs

from margincall.core.account import Position, PositionSide
from margincall.exchange import commands
from margincall.exchange.book import Side
from margincall.exchange.commands import AnyCommand, OrderKind, PlaceOrder
from margincall.exchange.exposure import free, leverage, most_at
from margincall.exchange.matching import SelfTradePrevention, TimeInForce
from margincall.exchange.state import Exchange, Market, OpenOrder, Trader

ZERO, PER_MILLE = Decimal(0), Decimal(1000)
MODES: tuple[SelfTradePrevention, ...] = ("EXPIRE_MAKER", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "NONE")
IN_FORCE: tuple[TimeInForce, ...] = ("GTC", "GTC", "GTC", "GTC", "GTX", "IOC", "FOK", "GTD")
TRIGGERED: tuple[OrderKind, ...] = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET")
GTD_MS = 600_001
"""The shortest life of a GTD order."""


class Scene(Struct, kw_only=True):
    """What the flow knows: its source of chance, the exchange, who trades, and around which prices."""

    chance: Random
    state: Exchange
    names: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    near: dict[str, Decimal] = {}
    focus: str = ""

    def name(self) -> str:
        """Some account."""
        return self.chance.choice(self.names)

    def symbol(self) -> str:
        """Some symbol, mostly the one that the seed is about."""
        return self.focus if self.chance.randrange(3) else self.chance.choice(list(self.state.markets))

    def margin_asset(self) -> str:
        """The margin asset of some symbol."""
        return self.state.markets[self.symbol()].contract.margin_asset

    def money(self, asset: str, usd: int) -> Decimal:
        """An amount of an asset that is worth about so many dollars."""
        price = self.state.indices.get(asset)
        worth = price.index if price is not None else Decimal(1)
        return max(int(usd * 10**8 / worth), 1) / Decimal(10**8)


def limit(scene: Scene) -> AnyCommand:
    """A limit order near the mark, of any time in force."""
    trader, market = _who(scene)
    chance = scene.chance
    side: Side = chance.choice(("BUY", "SELL"))
    away = chance.choice((1, 1, 1, -1)) * chance.randint(0, 12)
    price = _on_tick(market, _mark(scene, market) * (1000 - away if side == "BUY" else 1000 + away) / 1000)
    in_force = chance.choice(IN_FORCE)
    good_till = scene.state.time_ms + GTD_MS + 2 * chance.randint(0, 200_000) if in_force == "GTD" else None
    return PlaceOrder(
        account=trader.name, symbol=market.contract.symbol, side=side, type="LIMIT", time_in_force=in_force,
        price=price, quantity=_size(scene, trader, market, price), position_side=_side(scene, trader, side),
        self_trade_prevention=chance.choice(MODES), good_till_ms=good_till,
        client_order_id=f"c{chance.randrange(10**6)}" if not chance.randrange(5) else "",
    )  # fmt: skip


def taker(scene: Scene) -> AnyCommand:
    """A market order."""
    trader, market = _who(scene)
    side: Side = scene.chance.choice(("BUY", "SELL"))
    return PlaceOrder(
        account=trader.name, symbol=market.contract.symbol, side=side, type="MARKET",
        quantity=_size(scene, trader, market, _mark(scene, market)), position_side=_side(scene, trader, side),
        self_trade_prevention=scene.chance.choice(MODES),
    )  # fmt: skip


def conditional(scene: Scene) -> AnyCommand:
    """A stop, a take-profit or a trailing stop, some that close all."""
    trader, market = _who(scene)
    chance = scene.chance
    side: Side = chance.choice(("BUY", "SELL"))
    kind = chance.choice((*TRIGGERED, "TRAILING_STOP_MARKET"))
    rising = (side == "BUY") == kind.startswith("STOP")
    mark = _mark(scene, market)
    away = chance.randint(1, 30) * (1 if rising else -1)
    stop = _on_tick(market, mark * (1000 + away) / 1000)
    limited = kind in ("STOP", "TAKE_PROFIT")
    closes_all = kind in ("STOP_MARKET", "TAKE_PROFIT_MARKET") and not chance.randrange(3)
    trailing = kind == "TRAILING_STOP_MARKET"
    in_force = chance.choice(IN_FORCE)
    good_till = scene.state.time_ms + GTD_MS + 2 * chance.randint(0, 200_000) if in_force == "GTD" else None
    activation = _on_tick(market, mark * (1000 - away) / 1000) if trailing and chance.randrange(2) else None
    return PlaceOrder(
        account=trader.name, symbol=market.contract.symbol, side=side, type=kind,
        quantity=None if closes_all else _size(scene, trader, market, mark), close_position=closes_all,
        price=_on_tick(market, stop * (1000 + chance.randint(-4, 4)) / 1000) if limited else None,
        time_in_force=in_force if limited else None, good_till_ms=good_till if limited else None,
        stop_price=None if trailing else stop, activation_price=activation,
        callback_rate=Decimal(chance.randint(1, 200)) / 10 if trailing else None,
        reduce_only=not closes_all and not trader.hedge and not chance.randrange(3),
        working_type=chance.choice(("MARK_PRICE", "CONTRACT_PRICE")), price_protect=not chance.randrange(5),
        position_side=_side(scene, trader, side), self_trade_prevention=chance.choice(MODES),
    )  # fmt: skip


def closing(scene: Scene) -> AnyCommand:
    """A reduce-only order against a position, resting or at the market."""
    chance = scene.chance
    held = _held(scene)
    if not held:
        return taker(scene)
    trader, position = chance.choice(held)
    market = scene.state.markets[position.symbol]
    side: Side = "SELL" if position.quantity > 0 else "BUY"
    price = None
    if chance.randrange(4):
        away = chance.randint(-1, 5) * 3
        price = _on_tick(market, scene.near[position.symbol] * (1000 + away if side == "SELL" else 1000 - away) / 1000)
    lots = max(int(abs(position.quantity) / market.contract.lot * chance.choice((25, 50, 100, 100, 150)) / 100), 1)
    return PlaceOrder(
        account=trader.name, symbol=position.symbol, side=side, type="LIMIT" if price else "MARKET", price=price,
        quantity=market.contract.lot * lots, time_in_force="GTC" if price else None,
        reduce_only=not trader.hedge, position_side=position.side,
    )  # fmt: skip


def protective(scene: Scene) -> AnyCommand:
    """A stop or a take-profit that ends with its position; now and then of nobody's, or of the wrong side."""
    chance = scene.chance
    held = _held(scene)
    if not held or not chance.randrange(12):
        asked = conditional(scene)
        assert isinstance(asked, PlaceOrder)
        return structs.replace(asked, time_in_force="GTE_GTC", good_till_ms=None)
    trader, position = chance.choice(held)
    market = scene.state.markets[position.symbol]
    side: Side = "SELL" if position.quantity > 0 else "BUY"
    kind = chance.choice((*TRIGGERED, "STOP_MARKET", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"))
    rising = (side == "BUY") == kind.startswith("STOP")
    mark = _mark(scene, market)
    stop = _on_tick(market, mark * (1000 + chance.randint(1, 40) * (1 if rising else -1)) / 1000)
    limited, trailing = kind in ("STOP", "TAKE_PROFIT"), kind == "TRAILING_STOP_MARKET"
    closes_all = not limited and not trailing and chance.randrange(3) > 0
    lots = max(int(abs(position.quantity) / market.contract.lot * chance.choice((50, 100, 100, 150)) / 100), 1)
    return PlaceOrder(
        account=trader.name, symbol=position.symbol, side=side, type=kind, time_in_force="GTE_GTC",
        quantity=None if closes_all else market.contract.lot * lots, close_position=closes_all,
        price=_on_tick(market, stop * (1000 + chance.randint(-4, 4)) / 1000) if limited else None,
        stop_price=None if trailing else stop, callback_rate=Decimal(chance.randint(1, 100)) / 10 if trailing else None,
        reduce_only=not closes_all and not trader.hedge and chance.randrange(4) > 0,
        working_type=chance.choice(("MARK_PRICE", "CONTRACT_PRICE")), position_side=position.side,
    )  # fmt: skip


def quote(scene: Scene) -> AnyCommand:
    """A market maker's quote: some levels on both sides, sometimes of one, sometimes none, now and then crossed."""
    trader, market = _who(scene)
    chance, lot = scene.chance, market.contract.lot
    mark, size = _mark(scene, market), _size(scene, trader, market, _mark(scene, market)) / 8
    sides: list[tuple[commands.Level, ...]] = []
    for sign in (-1, 1):
        levels = []
        for place in range(chance.choice((0, 1, 2, 3, 3))):
            away = sign * (2 + 3 * place) + chance.randint(-2, 1)
            lots = max(int(size / lot) * chance.randint(1, 4) // 2, 1)
            levels.append(commands.Level(_on_tick(market, mark * (1000 + away) / 1000), lot * lots))
        sides.append(tuple(levels))
    return commands.Quote(account=trader.name, symbol=market.contract.symbol, bids=sides[0], asks=sides[1])


def amend(scene: Scene) -> AnyCommand:
    """Another price or size for something that rests, or, wrongly, waits."""
    order = _some_order(scene, resting=scene.chance.randrange(8) > 0)
    if order is None or order.ticks is None:
        return limit(scene)
    market, chance = scene.state.markets[order.symbol], scene.chance
    ticks = max(order.ticks * (1000 + chance.choice((0, 0, 0, 1, -1, 4, -4))) // 1000, 1)
    lots = max(order.lots * chance.choice((1, 50, 50, 100, 100, 100, 100, 130, 130)) // 100, 1)
    return commands.AmendOrder(
        account=order.account, symbol=order.symbol, order_id=order.id,
        quantity=market.contract.lot * lots, price=market.contract.tick * ticks,
    )  # fmt: skip


def cancel(scene: Scene) -> AnyCommand:
    """Take one back, by either id."""
    order = _some_order(scene)
    if order is None:
        return limit(scene)
    if scene.chance.randrange(4) == 0:
        return commands.CancelOrder(account=order.account, symbol=order.symbol, client_order_id=order.client_order_id)
    return commands.CancelOrder(account=order.account, symbol=order.symbol, order_id=order.id)


def cancel_all(scene: Scene) -> AnyCommand:
    """Take all back."""
    return commands.CancelAll(account=scene.name(), symbol=scene.symbol())


def countdown(scene: Scene) -> AnyCommand:
    """Take all back in a while, or stop that."""
    wait = scene.chance.choice((0, 1_001, 30_001, 400_001))
    return commands.Countdown(account=scene.name(), symbol=scene.symbol(), countdown_ms=wait)


def refused(scene: Scene) -> AnyCommand:
    """A command that should be refused, for one of many reasons."""
    state, chance = scene.state, scene.chance
    trader, market = _who(scene)
    name, symbol, tick, lot = trader.name, market.contract.symbol, market.contract.tick, market.contract.lot
    mark = _on_tick(market, _mark(scene, market))
    both: PositionSide = "BOTH" if not trader.hedge else "LONG"
    good = {"account": name, "symbol": symbol, "side": "BUY", "type": "LIMIT", "price": mark, "quantity": lot * 100,
            "position_side": both}  # fmt: skip
    wrong: tuple[dict[str, object], ...] = (
        {"price": None}, {"quantity": None}, {"price": mark + tick / 2}, {"quantity": lot * 100 + lot / 3},
        {"price": ZERO}, {"quantity": ZERO}, {"price": mark * 2},
        {"side": "SELL", "price": tick * int(mark / tick / 2)},
        {"quantity": lot * 10**9}, {"quantity": lot}, {"symbol": "NONE"}, {"account": "nobody"}, {"account": "fees"},
        {"position_side": "LONG" if both == "BOTH" else "BOTH"}, {"client_order_id": "x" * 37},
        {"time_in_force": "GTE_GTC"}, {"time_in_force": "GTD"},
        {"time_in_force": "GTD", "good_till_ms": state.time_ms + 600_000},
        {"good_till_ms": state.time_ms + 700_000}, {"type": "MARKET"}, {"type": "STOP"}, {"stop_price": mark},
        {"type": "TRAILING_STOP_MARKET", "price": None}, {"close_position": True}, {"callback_rate": Decimal(1)},
        {"type": "STOP_MARKET", "price": None, "stop_price": mark - tick * 50},
        {"type": "TRAILING_STOP_MARKET", "price": None, "callback_rate": Decimal(21)},
        {"type": "MARKET", "price": None, "time_in_force": "IOC"}, {"activation_price": mark},
        {"price": Decimal(10**8)}, {"price": tick * 2}, {"quantity": lot / 2}, {"type": "STOP", "stop_price": ZERO},
        {"type": "STOP", "stop_price": Decimal(10**8)}, {"client_order_id": "a b"},
        {"client_order_id": next(iter(trader.client_ids), "autoclose-1")},
        {"type": "STOP_MARKET", "price": None, "stop_price": mark, "quantity": None, "close_position": True,
         "reduce_only": True},
        {"reduce_only": True, "side": chance.choice(("BUY", "SELL"))}, {"quantity": lot * 10**6, "price": mark},
    )  # fmt: skip
    others: tuple[AnyCommand, ...] = (
        commands.Advance(time_ms=state.time_ms + (-1 if state.next_order % 2 else 10**12)),
        commands.OpenAccount(account=chance.choice((name, "", "insurance_fund", "x" * 65))),
        commands.Transfer(account=name, asset=chance.choice(("NONE", *scene.assets)), amount=ZERO),
        commands.Transfer(account=name, asset=scene.margin_asset(), amount=Decimal("-1e9")),
        commands.Transfer(account=name, asset=scene.margin_asset(), amount=Decimal("1e-9")),
        commands.SetLeverage(account=name, symbol=symbol, leverage=chance.choice((0, 126, 10**6))),
        commands.SetMark(symbol=symbol, price=ZERO), commands.SetIndex(symbol=symbol, sources=()),
        commands.SetAssetIndex(asset="BTC", index=Decimal(1), bid=Decimal(2), ask=Decimal(3)),
        commands.Fund(asset=scene.margin_asset(), amount=Decimal(-1)), commands.Batch(commands=()),
        commands.CancelOrder(account=name, symbol=symbol, order_id=chance.choice((None, 10**9))),
        commands.AmendOrder(account=name, symbol=symbol, order_id=10**9, quantity=lot, price=mark),
        commands.Countdown(account=name, symbol=symbol, countdown_ms=-1),
        commands.Dispute(account=name, liquidation=10**6), commands.Decide(number=10**6, upheld=False),
        commands.SetMarks(prices={symbol: mark, "NONE": mark}), commands.SetMarks(prices={symbol: -mark}),
        commands.MoveMargin(account=name, symbol=symbol, amount=Decimal(10**9), position_side=both),
    )  # fmt: skip
    if chance.randrange(3):
        return PlaceOrder(**{**good, **chance.choice(wrong)})  # type: ignore[arg-type]
    return chance.choice(others)


def _who(scene: Scene) -> tuple[Trader, Market]:
    return scene.state.traders[scene.name()], scene.state.markets[scene.symbol()]


def _held(scene: Scene) -> list[tuple[Trader, Position]]:
    """All open positions with who holds them."""
    return [
        (scene.state.traders[name], position)
        for name in scene.names
        for position in scene.state.traders[name].account.open_positions()
    ]


def _mark(scene: Scene, market: Market) -> Decimal:
    return market.mark if market.mark is not None else scene.near[market.contract.symbol]


def _side(scene: Scene, trader: Trader, side: Side) -> PositionSide:
    """In hedge mode mostly the side that the order opens."""
    if not trader.hedge:
        return "BOTH"
    opens = (side == "BUY") != (scene.chance.randrange(4) == 0)
    return "LONG" if opens else "SHORT"


def _size(scene: Scene, trader: Trader, market: Market, price: Decimal) -> Decimal:
    """A size that what is free mostly pays for."""
    contract = market.contract
    asset = contract.margin_asset
    left = max(free(scene.state, trader, asset), ZERO)
    if trader.account.multi_assets:
        left /= scene.state.indices[asset].index
    share = Decimal(scene.chance.choice((30, 100, 300, 600, 900, 1020))) / PER_MILLE
    worth = left * share * leverage(trader, market)
    most = most_at(scene.state.rules.venue.brackets(contract.symbol), leverage(trader, market))
    if most is not None and scene.chance.randrange(20):
        worth = min(worth, most * share)
    units = worth * price / contract.contract_size if contract.is_inverse else worth / price
    return contract.lot * max(int(units / contract.lot), scene.chance.choice((1, 10)))


def _on_tick(market: Market, price: Decimal) -> Decimal:
    tick = market.contract.tick
    return tick * max(int(price / tick), 1)


def _some_order(scene: Scene, *, resting: bool = False) -> OpenOrder | None:
    orders = [order for order in scene.state.orders.values() if not (resting and order.waiting)]
    return scene.chance.choice(orders) if orders else None
