"""The bytes that the exchange writes about an account, held against the venue's own samples: key by key, type by type.

Nothing here asks our readers. The samples are those of the documentation (`api_samples`), and where none is there or
it is older, those written down here with their source. Keys that a sample has and a file may lack, and keys that are
younger than a sample, stand in `OPTIONAL` and `YOUNGER`, each with its reason.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from margincall.core.account import Marks
from margincall.core.margin import margin
from margincall.core.prices import prices
from margincall.core.rounding import booked, exact
from margincall.core.rules import FeeRates, VenueRules
from margincall.exchange import commands
from margincall.exchange.exports import write_account, write_market
from margincall.exchange.exposure import free
from margincall.exchange.play import play
from margincall.exchange.queue import lights_of
from margincall.exchange.scenario import read_scenario
from margincall.exchange.scenario_rules import rule_set_of
from margincall.exchange.state import Exchange
from margincall.venues.embedded import embedded_book
from tests.exchange.world import BTC, COIN, CONTRACTS, ETH, LISTINGS, NOON, TABLES, World, rule_set

D = Decimal
Json = Any
UM, CM, STREAM = "Endpoints-UsdFutures", "Endpoints-CoinFutures", "Subscriptions-UsdFutures"
DECIMAL = re.compile(r"-?(0|[1-9]\d*)(\.\d{1,8})?")
"""A decimal as the venue prints it: no exponent, no sign of plus, at most eight decimals."""
OFF_TICK = re.compile(r"[1-9]\d*\.\d{9,12}")
DELEVERAGED_AT = frozenset({"ORDER_TRADE_UPDATE.o.L", "userTrades[].price", "Price"})
"""Where the price of a trade stands. A deleveraging trades at the bankruptcy price, to 12 decimals
(`docs/spec/rounding.md`); the venue's are off the tick too, with 7 decimals where one was seen. Printed shorter, profit
and wallet would not follow from it."""
POSITION_RISK_V3 = """{"symbol":"COMPUSDT","positionSide":"SHORT","positionAmt":"-1.000","entryPrice":"70.92841",
"breakEvenPrice":"70.900038636","markPrice":"49.72023376","unRealizedProfit":"21.20817624",
"liquidationPrice":"2260.56757210","isolatedMargin":"0","notional":"-49.72023376","marginAsset":"USDT",
"isolatedWallet":"0","initialMargin":"2.48601168","maintMargin":"0.49720233","positionInitialMargin":"2.48601168",
"openOrderInitialMargin":"0","adl":2,"bidNotional":"0","askNotional":"0","updateTime":1708943511656}"""
"""Documentation of `GET /fapi/v3/positionRisk`, 2026-05. The file in `api_samples` for that address holds a row of
version 2."""

# message or file -> key -> why it may be missing
OPTIONAL: Mapping[str, Mapping[str, str]] = {
    "ORDER_TRADE_UPDATE.o": {
        "N": "commission asset, not pushed without a commission (documentation)",
        "n": "commission, not pushed without one (documentation)",
        "AP": "activation price, pushed with trailing stops only (documentation)",
        "cr": "callback rate, pushed with trailing stops only (documentation)",
    },
    "MARGIN_CALL": {"cw": "pushed with a margin call of crossed positions only (documentation)"},
    "ACCOUNT_CONFIG_UPDATE": {
        "ac": "a message is of a symbol's leverage or of the account's mode (documentation)",
        "ai": "the same",
    },
    "allOrders[]": {
        "activatePrice": "returned for TRAILING_STOP_MARKET only (documentation)",
        "priceRate": "the same",
    },
    "adlQuantile[].adlQuantile": {
        "HEDGE": "in hedge mode, of cross positions (documentation)",
        "BOTH": "elsewhere (documentation)",
    },
    "leverageBracket[]": {"notionalCoef": "only where the user's brackets are adjusted (documentation)"},
}
YOUNGER: Mapping[str, Mapping[str, Json]] = {
    # Expiry reason, since 2025-10-23 (change log); `ma`, the margin asset, in the streams of COIN-M.
    "ORDER_TRADE_UPDATE.o": {"er": "0", "ma": "BTC"},
}
"""Keys that a sample is too old for, or of the other market, with a sample value."""


class Scene(NamedTuple):
    """What was written, and the exchange that it was written from."""

    folder: Path
    state: Exchange


# --- scenes ------------------------------------------------------------------------------------------------


class Recording(World):
    """A world that remembers its events."""

    def say(self, command: commands.AnyCommand) -> list[Any]:
        events = super().say(command)
        if not hasattr(self, "events"):
            self.events: list[Any] = []
        self.events += events
        return events


def write(world: Recording, folder: Path, names: tuple[str, ...]) -> Scene:
    rules = world.state.genuine.venue
    write_market(folder / "market", world.events, rules.tables, "2026-09-22")
    for name in names:
        seen = lights_of(world.state, name)
        write_account(folder / name, name, world.events, rules, world.state.time_ms, lights=seen)
    return Scene(folder, world.state)


def usdm(folder: Path) -> Scene:
    """An account in hedge mode with every kind of order; an isolated one with margin moved; one in multi-assets mode.
    The isolated one gets a margin call."""
    venue = VenueRules(
        "test", {each: CONTRACTS[each] for each in (BTC, ETH)}, TABLES, FeeRates(D("0.0002"), D("0.0005"))
    )
    rules = rule_set(venue=venue, listings={each: LISTINGS[each] for each in (BTC, ETH)})
    world = Recording(rules, time_ms=NOON + 137, marks=False)
    for symbol, mark in ((BTC, 50_000), (ETH, 2_000)):
        world.mark(symbol, mark)
    for asset, index in (("USDT", 1), ("BTC", 50_000)):
        world.do(commands.SetAssetIndex(asset=asset, index=D(index), bid=D(index) * D("0.999"), ask=D(index)))
    world.rich("maker", "other")
    world.rich("hedger", amount=20_000)
    world.rich("isolated", amount=5_000)
    world.rich("multi", amount=3_000)
    world.rich("multi", asset="BTC", amount=1)
    world.do(commands.SetPositionMode(account="hedger", hedge=True))
    world.do(commands.SetLeverage(account="hedger", symbol=BTC, leverage=25))
    world.do(commands.SetMarginType(account="isolated", symbol=ETH, margin="isolated"))
    world.do(commands.SetLeverage(account="isolated", symbol=ETH, leverage=50))
    world.do(commands.SetAssetMode(account="multi", multi_assets=True))
    for price in (49_900, 50_000):
        world.sell("maker", 1, price)
    world.buy("hedger", "1.5", 50_100, position_side="LONG")
    world.buy("maker", 2, 49_950)
    world.sell("hedger", "0.333", 49_900, position_side="SHORT")
    world.buy("hedger", "0.1", 49_000, position_side="LONG")
    world.buy("hedger", "0.05", 49_100, position_side="LONG", time_in_force="GTD", good_till_ms=NOON + 86_400_000)
    trailing = {"type": "TRAILING_STOP_MARKET", "callback_rate": "0.3", "activation_price": 51_000}
    world.sell("hedger", "0.2", None, position_side="LONG", **trailing, price_protect=True)
    stop = {"type": "STOP_MARKET", "stop_price": 49_500, "working_type": "MARK_PRICE", "close_position": True}
    world.buy("hedger", None, None, position_side="SHORT", **{**stop, "stop_price": 50_400})
    world.trade("isolated", "maker", 2, 2_000, ETH)
    for moved in (30, -10):
        world.do(commands.MoveMargin(account="isolated", symbol=ETH, amount=D(moved)))
    world.trade("multi", "maker", "0.5", 50_000)
    world.later(1_000)
    world.mark(BTC, 50_500)
    world.later(1_000)
    world.mark(ETH, "1961.5")
    world.do(commands.CancelOrder(account="hedger", symbol=BTC, order_id=world.orders("hedger")[0].id))
    return write(world, folder, ("hedger", "isolated", "multi"))


def coinm(folder: Path) -> Scene:
    """The same of COIN-M: one account crossed with orders, one isolated with margin moved."""
    venue = VenueRules("test", {COIN: CONTRACTS[COIN]}, TABLES, FeeRates(D("0.0002"), D("0.0005")))
    world = Recording(rule_set(venue=venue, listings={COIN: LISTINGS[COIN]}), time_ms=NOON + 137, marks=False)
    world.mark(COIN, 50_000)
    world.rich("maker", asset="BTC", amount=100)
    world.rich("crossed", "isolated", asset="BTC", amount=1)
    world.do(commands.SetMarginType(account="isolated", symbol=COIN, margin="isolated"))
    world.do(commands.SetLeverage(account="isolated", symbol=COIN, leverage=50))
    world.trade("crossed", "maker", 333, 50_000, COIN)
    world.trade("crossed", "maker", 334, "50010.3", COIN)
    world.buy("crossed", 50, 48_000, symbol=COIN)
    trailing = {"type": "TRAILING_STOP_MARKET", "callback_rate": "0.5"}
    world.sell("crossed", 10, None, symbol=COIN, **trailing)
    world.trade("isolated", "maker", 100, 50_000, COIN)
    world.do(commands.MoveMargin(account="isolated", symbol=COIN, amount=D("0.001")))
    world.later(1_000)
    world.mark(COIN, 49_300)
    return write(world, folder, ("crossed", "isolated"))


def scenario(folder: Path, name: str, accounts: tuple[str, ...], text: str = "") -> Scene:
    """A scenario of the package, or of a text."""
    said = text or (files("margincall.exchange") / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")
    found = read_scenario(said, name=name)
    played = play(found, rule_set_of(found, Path(), embedded_book()), Path())
    rules = played.state.genuine.venue
    write_market(folder / "market", played.events, rules.tables, found.day)
    for account in accounts:
        write_account(folder / account, account, played.events, rules, played.state.time_ms)
    return Scene(folder, played.state)


COIN_LIQUIDATION = """
name = "coin"
rules = "binance_coinm"
start = 2026-09-20T12:00:00Z
fund = { BTC = 10 }
[[contract]]
symbol = "BTCUSD_PERP"
path = [["0m", 50000], ["30s", 50000], ["2m", 48400]]
liquidity = { depth = 2000000 }
[[account]]
name = "long"
deposit = { BTC = 0.04 }
position = [{ symbol = "BTCUSD_PERP", side = "long", notional = 80000, leverage = 50, at = "20s", stop = 48300 }]
"""
SCENES: Mapping[str, Callable[[Path], Scene]] = {
    "usdm": usdm,
    "coinm": coinm,
    "two longs": lambda folder: scenario(folder, "two_longs", ("alice",)),
    "fund runs dry": lambda folder: scenario(folder, "fund_runs_dry", ("long-1", "long-2", "short-high-leverage")),
    "coin liquidated": lambda folder: scenario(folder, "coin", ("long",), COIN_LIQUIDATION),
}
COIN_SCENES = frozenset({"coinm", "coin liquidated"})


@pytest.fixture(scope="module", params=SCENES)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Scene]:
    """Every scene, once."""
    return request.param, SCENES[request.param](tmp_path_factory.mktemp("shapes"))


# --- samples -----------------------------------------------------------------------------------------------


def endpoint(shared: Path, name: str) -> Json:
    """The answer in a sample file: behind method, path, signed."""
    text = (shared / "api_samples" / f"{name}.txt").read_text(encoding="utf-8")
    return json.loads(text.split("\n", 3)[3], parse_float=D)


def message(shared: Path, name: str) -> Json:
    """The message in a sample file of a stream."""
    text = (shared / "api_samples" / STREAM / f"{name}.txt").read_text(encoding="utf-8")
    return json.loads(text.split("\n=", 1)[1])["data"]


def answer_samples(shared: Path, *, coin: bool) -> dict[str, Json]:
    """File of `api/` -> sample. Trades and lists of orders, flows and margin are of the market's own documentation."""
    market = CM if coin else UM
    found = {
        "userTrades": endpoint(shared, f"{market}/Trading/GetUserTrades"),
        "income": endpoint(shared, f"{market}/Account/GetIncomeHistory"),
        "allOrders": endpoint(shared, f"{market}/Trading/GetOrders"),
        "forceOrders": endpoint(shared, f"{market}/Trading/GetForcedOrders"),
        "positionMarginHistory": endpoint(shared, f"{market}/Account/GetMarginChangeHistory"),
        "adlQuantile": [{"symbol": "ETHUSDT", "adlQuantile": {"LONG": 3, "SHORT": 3, "HEDGE": 0, "BOTH": 0}}],
        "leverageBracket": bracket_sample(shared, market),
    }
    if coin:
        return found | {
            "account": endpoint(shared, f"{CM}/Account/GetAccountInfo"),
            "positionRisk": endpoint(shared, f"{CM}/Account/GetPositionInformation"),
        }
    return found | {
        "symbolConfig": endpoint(shared, f"{UM}/Account/GetSymbolConfiguration"),
        "multiAssetsMargin": endpoint(shared, f"{UM}/Account/GetMultiAssetsMode"),
        "account": endpoint(shared, f"{UM}/Account/GetAccountInfoV3"),
        "positionRisk": [json.loads(POSITION_RISK_V3)],
    }


def bracket_sample(shared: Path, market: str) -> Json:
    """The one row of the sample is the first, whose amounts are whole."""
    sample = endpoint(shared, f"{market}/Account/GetBrackets")
    sample[0]["brackets"].append({key: D("0.5") for key in sample[0]["brackets"][0]})
    return sample


def message_samples(shared: Path) -> dict[str, Json]:
    """Type of a message -> sample."""
    settings = {**message(shared, "Leverage"), **message(shared, "MultiAssetMode")}
    return {
        "ORDER_TRADE_UPDATE": message(shared, "OrderUpdate"),
        "ACCOUNT_UPDATE": message(shared, "AccountUpdate"),
        "ACCOUNT_CONFIG_UPDATE": settings,
        "MARGIN_CALL": message(shared, "MarginUpdate"),
        "markPriceUpdate": message(shared, "MarkPrice"),
        "assetIndexUpdate": message(shared, "AssetIndex")[0],
    }


# --- comparing ---------------------------------------------------------------------------------------------


def loaded(raw: bytes) -> Json:
    """A JSON text; a key that stands twice, an exponent or a float that is none of the venue's is refused."""

    def once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        assert len({key for key, _ in pairs}) == len(pairs), pairs
        return dict(pairs)

    def plain(text: str) -> Decimal:
        assert DECIMAL.fullmatch(text), text
        return D(text)

    return json.loads(raw, object_pairs_hook=once, parse_float=plain)


def complaints(value: Json, samples: list[Json], place: str) -> Iterator[str]:
    """What of a written value has not the shape of any of the samples."""
    kinds = {type(each) for each in samples}
    if isinstance(value, dict) and dict in kinds:
        yield from _of_object(value, [each for each in samples if isinstance(each, dict)], place)
    elif isinstance(value, list) and list in kinds:
        items = [item for each in samples if isinstance(each, list) for item in each]
        for item in value:
            yield from complaints(item, items, f"{place}[]")
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        if type(value) not in kinds:
            yield f"{place}: {value!r} is a {type(value).__name__}, the samples print {samples}"
        elif isinstance(value, str):
            yield from _of_text(value, samples, place)
    elif not kinds & {int, Decimal} or (Decimal not in kinds and isinstance(value, Decimal)):
        yield f"{place}: {value!r} is a number, the samples print {samples}"


def _of_object(value: dict[str, Json], samples: list[Json], place: str) -> Iterator[str]:
    known = {key: [each[key] for each in samples if key in each] for each in samples for key in each}
    known |= {key: [each] for key, each in YOUNGER.get(place, {}).items() if key not in known}
    yield from (f"{place}.{key}: no sample has it" for key in value if key not in known)
    may_lack = {*OPTIONAL.get(place, {}), *YOUNGER.get(place, {})}
    yield from (f"{place}.{key}: missing" for key in known if key not in value and key not in may_lack)
    for key, each in value.items():
        if key in known:
            yield from complaints(each, known[key], f"{place}.{key}")


def _of_text(value: str, samples: list[Json], place: str) -> Iterator[str]:
    """Where the samples print decimals, a decimal stands; elsewhere no number that looks like one with an exponent."""
    texts = [each for each in samples if isinstance(each, str)]
    if all(re.fullmatch(r"-?\d+\.\d+|0", each) for each in texts) and not DECIMAL.fullmatch(value):
        if place == "markPriceUpdate.r" and value == "":
            return  # a contract without funding prints none (sample of COIN-M's premiumIndex)
        if place in DELEVERAGED_AT and OFF_TICK.fullmatch(value):
            return
        yield f"{place}: {value!r} is not printed like {texts}"
    if texts in (["true"], ["false"]) and value not in ("true", "false"):
        yield f"{place}: {value!r} is neither true nor false"


def deleveraged(scene: Scene) -> bool:
    """Whether an account of the scene was part of a deleveraging."""
    return any("adl_autoclose" in path.read_text() for path in scene.folder.glob("*/stream.jsonl"))


def lines_of(path: Path) -> Iterator[Json]:
    raw = path.read_bytes()
    assert not raw or raw.endswith(b"\n")
    for line in raw.splitlines():
        yield loaded(line)


# --- JSON --------------------------------------------------------------------------------------------------


def accounts_of(scene: Scene) -> list[Path]:
    return sorted(each for each in scene.folder.iterdir() if each.name != "market")


def test_answers_have_the_shape_of_the_samples(shared: Path, written: tuple[str, Scene]) -> None:
    name, scene = written
    samples = answer_samples(shared, coin=name in COIN_SCENES)
    for account in accounts_of(scene):
        written_to = {each.stem.partition("-")[0]: each for each in (account / "api").iterdir()}
        assert set(written_to) == set(samples)
        for file, sample in samples.items():
            answer = loaded(written_to[file].read_bytes())
            if file == "leverageBracket":  # the other market's symbols have other keys
                answer = [each for each in answer if ("_" in each["symbol"]) == (name in COIN_SCENES)]
            assert type(answer) is type(sample)
            assert sorted(set(complaints(answer, [sample], file))) == []


def test_messages_have_the_shape_of_the_samples(shared: Path, written: tuple[str, Scene]) -> None:
    name, scene = written
    samples = message_samples(shared)
    for path in [*(account / "stream.jsonl" for account in accounts_of(scene)), scene.folder / "market/marks.jsonl"]:
        for told in lines_of(path):
            assert sorted(set(complaints(told, [samples[told["e"]]], told["e"]))) == []
            if told["e"] == "ORDER_TRADE_UPDATE":
                order = told["o"]
                assert ("AP" in order) == ("cr" in order) == (order["ot"] == "TRAILING_STOP_MARKET")
                assert ("n" in order) == ("N" in order) == (order["x"] == "TRADE")
                assert ("ma" in order) == (name in COIN_SCENES)
            if told["e"] == "ACCOUNT_CONFIG_UPDATE":
                assert ("ac" in told) != ("ai" in told)


def test_brackets_have_the_shape_of_the_samples(shared: Path, written: tuple[str, Scene]) -> None:
    name, scene = written
    (path,) = (scene.folder / "market").glob("leverageBracket_*.json")
    tables = [each for each in loaded(path.read_bytes()) if ("_" in each["symbol"]) == (name in COIN_SCENES)]
    market = CM if name in COIN_SCENES else UM
    sample = bracket_sample(shared, market)
    assert tables
    assert sorted(set(complaints(tables, [sample], "leverageBracket"))) == []
    assert all(type(row[key]) is int for each in tables for row in each["brackets"] for key in COUNTS)


COUNTS = ("bracket", "initialLeverage")


def test_every_kind_is_written_by_some_scene(tmp_path: Path) -> None:
    """So that no list above was compared while it was empty."""
    kinds: set[str] = set()
    for name in ("usdm", "coinm", "two longs", "fund runs dry", "coin liquidated"):
        scene = SCENES[name](tmp_path / name)
        market = "coin " if name in COIN_SCENES else ""
        for path in scene.folder.glob("*/api/*.json"):
            if loaded(path.read_bytes()):
                kinds.add(market + path.stem.partition("-")[0])
        for path in scene.folder.glob("*/*.jsonl"):
            kinds |= {market + each["e"] for each in lines_of(path) if "e" in each}
    lists = {"userTrades", "income", "allOrders", "forceOrders", "positionMarginHistory", "account", "positionRisk"}
    lists |= {"leverageBracket", "adlQuantile"}
    messages = {"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ACCOUNT_CONFIG_UPDATE", "MARGIN_CALL", "markPriceUpdate"}
    messages |= {"aggTrade"}
    both = lists | messages
    assert both | {f"coin {each}" for each in both} | {"symbolConfig", "multiAssetsMargin", "assetIndexUpdate"} == kinds


FORCED_VALUES = ("timeInForce", "type", "reduceOnly", "closePosition", "stopPrice", "workingType", "origType")


def kind_of(row: Json) -> str:
    """`autoclose` or `adl_autoclose`."""
    return str(row["clientOrderId"]).partition("-")[0]


@pytest.mark.parametrize("name", ["fund runs dry", "coin liquidated"])
def test_forced_orders_have_the_values_of_the_samples(shared: Path, tmp_path: Path, name: str) -> None:
    """What each of the venue's own orders says of itself, but size, price and time; and no price of 0."""
    scene, kinds = SCENES[name](tmp_path), set[str]()
    samples = endpoint(shared, f"{CM if name in COIN_SCENES else UM}/Trading/GetForcedOrders")
    for path in scene.folder.glob("*/api/forceOrders.json"):
        for row in loaded(path.read_bytes()):
            like = [each for each in samples if kind_of(each) == kind_of(row)]
            assert all(row[key] == each[key] for each in like for key in FORCED_VALUES), row
            assert D(row["price"]) > 0
            kinds.add(kind_of(row))
    assert kinds == ({"autoclose"} if name in COIN_SCENES else {"autoclose", "adl_autoclose"})


def test_prices_off_the_tick_are_those_of_deleveragings(written: tuple[str, Scene]) -> None:
    _, scene = written
    prices_told = [
        each["o"]["L"] for path in scene.folder.glob("*/stream.jsonl") for each in lines_of(path) if "o" in each
    ]
    assert any(OFF_TICK.fullmatch(price) for price in prices_told) <= deleveraged(scene)


# --- values ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hedged(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return usdm(tmp_path_factory.mktemp("values"))


def answer(scene: Scene, account: str, name: str) -> Json:
    return loaded((scene.folder / account / "api" / f"{name}.json").read_bytes())


@pytest.mark.parametrize("account", ["hedger", "isolated", "multi"])
@exact
def test_positions_are_what_the_exchange_knows(hedged: Scene, account: str) -> None:
    state = hedged.state
    rules, trader = state.genuine.venue, state.traders[account]
    terms = margin(trader.account, Marks(state.prices, state.indices), rules)
    shown = {(each.symbol, each.side): each for each in prices(terms, state.marks, rules)}
    rows = {(each["symbol"], each["positionSide"]): each for each in answer(hedged, account, "positionRisk")}
    open_rows = {key for key, each in rows.items() if D(each["positionAmt"])}
    assert open_rows == {position.key for position in trader.account.open_positions()}
    for pool in terms.pools:
        for each in pool.positions:
            row, leverage = rows[each.symbol, each.side], trader.account.leverage[each.symbol]
            price = shown[each.symbol, each.side].displayed
            assert D(row["liquidationPrice"]) == (price or 0)
            assert D(row["maintMargin"]) == booked(each.maintenance)
            assert D(row["positionInitialMargin"]) == booked(each.notional / leverage)
            assert D(row["unRealizedProfit"]) == booked(each.unrealized)
            assert D(row["isolatedWallet"]) == each.position.isolated_wallet
            assert (row["markPrice"], row["entryPrice"]) == (f"{each.mark:.8f}", f"{each.entry.normalize():f}")
            assert row["adl"] in range(5)


@pytest.mark.parametrize("account", ["hedger", "isolated"])
@exact
def test_totals_are_what_the_exchange_would_grant(hedged: Scene, account: str) -> None:
    state, told = hedged.state, answer(hedged, account, "account")
    trader = state.traders[account]
    (asset,) = told["assets"]
    assert D(asset["walletBalance"]) == trader.account.wallets["USDT"]
    assert abs(D(asset["availableBalance"]) - free(state, trader, "USDT")) < D("1e-6")
    for key in ("walletBalance", "marginBalance", "maintMargin", "initialMargin", "crossWalletBalance", "crossUnPnl"):
        assert asset[key] == told[f"total{key[0].upper()}{key[1:]}"]
    assert D(asset["marginBalance"]) == D(asset["walletBalance"]) + D(asset["unrealizedProfit"])
    for key in ("initialMargin", "unrealizedProfit", "maintMargin"):
        total = sum(D(each[key]) for each in told["positions"])
        assert abs(total - D(asset[key])) <= len(told["positions"]) * D("1e-8")
    assert D(asset["openOrderInitialMargin"]) > 0 if account == "hedger" else D(asset["openOrderInitialMargin"]) == 0


@exact
def test_a_multi_assets_account_is_summed_in_usd(hedged: Scene) -> None:
    state, told = hedged.state, answer(hedged, "multi", "account")
    trader = state.traders["multi"]
    (pool,) = margin(trader.account, state.marks, state.genuine.venue).pools
    assert abs(D(told["totalMarginBalance"]) - pool.balance) <= D("2e-8")
    assert abs(D(told["availableBalance"]) - free(state, trader, "USDT")) < D("1e-6")
    coin = next(each for each in told["assets"] if each["asset"] == "BTC")
    assert abs(D(coin["availableBalance"]) - D(told["availableBalance"]) / 50_000) < D("1e-6") or (
        coin["availableBalance"] == coin["walletBalance"]
    )


def test_orders_tell_their_terms(hedged: Scene) -> None:
    rows = answer(hedged, "hedger", "allOrders")
    (trailing,) = [each for each in rows if "priceRate" in each]
    assert (trailing["activatePrice"], trailing["priceRate"], trailing["priceProtect"]) == ("51000", "0.3", True)
    assert {each["goodTillDate"] for each in rows} == {0, NOON + 86_400_000}
    # The stop was triggered by the mark, and is a market order since.
    (stopped,) = [each for each in rows if each["origType"] == "STOP_MARKET"]
    assert (stopped["type"], stopped["workingType"], stopped["status"]) == ("MARKET", "MARK_PRICE", "FILLED")
    told = [each["o"] for each in lines_of(hedged.folder / "hedger" / "stream.jsonl") if "o" in each]
    assert {each["V"] for each in told} == {"EXPIRE_MAKER"}
    resting = [each for each in told if each["x"] == "NEW" and each["ps"] == "LONG" and D(each["p"]) == 49_100]
    assert [D(each["b"]) for each in resting] == [D("0.1") * 49_000 + D("0.05") * 49_100]


# --- CSV ---------------------------------------------------------------------------------------------------

HEADERS = {
    "Binance-Futures-Trade-History": "Uid,Time(UTC),Symbol,Side,Position Side,Price,Quantity,Amount,Fee,"
    "Realized Profit,Buyer,Maker,Trade Id,Order Id",
    "Binance-Futures-Order-History": "Uid,Time(UTC),Symbol,Type,Side,Position Side,Price,Average Price,Amount,"
    "Executed Amount,Executed Quote Amount,Stop Price,Status,Client Order Id,Time In Force,Activate Price,Price Rate,"
    "Update Time,Order No",
    "Binance-Futures-Transaction-History": "Time,Type,Amount,Asset,Symbol,Transaction ID",
    "Binance-Transaction-History": "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark",
}
"""Stem of the file's name -> its header, as files and public readers of them show it (`docs/spec/exports.md`)."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
FEE = re.compile(r"-?\d+(\.\d{1,8})? (USDT|BTC)")
WORDS = {
    **dict.fromkeys(("Time(UTC)", "Time", "UTC_Time", "Update Time"), MOMENT),
    "Fee": FEE,
    **dict.fromkeys(("Buyer", "Maker"), re.compile("true|false")),
    "Side": re.compile("BUY|SELL"),
    "Position Side": re.compile("Both|Long|Short"),
    **dict.fromkeys(("Uid", "User_ID", "Trade Id", "Order Id", "Order No", "Transaction ID"), re.compile(r"\d+")),
    "Account": re.compile("USD-MFutures|Coin-MFutures"),
    "Remark": re.compile('""'),
    "Change": re.compile(r"-?\d+\.\d{8}"),
    **dict.fromkeys(("Price", "Quantity", "Amount", "Realized Profit", "Average Price", "Executed Amount"), DECIMAL),
    **dict.fromkeys(("Executed Quote Amount", "Stop Price", "Activate Price", "Price Rate"), DECIMAL),
}


def test_exports_are_written_as_the_venue_writes_them(written: tuple[str, Scene]) -> None:
    _, scene = written
    for account in accounts_of(scene):
        names = sorted(each.name for each in (account / "csv").iterdir())
        assert [re.sub(r"-\d{12}\(UTC\+0\)\.csv$", "", each) for each in names] == sorted(HEADERS)
        for path in (account / "csv").iterdir():
            raw = path.read_bytes()
            assert raw.startswith(b"\xef\xbb\xbf")
            assert raw.count(b"\xef\xbb\xbf") == 1
            assert raw.endswith(b"\r\n")
            assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
            header, *rows = raw.decode("utf-8-sig").removesuffix("\r\n").split("\r\n")
            assert header == HEADERS[re.sub(r"-\d{12}\(.*", "", path.name)]
            assert rows
            for row in rows:
                cells = dict(zip(header.split(","), row.split(","), strict=True))
                wrong = {key: cell for key, cell in cells.items() if key in WORDS and not WORDS[key].fullmatch(cell)}
                if OFF_TICK.fullmatch(wrong.get("Price", "")):
                    del wrong["Price"]
                assert not wrong


def test_headers_are_those_that_were_written_down(shared: Path) -> None:
    facts = shared.parent / "facts" / "binance.md"
    if not facts.exists():
        pytest.skip(f"{facts} is not there")
    text = facts.read_text(encoding="utf-8")
    assert [header for header in HEADERS.values() if f"`{header}`" not in text] == []
    assert POSITION_RISK_V3.replace("\n", "") in text


# --- the comparison can fail -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": "1.0", "b": 2}, ""),
        ({"a": "1.0"}, "x.b: missing"),
        ({"a": "1.0", "b": 2, "c": 3}, "x.c: no sample has it"),
        ({"a": 1, "b": 2}, "x.a: 1 is a number"),
        ({"a": "1.0", "b": "2"}, "x.b: '2' is a str"),
        ({"a": "1.0", "b": True}, "x.b: True is a bool"),
        ({"a": "1E-7", "b": 2}, "x.a: '1E-7' is not printed like"),
        ({"a": "0.123456789", "b": 2}, "x.a: '0.123456789' is not printed like"),
    ],
)
def test_what_is_wrong_is_found(value: Json, expected: str) -> None:
    found = list(complaints(value, [{"a": "0.50", "b": 1}], "x"))
    assert [each.startswith(expected) for each in found] == ([True] if expected else [])
