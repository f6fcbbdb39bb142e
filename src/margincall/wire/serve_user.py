"""The other direction: what the user-data stream tells beside an account's diary (`wire/encode.py`): TRADE_LITE,
ALGO_UPDATE, CONDITIONAL_ORDER_TRIGGER_REJECT, listenKeyExpired.

Each is made from the ORDER_TRADE_UPDATE of the same state, so that the two cannot differ. Sources: Binance
documentation 2026-05, its samples, and the models of the venue's SDK 18.1.
"""

from collections.abc import Callable, Mapping

from margincall.wire.spelling import Json

CONDITIONAL = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
TRAILING = "TRAILING_STOP_MARKET"
TRIGGERED = "8"
"""`er` of an order that expired as what it was, because its stop was triggered."""
ENDED = frozenset({"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"})
NOTHING_TRADED = "0.00000"
LITE = ("s", "q", "p", "m", "c", "S", "L", "l", "t", "i")
Activated = Callable[[int], bool]
"""Whether the trailing stop of this id, which lives, follows the price already."""


def listen_key_expired(key: str, time_ms: int) -> Json:
    """The end of a listen key."""
    return {"e": "listenKeyExpired", "E": time_ms, "listenKey": key}


def trade_lite(update: Json) -> Json | None:
    """TRADE_LITE of an ORDER_TRADE_UPDATE; none where it tells no trade."""
    order = update.get("o")
    if update["e"] != "ORDER_TRADE_UPDATE" or not isinstance(order, dict) or order["x"] != "TRADE":
        return None
    return {"e": "TRADE_LITE", "E": update["E"], "T": update["T"], **{key: order[key] for key in LITE}}


def trigger_reject(symbol: str, number: int, reason: str, time_ms: int) -> Json:
    """CONDITIONAL_ORDER_TRIGGER_REJECT, which was told until 2025-12-15."""
    told = {"s": symbol, "i": number, "r": reason}
    return {"e": "CONDITIONAL_ORDER_TRIGGER_REJECT", "E": time_ms, "T": time_ms, "or": told}


class Algos:
    """The conditional orders of an account, told as algo orders. An algo order has the id of the order that it
    becomes."""

    def __init__(self) -> None:
        """None has been triggered."""
        self._triggered_ms: dict[int, int] = {}

    def before(self, update: Json, refused: Mapping[int, str], activated: Activated | None) -> Json | None:
        """ALGO_UPDATE in place of an ORDER_TRADE_UPDATE, if that tells an order that waits or waited. `refused` are
        reasons by id of the order; `activated` is given where messages say whether a trailing stop is."""
        order = _order(update)
        if order is None or order["o"] not in CONDITIONAL:
            return None
        number, time_ms = _number(order["i"]), _number(update["T"])
        status, more = _status(order, refused.get(number))
        if status == "TRIGGERED":
            self._triggered_ms[number] = time_ms
            more = {"ai": str(number), "tt": time_ms}
        found = _algo(update, order, status, more)
        return found if activated is None else _with_activation(found, order, activated)

    def after(self, update: Json, *, says_activated: bool) -> Json | None:
        """ALGO_UPDATE after an ORDER_TRADE_UPDATE, if that tells the end of what an algo order became."""
        order = _order(update)
        if order is None or order["ot"] not in CONDITIONAL or order["o"] in CONDITIONAL or order["X"] not in ENDED:
            return None
        number = _number(order["i"])
        triggered_ms = self._triggered_ms.pop(number, _number(update["T"]))
        more: Json = {
            "o": order["ot"], "ai": str(number), "ap": order["ap"], "aq": order["z"], "act": order["o"],
            "tt": triggered_ms,
        }  # fmt: skip
        found = _algo(update, order, "FINISHED", more)
        return _with_activation(found, order, lambda _: True) if says_activated else found


def _number(field: object) -> int:
    return int(str(field))


def _order(update: Json) -> Json | None:
    order = update.get("o")
    return order if update["e"] == "ORDER_TRADE_UPDATE" and isinstance(order, dict) else None


def _status(order: Json, refused: str | None) -> tuple[str, Json]:
    if order["X"] != "EXPIRED":
        return str(order["X"]), {}
    if order.get("er") == TRIGGERED:
        return "TRIGGERED", {}
    return ("EXPIRED", {}) if refused is None else ("REJECTED", {"rm": refused})


def _algo(update: Json, order: Json, status: str, more: Json) -> Json:
    told: Json = {
        "caid": order["c"],
        "aid": order["i"],
        "at": "CONDITIONAL",
        **{key: order[key] for key in ("o", "s", "S", "ps", "f", "q")},
        "X": status,
        "ai": "",
        "ap": NOTHING_TRADED,
        "aq": NOTHING_TRADED,
        "act": "0",
        "tp": order["sp"],
        **{key: order[key] for key in ("p", "V", "wt", "pm", "cp", "pP", "R")},
        "tt": 0,
        "gtd": order["gtd"],
        **more,
    }
    return {"e": "ALGO_UPDATE", "T": update["T"], "E": update["E"], "o": told}


def _with_activation(found: Json, order: Json, activated: Activated) -> Json:
    """`ia` of a trailing stop says whether it is activated; of others it means nothing."""
    told = found["o"]
    assert isinstance(told, dict)
    is_trailing = told["o"] == TRAILING
    follows = is_trailing and (order.get("AP") == "0" or told["X"] == "TRIGGERED" or activated(_number(order["i"])))
    return {**found, "o": {**told, "ia": follows}}
