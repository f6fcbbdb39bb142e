"""Which marks the rule allows, from small markets made by hand: what nobody can tell accuses nobody."""

from decimal import Decimal

from margincall.core.events import Source
from margincall.forensics.verify.prices import Allowed, allowed_at, allowed_in, mark_bar
from margincall.history.public import Bar, FundingRate, Market, PriceKind, Tick, Trade

T0 = 1_780_000_020_000
"""A full minute."""
SECOND, MINUTE = 1000, 60_000


def tick(off_ms: int, index: str = "100", mark: str = "100", rate: str | None = "0", *, file: str = "m") -> Tick:
    """A tick so long after `T0`."""
    told = None if rate is None else Decimal(rate)
    return Tick("X", T0 + off_ms, Decimal(mark), Decimal(index), told, T0 + 3_600_000, Source(file, 1))


def trade(off_ms: int, price: str, symbol: str = "X", *, file: str = "t") -> Trade:
    """A trade so long after `T0`."""
    return Trade(symbol, T0 + off_ms, Decimal(price), Source(file, 1))


def market(*rows: Tick | Trade) -> Market:
    """A market of ticks and trades."""
    ticks = tuple(each for each in rows if isinstance(each, Tick))
    trades = {
        symbol: tuple(each for each in rows if isinstance(each, Trade) and each.symbol == symbol) for symbol in "XY"
    }
    return Market(ticks={"X": ticks}, trades=trades)


def span(found: Allowed | None) -> tuple[Decimal, Decimal]:
    """Least and most."""
    assert found is not None
    return found.low, found.high


def test_an_old_trade_is_no_last_price() -> None:
    """A trade of an hour ago tells nothing of now; one of a minute ago does, where the trades go on."""
    now = tick(0)
    assert allowed_at(now, market(now, trade(-3_600_000, "99.9"), trade(2 * SECOND, "99.9"))) is None
    assert allowed_at(now, market(now, trade(-MINUTE - 1, "99.9"), trade(2 * SECOND, "99.9"))) is None
    assert allowed_at(now, market(now, trade(-MINUTE, "99.9"), trade(2 * SECOND, "99.8"))) is not None


def test_trades_must_go_on() -> None:
    """Where the trades end before the second is over, or pause for longer than a minute, nobody can tell the last."""
    now, before = tick(0), trade(-SECOND, "99.9")
    assert allowed_at(now, market(now, before)) is None
    assert allowed_at(now, market(now, before, trade(900, "99.9"))) is None
    assert allowed_at(now, market(now, before, trade(SECOND + MINUTE + 1, "99.9"))) is None
    assert allowed_at(now, market(now, before, trade(SECOND, "99.9"))) is not None


def test_another_message_of_the_file_shows_that_it_goes_on() -> None:
    """A trade of another symbol, or a tick, in the same file; not one of another file."""
    now, before = tick(0), trade(-SECOND, "99.9")
    assert allowed_at(now, market(now, before, trade(SECOND, "5", "Y"))) is not None
    assert allowed_at(now, market(now, before, trade(SECOND, "5", "Y", file="u"))) is None
    assert allowed_at(now, market(now, before, tick(SECOND, file="t"))) is not None
    assert allowed_at(now, market(now, before, tick(SECOND))) is None


def test_an_unknown_rate_is_the_widest_one() -> None:
    """Not 0; a rate that is printed as 0 is 0."""
    around = (trade(-SECOND, "100"), trade(SECOND, "100"))
    for rate, expected in (("0", (100, 100)), (None, (98, 102))):
        now = tick(0, rate=rate)
        assert span(allowed_at(now, market(now, *around))) == expected


def test_the_basis_of_the_window_moves_with_the_index() -> None:
    """Two minutes ago the last price was 2 above the index; the index has fallen since, and Price 2 is at most that
    index and 2. A basis of three minutes ago counts no more."""
    now = tick(0, "90")
    quiet = (trade(-30 * SECOND, "90"), trade(SECOND, "90"))
    early = (tick(-120 * SECOND, "80"), trade(-120 * SECOND, "82"))
    assert span(allowed_at(now, market(*early, tick(-31 * SECOND, "90"), now, *quiet))) == (82, 92)
    old = (tick(-180 * SECOND, "80"), trade(-180 * SECOND, "82"))
    assert span(allowed_at(now, market(*old, tick(-29 * SECOND, "90"), now, *quiet))) == (90, 90)


def bar(price: PriceKind, minute: int, low: str, high: str, *, length: int = MINUTE) -> Bar:
    """A candle that opens at its low and closes at its high."""
    source = Source("c", 1)
    ends = (Decimal(low), Decimal(high), Decimal(low), Decimal(high))
    return Bar("X", price, T0 + minute * MINUTE, length, *ends, source)


RATES = (FundingRate("X", T0, Decimal(0), None, Source("f", 1)),)


def test_candles_must_be_of_the_same_time() -> None:
    """An index of one minute says nothing of a last price of five; without the one before nobody knows where it
    stood."""
    mark = bar("mark", 0, "100", "101")
    index, index_before = bar("index", 0, "100", "101"), bar("index", -1, "100", "100")
    last, last_before = bar("last", 0, "100", "101"), bar("last", -1, "100", "100")
    whole = (mark, index, index_before, last, last_before)
    assert span(allowed_in(whole, mark, RATES)) == (99, 102)
    five = bar("last", 0, "100", "101", length=5 * MINUTE)
    assert allowed_in((mark, index, index_before, five, last_before), mark, RATES) is None
    assert allowed_in((mark, index, last, last_before), mark, RATES) is None
    assert allowed_in((mark, index, index_before, last), mark, RATES) is None


def test_longer_candles_have_the_one_before_at_their_own_distance() -> None:
    """Five minutes before, of five minutes; and they are taken where the shorter mark has no counterparts."""
    long = 5 * MINUTE
    bars = [bar(price, at, "100", "101", length=long) for price in ("mark", "index", "last") for at in (-5, 0)]  # type: ignore[arg-type]
    short = bar("mark", 0, "100", "100.5")
    chosen = mark_bar([short, *bars], T0)
    assert chosen is not None
    assert chosen.interval_ms == long
    assert span(allowed_in(bars, chosen, RATES)) == (99, 102)
    assert mark_bar([short], T0) == short


def test_the_basis_of_the_candles_before_counts() -> None:
    """The minutes of the window tell what the basis was lately."""
    bars = [bar(price, at, "100", "100") for price in ("mark", "index", "last") for at in (-1, 0)]  # type: ignore[arg-type]
    mark = bars[1]
    assert span(allowed_in(bars, mark, RATES)) == (100, 100)
    early = [bar("index", -3, "80", "80"), bar("last", -3, "82", "82")]
    assert span(allowed_in([*bars, *early], mark, RATES)) == (100, 102)
