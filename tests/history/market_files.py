"""Small files of market data in the layouts that the store reads, with made-up prices."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

START = 1_738_540_800_000
"""2025-02-03 00:00 UTC."""
MINUTE = 60_000
HOUR = 60 * MINUTE
KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
AGG = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
METRICS = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)


def kline(place: int, *, price: str = "100.10", high: str = "101.00", low: str = "99.00", volume: str = "5.5") -> str:
    """The candle that opens `place` minutes after the start, in the portal's twelve columns."""
    at = START + place * MINUTE
    return f"{at},{price},{high},{low},100.00,{volume},{at + MINUTE - 1},550.0,7,2.0,200.0,0"


def written(path: Path, lines: Sequence[str]) -> Path:
    """A text file of these lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def zipped(path: Path, lines: Sequence[str]) -> Path:
    """The portal's archive: one CSV of the same name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.with_suffix(".csv").name, "\n".join(lines) + "\n")
    return path


def answered(path: Path, value: object) -> Path:
    """An answer of the API."""
    path.write_text(json.dumps(value))
    return path
