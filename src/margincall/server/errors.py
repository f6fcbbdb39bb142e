"""Refusals of the API: the venue's codes and texts (USDⓈ-M documentation, 2026-05) that no command of the engine has.

What the engine refuses (`exchange/rejections.py`) is answered with its own code, and with the venue's text where the
engine's says less.
"""

from collections.abc import Mapping

from margincall.exchange.commands import AnyCommand
from margincall.exchange.events import Rejected
from margincall.exchange.rejections import Code
from margincall.exchange.state import Exchange


class ApiError(Exception):
    """Answered as `{"code", "msg"}`. `status` is that of HTTP, `retry_after_s` goes into the header."""

    def __init__(self, code: int, msg: str, status: int = 400, retry_after_s: int | None = None) -> None:
        """`code` is negative."""
        super().__init__(msg)
        self.code, self.msg, self.status, self.retry_after_s = code, msg, status, retry_after_s

    def told(self) -> None:
        """To be called by whoever answers it: most refusals are one object for as long as the server runs, and would
        keep every call that they ended."""
        self.__traceback__ = self.__context__ = self.__cause__ = None


MULTI = "Unable to adjust Multi-Assets Mode with"
TEXTS: Mapping[Code, str] = {
    Code.BAD_COMBINATION: Code.BAD_COMBINATION.text,
    Code.BAD_PRECISION: Code.BAD_PRECISION.text,
    Code.BAD_ASSET: Code.BAD_ASSET.text,
    Code.PRICE_TOO_LOW: Code.PRICE_TOO_LOW.text,
    Code.PRICE_NOT_ON_TICK: Code.PRICE_NOT_ON_TICK.text,
    Code.STOP_NOT_POSITIVE: Code.STOP_NOT_POSITIVE.text,
    Code.STOP_TOO_HIGH: Code.STOP_TOO_HIGH.text,
    Code.DUPLICATED_CLIENT_ID: "clientOrderId is duplicated",
    Code.NO_COUNTERPARTY: "The counterparty's best price does not meet the PERCENT_PRICE filter limit",
    Code.ASSET_MODE_IS_HELD:
        "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin mode.",
    Code.ASSET_MODE_HAS_ORDERS: f"{MULTI} open orders in USDⓈ-M Futures.",
    Code.SAME_ASSET_MODE:
        "Adjusted asset mode is currently set and does not need to be adjusted repeatedly.",
    Code.ASSET_MODE_NEGATIVE:
        f"{MULTI} a negative wallet balance of margin available asset in USDⓈ-M Futures account.",
    Code.BAD_GOOD_TILL:
        "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than "
        "253402300799000 (UTC 9999-12-31 23:59:59)",
}  # fmt: skip
"""The venue's texts where the engine's are shorter, or name a parameter where the venue does not."""
BY_NUMBER = {each.code: each for each in Code}


def of_rejected(event: Rejected, command: AnyCommand | None = None, state: Exchange | None = None) -> ApiError:
    """What the engine refused of a command, in the venue's words."""
    code = BY_NUMBER[event.code]
    name = event.text.removeprefix(code.text).strip()
    match code:
        case Code.MALFORMED:
            return missing(name) if name.isidentifier() else ApiError(code.code, code.text)
        case Code.PARAM_NOT_REQUIRED:
            return not_required(name or "price")
        case Code.NOT_VALID:
            return invalid(name) if name.isidentifier() else ApiError(-1130, "Invalid data sent for a parameter.")
        case Code.BAD_LEVERAGE:
            return ApiError(code.code, f"Leverage {getattr(command, 'leverage', '')} is not valid")
        case Code.NOTIONAL_TOO_SMALL:
            return ApiError(code.code, f"{_least_notional(command, state)} (unless you choose reduce only)")
        case Code.AMENDED_TOO_SMALL:
            return ApiError(code.code, _least_notional(command, state))
        case Code.MARK_UNKNOWN:
            return NOT_TRADING
        case _:
            return ApiError(code.code, TEXTS.get(code, event.text))


def _least_notional(command: AnyCommand | None, state: Exchange | None) -> str:
    market = state.markets.get(getattr(command, "symbol", "")) if state is not None else None
    least = f"{market.listing.filters.min_notional:f}" if market is not None else "the minimum"
    return f"Order's notional must be no smaller than {least}"


def missing(name: str) -> ApiError:
    """A mandatory parameter was not sent, was empty, or is no value of its kind."""
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def empty(name: str) -> ApiError:
    """A parameter was sent without a value."""
    return ApiError(-1105, f"Parameter '{name}' was empty.")


def neither(one: str, other: str) -> ApiError:
    """Of two parameters, one of which must be sent, there is none."""
    return ApiError(-1102, f"Param '{one}' or '{other}' must be sent, but both were empty/null!")


def not_required(name: str) -> ApiError:
    """A parameter that does not go with the others."""
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def illegal(name: str, legal: str) -> ApiError:
    """A parameter holds what no such parameter may hold; `legal` is the range as the venue prints it."""
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def invalid(name: str) -> ApiError:
    """A value that is none of those allowed."""
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


UNKNOWN_METHOD = ApiError(-5000, "Path or method is invalid.", 404)
KEY_FORMAT = ApiError(-2014, "API-key format invalid.", 401)
KEY_UNKNOWN = ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
SIGNATURE = ApiError(-1022, "Signature for this request is not valid.")
AHEAD = ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
OUTSIDE = ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")
WINDOW_TOO_LARGE = ApiError(-1131, "recvWindow must be less than 60000")
BAD_SYMBOL = ApiError(-1121, "Invalid symbol.")
NOT_TRADING = ApiError(-1122, "Invalid symbol status.")
"""A symbol that has no mark yet, or is halted (assumed)."""
NOT_AMENDABLE = ApiError(-5024, "Symbol is not in trading status. Order amendment is not permitted.")
BAD_PRECISION = ApiError(-1111, Code.BAD_PRECISION.text)
UNKNOWN_ORDER = ApiError(-2011, Code.CANCEL_REJECTED.text)
NO_SUCH_ORDER = ApiError(-2013, Code.NO_SUCH_ORDER.text)
BAD_INTERVAL = ApiError(-1120, "Invalid interval.")
NO_MESSAGE = ApiError(-1013, "INVALID_MESSAGE.")
TOO_LARGE = ApiError(-1101, "Too many parameters sent for this endpoint.", 413)
