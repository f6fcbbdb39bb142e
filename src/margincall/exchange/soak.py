"""The soak: random commands to a random venue, each judged by the auditor.

A seed is a rule-set and a flow of commands. The flow looks at the exchange as it goes, so that most commands are
accepted and marks, funds and leverages lead into liquidations; some are meant to be refused. The same seed gives the
same commands in any process: all chance comes from one generator and is drawn in whole numbers.
"""

import traceback
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import get_args

from msgspec import Struct

from margincall.core.account import MarginType
from margincall.exchange import commands, soak_orders
from margincall.exchange.audit.auditor import Auditor
from margincall.exchange.catalogue import CATALOGUE
from margincall.exchange.commands import AnyCommand
from margincall.exchange.faults import WITH_ACCOUNT, WITH_ASSET, WITH_SYMBOL
from margincall.exchange.genesis import new_exchange
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.soak_orders import Scene
from margincall.exchange.state import Exchange
from margincall.exchange.step import step

COUNT = 300
"""Commands of one seed."""
ACCOUNTS_MAX = 20
DAYS = ("2022-03-01", "2024-06-01", "2026-09-15")
START_MS = 1_789_516_710_000  # 2026-09-15T23:58:30: funding and clearance are near
RULE_SHARE = 25
"""Per cent of the seeds whose marks are made by rule."""
FAULTS: tuple[commands.FaultKind, ...] = tuple(kind for kind in get_args(commands.FaultKind) if kind not in WITH_ASSET)
PRICES = {"BTC": 60_000, "ETH": 3_000, "BNB": 600}


class Failure(Struct, frozen=True):
    """What the auditor found wrong, after which command (from 1)."""

    number: int
    command: AnyCommand
    problems: tuple[str, ...]


class Report(Struct, frozen=True, kw_only=True):
    """How one seed went: commands accepted and refused, liquidations, and the failure at which it stopped, if any."""

    seed: int
    rules: str
    commands: int
    refused: int
    trades: int
    liquidations: int
    deleveraged: int
    failure: Failure | None = None


def rules_of_seed(seed: int) -> RuleSet:
    """The rule-set of a seed: the five in turn, of several days, a quarter of them with marks by rule."""
    chance = Random(seed)
    build = list(CATALOGUE.values())[seed % len(CATALOGUE)]
    marks = "rule" if chance.randrange(100) < RULE_SHARE else "given"
    return build(day=chance.choice(DAYS), marks=marks, hours=chance.choice((1, 1, 4, 8)))


def generate(seed: int, count: int = COUNT) -> tuple[RuleSet, list[AnyCommand]]:
    """The rule-set and the commands of a seed, without judging them."""
    rules = rules_of_seed(seed)
    state = new_exchange(rules, START_MS)
    found = []
    for command in flow(seed, state, count):
        found.append(command)
        step(state, command)
    return rules, found


def run(seed: int, count: int = COUNT) -> Report:
    """Play a seed under the auditor's eyes; stops at the first command after which something is wrong."""
    state = new_exchange(rules_of_seed(seed), START_MS)
    auditor = Auditor(state)
    failure, number = None, 0
    for number, command in enumerate(flow(seed, state, count), 1):
        try:
            problems = auditor.step(command)
        except Exception as crash:  # of whatever kind: it is this seed's failure, and the others go on
            frames = traceback.extract_tb(crash.__traceback__)
            problems = [f"{type(crash).__name__}: {crash}, in {' > '.join(frame.name for frame in frames[-4:])}"]
        if problems:
            failure = Failure(number, command, tuple(problems))
            break
    seen = auditor.seen
    return Report(
        seed=seed, rules=state.rules.name, commands=number, refused=seen.refused, trades=seen.trades,
        liquidations=seen.liquidations, deleveraged=seen.deleveraged, failure=failure,
    )  # fmt: skip


def flow(seed: int, state: Exchange, count: int) -> Iterator[AnyCommand]:
    """The commands of a seed, one by one; whoever takes one carries it out before the next is asked for."""
    scene = Scene(chance=Random(f"soak {seed}"), state=state)
    for number, command in enumerate(_opening(scene)):
        if number < count:
            yield command
    for _ in range(count - number - 1):
        yield _next(scene)


def _opening(scene: Scene) -> Iterator[AnyCommand]:
    """Prices, accounts with money, and a fund that is mostly too small."""
    chance, state = scene.chance, scene.state
    scene.focus = chance.choice(list(state.markets))
    for symbol, market in state.markets.items():
        scene.near[symbol] = Decimal(PRICES[market.contract.base])
        yield _price(scene, symbol, scene.near[symbol])
    assets = sorted({market.contract.margin_asset for market in state.markets.values()})
    scene.assets = tuple(sorted({*assets, "BTC"}))
    for asset in scene.assets:
        yield _asset_index(scene, asset)
    for asset in assets:
        yield commands.Fund(asset=asset, amount=scene.money(asset, chance.choice((1, 200, 5_000, 100_000))))
    scene.names = tuple(f"a{number:02d}" for number in range(chance.randint(4, ACCOUNTS_MAX)))
    for name in scene.names:
        yield commands.OpenAccount(account=name)
        for asset in assets:
            yield commands.Transfer(account=name, asset=asset, amount=scene.money(asset, chance.randint(200, 60_000)))
        yield from _settings(scene, name)


def _settings(scene: Scene, name: str) -> Iterator[AnyCommand]:
    """How an account trades: modes can hardly be changed once something is open."""
    kind = scene.chance.randrange(10)
    if kind in (0, 1):
        yield commands.SetPositionMode(account=name, hedge=True)
    if kind in (1, 2, 3):
        yield commands.SetMarginType(account=name, symbol=scene.focus, margin="isolated")
    if kind in (4, 5):
        yield commands.SetAssetMode(account=name, multi_assets=True)
    if kind > 5:
        most = scene.state.rules.venue.brackets(scene.focus).rows[0].max_leverage or 20
        yield commands.SetLeverage(account=name, symbol=scene.focus, leverage=scene.chance.randint(10, most))


def _next(scene: Scene) -> AnyCommand:
    """One command by weight."""
    return scene.chance.choices(_MAKERS, _WEIGHTS)[0](scene)


def _mark(scene: Scene) -> AnyCommand:
    """A price moves a little, sometimes far."""
    symbol = scene.symbol()
    chance = scene.chance
    kind = chance.randrange(100)
    most = 15 if kind < 70 else 80 if kind < 93 else 250
    permille = chance.randint(-most, most)
    scene.near[symbol] = max(scene.near[symbol] * (1000 + permille) / 1000, Decimal(50))
    base = Decimal(PRICES[scene.state.markets[symbol].contract.base])
    if not base / 3 < scene.near[symbol] < base * 3:
        scene.near[symbol] = base
    return _price(scene, symbol, scene.near[symbol])


def _price(scene: Scene, symbol: str, price: Decimal) -> AnyCommand:
    """The mark itself where it is given, else what the sources of the index say."""
    market = scene.state.markets[symbol]
    fine = market.contract.tick / 10
    price = int(price / fine) * fine
    if market.listing.mark_source == "given" and scene.chance.randrange(8):
        return commands.SetMark(symbol=symbol, price=price)
    sources = []
    for name in ("spot-a", "spot-b", "spot-c")[: scene.chance.randint(1, 3)]:
        off = scene.chance.randint(-20, 20)
        sources.append(commands.Source(name, price * (10_000 + off) / 10_000))
    return commands.SetIndex(symbol=symbol, sources=tuple(sources))


def _asset_index(scene: Scene, asset: str = "") -> AnyCommand:
    chance = scene.chance
    asset = asset or chance.choice(scene.assets)
    index = Decimal(PRICES.get(asset, 1)) * chance.randint(850, 1150) / 1000
    return commands.SetAssetIndex(
        asset=asset, index=index, bid=index * chance.randint(90, 100) / 100, ask=index * chance.randint(100, 110) / 100
    )


def _advance(scene: Scene) -> AnyCommand:
    chance = scene.chance
    most = chance.choice((500, 5_000, 5_000, 60_000, 700_000))
    if any(market.listing.mark_source == "rule" for market in scene.state.markets.values()):
        most = min(most, 30_000)  # a mark by rule may move each second
    return commands.Advance(time_ms=scene.state.time_ms + chance.randint(0, most))


def _transfer(scene: Scene) -> AnyCommand:
    asset = scene.margin_asset()
    amount = scene.money(asset, scene.chance.choice((50, 500, 5_000, 50_000)))
    name = scene.name()
    if scene.chance.randrange(3) == 0:
        wallet = scene.state.traders[name].account.wallets.get(asset, Decimal(0))
        amount = min(amount, max(int(wallet * 10**6) / Decimal(10**6), Decimal("0.000001")))
        return commands.Transfer(account=name, asset=asset, amount=-amount)
    return commands.Transfer(account=name, asset=asset if scene.chance.randrange(4) else "BTC", amount=amount)


def _set_leverage(scene: Scene) -> AnyCommand:
    symbol = scene.symbol()
    most = scene.state.rules.venue.brackets(symbol).rows[0].max_leverage or 20
    wanted = scene.chance.choice((most, most // 2, most // 3, 20, 5, 1, most + 1))
    return commands.SetLeverage(account=scene.name(), symbol=symbol, leverage=wanted)


def _margin_type(scene: Scene) -> AnyCommand:
    margin: MarginType = scene.chance.choice(("cross", "isolated", "isolated"))
    return commands.SetMarginType(account=scene.name(), symbol=scene.symbol(), margin=margin)


def _position_mode(scene: Scene) -> AnyCommand:
    return commands.SetPositionMode(account=scene.name(), hedge=bool(scene.chance.randrange(2)))


def _asset_mode(scene: Scene) -> AnyCommand:
    return commands.SetAssetMode(account=scene.name(), multi_assets=bool(scene.chance.randrange(2)))


def _move_margin(scene: Scene) -> AnyCommand:
    chance = scene.chance
    held = [
        (name, position)
        for name in scene.names
        for position in scene.state.traders[name].account.open_positions()
        if position.margin == "isolated" or not chance.randrange(10)
    ]
    if not held:
        return _margin_type(scene)
    name, position = chance.choice(held)
    amount = scene.money(scene.state.markets[position.symbol].contract.margin_asset, chance.choice((1, 30, 900)))
    return commands.MoveMargin(
        account=name, symbol=position.symbol, amount=amount * chance.choice((1, 1, -1)), position_side=position.side
    )


def _fund(scene: Scene) -> AnyCommand:
    asset = scene.margin_asset()
    return commands.Fund(asset=asset, amount=scene.money(asset, scene.chance.choice((1, 100, 3_000))))


def _marks(scene: Scene) -> AnyCommand:
    """All given marks at one moment."""
    given = [symbol for symbol, market in scene.state.markets.items() if market.listing.mark_source == "given"]
    prices = {}
    for symbol in given:
        fine = scene.state.markets[symbol].contract.tick / 10
        scene.near[symbol] = scene.near[symbol] * (1000 + scene.chance.randint(-25, 25)) / 1000
        prices[symbol] = int(scene.near[symbol] / fine) * fine
    return commands.SetMarks(prices=prices) if prices else _mark(scene)


def _dispute(scene: Scene) -> AnyCommand:
    """Somebody disputes a liquidation, or the desk answers."""
    state, chance = scene.state, scene.chance
    if state.disputes and chance.randrange(2):
        number, upheld = chance.choice(list(state.disputes)), bool(chance.randrange(2))
        asset = scene.margin_asset()
        return commands.Decide(number=number, upheld=upheld, refund={asset: scene.money(asset, 50)} if upheld else {})
    if not state.liquidations:
        return _fund(scene)
    line = chance.choice(state.liquidations)
    name = line.account if chance.randrange(6) else scene.name()
    return commands.Dispute(account=name, liquidation=line.number)


def _fault_off(scene: Scene) -> AnyCommand:
    """Faults stay off: the auditor judges a venue that follows its rules. Some of them cannot be."""
    kind = scene.chance.choice(FAULTS)
    return commands.InjectFault(
        kind=kind, on=False, symbol=scene.symbol() if kind in WITH_SYMBOL else "",
        account=scene.name() if kind in WITH_ACCOUNT else "",
    )  # fmt: skip


def _batch(scene: Scene) -> AnyCommand:
    makers = (soak_orders.limit, soak_orders.limit, soak_orders.taker, soak_orders.amend, soak_orders.cancel)
    chosen = [maker(scene) for maker in scene.chance.choices(makers, k=scene.chance.randint(1, 5))]
    fitting = [each for each in chosen if isinstance(each, commands.PlaceOrder | commands.AmendOrder
                                                     | commands.CancelOrder)]  # fmt: skip
    return commands.Batch(commands=tuple(fitting))


_TABLE = (
    (soak_orders.limit, 26), (soak_orders.taker, 14), (soak_orders.conditional, 10),
    (soak_orders.protective, 8), (soak_orders.closing, 7),
    (soak_orders.amend, 6), (soak_orders.cancel, 4), (soak_orders.cancel_all, 1), (soak_orders.countdown, 2),
    (soak_orders.refused, 7), (_batch, 4), (_mark, 16), (_asset_index, 2), (_advance, 6), (_transfer, 5),
    (_set_leverage, 6), (_margin_type, 4), (_position_mode, 2), (_asset_mode, 2), (_move_margin, 4), (_fund, 1),
    (_fault_off, 1), (soak_orders.quote, 7), (_marks, 3), (_dispute, 2),
)  # fmt: skip
_MAKERS = tuple(maker for maker, _ in _TABLE)
_WEIGHTS = tuple(weight for _, weight in _TABLE)
