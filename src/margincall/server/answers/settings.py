"""What an account sets: position mode, asset mode, leverage, margin type, margin of isolated positions, fee burning."""

from decimal import Decimal

import msgspec

from margincall.core.account import SIDES, MarginType
from margincall.core.rounding import plain
from margincall.exchange import commands
from margincall.exchange.rejections import Code
from margincall.exchange.standing import limit_of
from margincall.server.answers.spans import span
from margincall.server.call import Call
from margincall.server.errors import ApiError
from margincall.server.routing import Param, Route
from margincall.server.standings import trader_of
from margincall.wire.spelling import Json, text

MARGIN_WORDS: dict[str, MarginType] = {"ISOLATED": "isolated", "CROSSED": "cross"}
ADDS, TAKES = "1", "2"
MOVES = frozenset({ADDS, TAKES})
MOVES_DAYS, MOVES_LIMIT = 30, 500
LEVERAGE_MOST = 2**31 - 1


def done() -> Json:
    """What a setting answers."""
    return {"code": 200, "msg": "success"}


def position_mode(call: Call) -> Json:
    """`GET /fapi/v1/positionSide/dual`."""
    return {"dualSidePosition": trader_of(call.venue, call.account).hedge}


async def set_position_mode(call: Call) -> Json:
    """`POST /fapi/v1/positionSide/dual`."""
    hedge = call.params.need_flag("dualSidePosition")
    await call.venue.do(commands.SetPositionMode(account=call.account, hedge=hedge))
    return done()


def asset_mode(call: Call) -> Json:
    """`GET /fapi/v1/multiAssetsMargin`."""
    return {"multiAssetsMargin": trader_of(call.venue, call.account).account.multi_assets}


async def set_asset_mode(call: Call) -> Json:
    """`POST /fapi/v1/multiAssetsMargin`."""
    multi = call.params.need_flag("multiAssetsMargin")
    await call.venue.do(commands.SetAssetMode(account=call.account, multi_assets=multi))
    return done()


async def set_leverage(call: Call) -> Json:
    """`POST /fapi/v1/leverage`."""
    symbol, leverage = call.need_symbol(), call.params.need_integer("leverage", -LEVERAGE_MOST, LEVERAGE_MOST)
    await call.venue.do(commands.SetLeverage(account=call.account, symbol=symbol, leverage=leverage))
    limit = limit_of(trader_of(call.venue, call.account).account, call.venue.state.rules.venue, symbol)
    return {"leverage": leverage, "maxNotionalValue": text(plain(limit)), "symbol": symbol}


async def set_margin_type(call: Call) -> Json:
    """`POST /fapi/v1/marginType`."""
    symbol, word = call.need_symbol(), call.params.need_word("marginType", frozenset(MARGIN_WORDS))
    await call.venue.do(commands.SetMarginType(account=call.account, symbol=symbol, margin=MARGIN_WORDS[word]))
    return done()


async def move_margin(call: Call) -> Json:
    """`POST /fapi/v1/positionMargin`; the amount is answered as a JSON number, digit by digit."""
    symbol, amount = call.need_symbol(), call.params.need_decimal("amount")
    kind = call.params.need_word("type", MOVES)
    side = SIDES[call.params.word("positionSide", frozenset(SIDES)) or "BOTH"]
    if amount <= 0:
        raise ApiError(Code.AMOUNT_NOT_POSITIVE.code, Code.AMOUNT_NOT_POSITIVE.text)
    signed = amount if kind == ADDS else -amount
    await call.venue.do(
        commands.MoveMargin(account=call.account, symbol=symbol, amount=signed, position_side=side)
    )  # fmt: skip
    return {
        "amount": _number(amount), "code": 200, "msg": "Successfully modify position margin.", "type": int(kind)
    }  # fmt: skip


def margin_moves(call: Call) -> list[msgspec.Raw]:
    """`GET /fapi/v1/positionMargin/history`: of the last 30 days."""
    symbol, kind = call.need_symbol(), call.params.word("type", MOVES)
    since_ms, until_ms = span(call, days=MOVES_DAYS, most_days=MOVES_DAYS)
    rows = call.venue.archive.find(
        "positionMargin",
        call.account,
        now_ms=call.now_ms,
        symbol=symbol,
        kinds=[kind] if kind else [],
        since_ms=since_ms,
        until_ms=until_ms,
        limit=call.params.limit(MOVES_LIMIT, MOVES_LIMIT),
        last="startTime" not in call.params.found,
    )
    return [msgspec.Raw(row) for row in rows]


def fee_burn(call: Call) -> Json:
    """`GET /fapi/v1/feeBurn`."""
    return {"feeBurn": call.account in call.venue.fee_burners}


async def set_fee_burn(call: Call) -> Json:
    """`POST /fapi/v1/feeBurn`: kept and told; fees are charged in the margin asset all the same (assumed)."""
    call.venue.burn_fees(call.account, on=call.params.need_flag("feeBurn"))
    await call.venue.noted()
    return done()


def _number(number: Decimal) -> msgspec.Raw:
    return msgspec.Raw(text(plain(number)).encode())


SYMBOL = Param("symbol", "symbol", required=True)
ROUTES = (
    Route("GET", "/fapi/v1/positionSide/dual", position_mode, security="read", weight=30),
    Route("POST", "/fapi/v1/positionSide/dual", set_position_mode, security="trade", params=(
        Param("dualSidePosition", "flag", required=True),
    )),
    Route("GET", "/fapi/v1/multiAssetsMargin", asset_mode, security="read", weight=30),
    Route("POST", "/fapi/v1/multiAssetsMargin", set_asset_mode, security="trade", params=(
        Param("multiAssetsMargin", "flag", required=True),
    )),
    Route("POST", "/fapi/v1/leverage", set_leverage, security="trade", params=(
        SYMBOL, Param("leverage", "integer", required=True),
    )),
    Route("POST", "/fapi/v1/marginType", set_margin_type, security="trade", params=(
        SYMBOL, Param("marginType", "word", True, tuple(sorted(MARGIN_WORDS))),
    )),
    Route("POST", "/fapi/v1/positionMargin", move_margin, security="trade", params=(
        SYMBOL, Param("amount", "decimal", required=True), Param("type", "word", True, tuple(sorted(MOVES))),
        Param("positionSide", "word", words=tuple(sorted(SIDES))),
    )),
    Route("GET", "/fapi/v1/positionMargin/history", margin_moves, security="read", params=(
        SYMBOL, Param("type", "word", words=tuple(sorted(MOVES))), Param("startTime", "integer"),
        Param("endTime", "integer"), Param("limit", "integer"),
    )),
    Route("GET", "/fapi/v1/feeBurn", fee_burn, security="read", weight=30),
    Route("POST", "/fapi/v1/feeBurn", set_fee_burn, security="trade", params=(
        Param("feeBurn", "flag", required=True),
    )),
)  # fmt: skip
