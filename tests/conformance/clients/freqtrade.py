"""freqtrade in live mode, as a subprocess: it opens twenty times its stake, and the position ends by its stop or by a
liquidation. What happened is looked for on both sides: in the exchange's answers, and in freqtrade's log and database.

freqtrade is told addresses and a strategy (`freqtrade_strategies/twenty.py`) and nothing else; where the venue's own
addresses lead to the server (`tests/conformance/tls.py`), no address, but an authority to trust. The server must have
no market of its own: prices are moved from here.
"""

import hashlib
import hmac
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from market import START, SYMBOL, TICK, Market
from outcome import Control, Outcomes, arguments, need

PAIR = "BTC/USDT:USDT"
STRATEGIES = Path(__file__).parent.parent / "freqtrade_strategies"
STAKE, LEVERAGE = 100, 20
STOP, BEYOND = Decimal("0.995"), Decimal("0.999")
"""Where the strategy's stop lies below the entry, and how far below a liquidation price the price is moved."""
START_S, NOTICE_S, LOOK_S = 120, 60, 0.5
"""freqtrade looks every five seconds."""


class Account:
    """What the exchange tells of an account by its API."""

    def __init__(self, rest: str, key: str, secret: str) -> None:
        """The key that freqtrade has, too."""
        self.rest, self.key, self.secret = rest, key, secret

    def ask(self, path: str, **params: object) -> Any:
        """The answer to a signed question."""
        query = urllib.parse.urlencode({**params, "timestamp": time.time_ns() // 1_000_000})
        signature = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{self.rest}{path}?{query}&signature={signature}"
        with urllib.request.urlopen(urllib.request.Request(url, headers={"X-MBX-APIKEY": self.key})) as answer:
            return json.load(answer)

    def position(self) -> Any:
        """The open position, if there is one."""
        return next(iter(self.ask("/fapi/v3/positionRisk", symbol=SYMBOL)), None)

    def stops(self) -> Any:
        """The conditional orders that wait."""
        return self.ask("/fapi/v1/openAlgoOrders", symbol=SYMBOL)


class Freqtrade:
    """A running freqtrade: its log and its database."""

    def __init__(self, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        """`folder` is where it was told to put them."""
        self._folder, self._process = folder, process

    def log(self) -> str:
        """What it logged until now."""
        path = self._folder / "freqtrade.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def trade(self) -> dict[str, Any] | None:
        """Its first trade, as its database has it."""
        found = self._rows("SELECT * FROM trades ORDER BY id")
        return found[0] if found else None

    def orders(self) -> list[dict[str, Any]]:
        """Its orders, as its database has them."""
        return self._rows("SELECT * FROM orders ORDER BY id")

    def _rows(self, query: str) -> list[dict[str, Any]]:
        path = self._folder / "trades.sqlite"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                return [dict(each) for each in connection.execute(query)]
            except sqlite3.OperationalError:
                return []  # its tables are not there yet

    def wait(self, what: str, found: Callable[[], Any], patience_s: float) -> Any:
        """What `found` gives once that is something. Raises `AssertionError` with the end of the log."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            if answer := found():
                return answer
            time.sleep(LOOK_S)
        tail = " / ".join(self.log().splitlines()[-6:])
        raise AssertionError(f"{what}: not within {patience_s} s (exit {self._process.poll()}): {tail}")

    def lines(self, *words: str) -> list[str]:
        """The lines of its log with these words."""
        return [line for line in self.log().splitlines() if all(word in line for word in words)]


def addresses(account: Account, authority: str) -> dict[str, Any]:
    """What ccxt in freqtrade is told: addresses and to ask no other market, or only an authority."""
    if authority:
        return {"requests_trust_env": True, "cafile": authority}
    paths = {
        "fapiPublic": "/fapi/v1", "fapiPublicV2": "/fapi/v2", "fapiPublicV3": "/fapi/v3", "fapiPrivate": "/fapi/v1",
        "fapiPrivateV2": "/fapi/v2", "fapiPrivateV3": "/fapi/v3", "fapiData": "/futures/data",
    }  # fmt: skip
    options = {"fetchCurrencies": False, "fetchMarkets": {"types": ["linear"]}}
    return {"options": options, "urls": {"api": {name: account.rest + path for name, path in paths.items()}}}


def config(account: Account, folder: Path, authority: str) -> dict[str, Any]:
    """What `docs/how-to/serve.md` tells, with a stake and market orders."""
    pricing = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
    return {
        "dry_run": False, "initial_state": "running", "trading_mode": "futures", "margin_mode": "isolated",
        "stake_currency": "USDT", "stake_amount": STAKE, "max_open_trades": 1, "fiat_display_currency": "",
        "entry_pricing": pricing, "exit_pricing": pricing,
        "exchange": {
            "name": "binance", "key": account.key, "secret": account.secret, "pair_whitelist": [PAIR],
            "ccxt_config": addresses(account, authority),
        },
        "pairlists": [{"method": "StaticPairList"}],
        "db_url": f"sqlite:///{folder / 'trades.sqlite'}",
    }  # fmt: skip


@contextmanager
def running(account: Account, strategy: str, authority: str) -> Iterator[Freqtrade]:
    """freqtrade in live mode, until this has ended."""
    with tempfile.TemporaryDirectory(prefix="freqtrade-") as name:
        folder = Path(name)
        (folder / "config.json").write_text(json.dumps(config(account, folder, authority)), encoding="utf-8")
        (folder / "user_data").mkdir()
        command = [
            sys.executable, "-m", "freqtrade", "trade", "--config", "config.json", "--userdir", "user_data",
            "--strategy-path", str(STRATEGIES), "--strategy", strategy, "--logfile", "freqtrade.log",
        ]  # fmt: skip
        with (folder / "out.txt").open("wb") as out:
            process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, env=os.environ)
            try:
                yield Freqtrade(folder, process)
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def with_stop(outcomes: Outcomes, control: Control, market: Market, said: Namespace) -> None:
    """It opens, places its stop, and sees that the stop was hit."""
    account = Account(said.rest, *control.account("freqtrade-stop"))
    with running(account, "Twenty", said.authority) as bot:
        outcomes.show("starts in live mode", lambda: started(bot))
        outcomes.show("opens a position of 20 times its stake", lambda: opened(bot, account))
        outcomes.show("places its stop at the exchange", lambda: stop_placed(bot, account))
        outcomes.show("its stop is triggered and it closes the trade", lambda: stopped(bot, account, market))


def without_stop(outcomes: Outcomes, control: Control, market: Market, said: Namespace) -> None:
    """It opens, is liquidated, and sees that its position is gone."""
    account = Account(said.rest, *control.account("freqtrade-liquidated"))
    with running(account, "TwentyWithoutStop", said.authority) as bot:
        outcomes.show("opens a position of 20 times its stake, without a stop", lambda: opened(bot, account))
        outcomes.show("is liquidated and notices", lambda: liquidated(bot, account, market))


def started(bot: Freqtrade) -> str:
    """Until it says that it runs."""
    bot.wait("no start", lambda: bot.lines("Changing state to: RUNNING"), START_S)
    need(bot.lines("Dry run is disabled"), "it is no live mode")
    return "its log: " + bot.lines("Using CCXT")[0].split(" - ")[-1]


def opened(bot: Freqtrade, account: Account) -> str:
    """An isolated position of twenty times its margin at the exchange, and a trade in its database."""
    position = bot.wait("no position", account.position, START_S)
    trade = bot.wait("no fill in its database", lambda: _filled(bot), NOTICE_S)
    (settings,) = account.ask("/fapi/v1/symbolConfig", symbol=SYMBOL)
    need((settings["leverage"], settings["marginType"]) == (LEVERAGE, "ISOLATED"), settings)
    notional, margin = Decimal(position["notional"]), Decimal(position["initialMargin"])
    need(notional == margin * LEVERAGE and margin > STAKE * Decimal("0.9"), position)
    need(trade["leverage"] == LEVERAGE, trade)
    need(Decimal(str(trade["amount"])) == Decimal(position["positionAmt"]), (trade, position))
    need(Decimal(str(trade["open_rate"])) == Decimal(position["entryPrice"]), (trade, position))
    return f"{position['positionAmt']} {SYMBOL} at {position['entryPrice']}, margin {margin:f} USDT, in both"


def _filled(bot: Freqtrade) -> dict[str, Any] | None:
    trade = bot.trade()
    return trade if trade is not None and trade["amount"] and trade["fee_open_currency"] else None


def stop_placed(bot: Freqtrade, account: Account) -> str:
    """A stop among the exchange's waiting orders, and the same in log and database."""
    (stop,) = bot.wait("no stop", account.stops, NOTICE_S)
    kind = {name: stop[name] for name in ("algoType", "orderType", "side", "reduceOnly", "workingType")}
    due = {
        "algoType": "CONDITIONAL", "orderType": "STOP_MARKET", "side": "SELL", "reduceOnly": True,
        "workingType": "MARK_PRICE",
    }  # fmt: skip
    need(kind == due, stop)
    position = account.position()
    need(stop["quantity"] == position["positionAmt"], (stop, position))
    need(abs(Decimal(stop["triggerPrice"]) / Decimal(position["entryPrice"]) - STOP) < Decimal("0.0001"), stop)
    bot.wait("no stop in its log", lambda: bot.lines("stoploss market order added", stop["triggerPrice"]), NOTICE_S)
    bot.wait("no stop in its database", lambda: _order(bot, str(stop["algoId"]), "stoploss"), NOTICE_S)
    return f"algo order STOP_MARKET, reduce only, at {stop['triggerPrice']} by the mark price, in both"


def _order(bot: Freqtrade, number: str, side: str) -> dict[str, Any] | None:
    return next((each for each in bot.orders() if (each["order_id"], each["ft_order_side"]) == (number, side)), None)


def stopped(bot: Freqtrade, account: Account, market: Market) -> str:
    """The price falls below the stop: no position is left, and its trade is closed by it."""
    (stop,) = account.stops()
    market.move((Decimal(stop["triggerPrice"]) * BEYOND).quantize(TICK))
    need(account.position() is None, "a position is left")
    trade = bot.wait("its trade is open", lambda: _closed(bot), NOTICE_S)
    need(trade["exit_reason"] == "stoploss_on_exchange", trade)
    ended = account.ask("/fapi/v1/algoOrder", algoId=stop["algoId"])
    need(ended["algoStatus"] == "FINISHED", ended)
    need(Decimal(str(trade["close_rate"])) == Decimal(ended["actualPrice"]), (trade, ended))
    need(bot.lines("STOPLOSS is hit"), "nothing in its log")
    need(not (worse := bot.lines(" - WARNING - ") + bot.lines(" - ERROR - ")), worse)
    return f"closed at {ended['actualPrice']}, exit reason {trade['exit_reason']}"


def _closed(bot: Freqtrade) -> dict[str, Any] | None:
    trade = bot.trade()
    return trade if trade is not None and not trade["is_open"] else None


def liquidated(bot: Freqtrade, account: Account, market: Market) -> str:
    """The price falls below the liquidation price: the exchange closes the position by an order of its own, and
    freqtrade finds that order. (It has no exit reason for that: 2026.9 writes `sold_on_exchange`.)"""
    need(not account.stops(), "there is a stop")
    position = account.position()
    market.move((Decimal(position["liquidationPrice"]) * BEYOND).quantize(TICK))
    need(account.position() is None, "a position is left")
    (forced,) = account.ask("/fapi/v1/forceOrders", symbol=SYMBOL, autoCloseType="LIQUIDATION")
    need(forced["clientOrderId"].startswith("autoclose-"), forced)
    need(forced["executedQty"] == position["positionAmt"], forced)
    trade = bot.wait("its trade is open", lambda: _closed(bot), NOTICE_S)
    number = str(forced["orderId"])
    need(_order(bot, number, "sell"), "the liquidation is not in its database")
    need(bot.lines("Not enough BTC in wallet to exit", "Trying to recover"), "it did not miss its position")
    need(bot.lines("Found previously unknown order", number), "it did not find the liquidation")
    need(Decimal(str(trade["close_rate"])) == Decimal(forced["avgPrice"]), (trade, forced))
    need(trade["exit_reason"] == "sold_on_exchange", trade)
    reason, lost = trade["exit_reason"], -trade["close_profit_abs"]
    return (
        f"order {forced['clientOrderId'].split('-')[0]} at {forced['avgPrice']}; in its log an unknown order, "
        f"in its database exit reason {reason} and {lost:.2f} USDT lost; at the exchange {_lost(account):f} USDT lost"
    )


def _lost(account: Account) -> Decimal:
    """What the account lost in all, the clearance fee with it."""
    rows = account.ask("/fapi/v1/income")
    return -sum((Decimal(each["income"]) for each in rows if each["incomeType"] != "TRANSFER"), Decimal())


def main() -> None:
    """Two runs at one market."""
    said = arguments()
    name = "tls_freqtrade" if said.authority else "freqtrade"
    outcomes, control = Outcomes(name, said.out), Control(said.control, said.token)
    market = Market(control)
    market.wait_for_candle(said.rest)
    with_stop(outcomes, control, market, said)
    market.move(START)
    without_stop(outcomes, control, market, said)


if __name__ == "__main__":
    main()
