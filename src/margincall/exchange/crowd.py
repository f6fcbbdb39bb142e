"""Many accounts drawn by a seed: what a market full of leveraged traders looks like."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from random import Random
from typing import Literal

from margincall.config import SpanMs
from margincall.core.contract import Contract
from margincall.core.rounding import booked, exact
from margincall.exchange.scenario import AccountPart, Crowd, PositionPart, Scenario

GRAIN = 1000
"""Parts into which a range is cut to draw from it."""
USED = Decimal("0.9")
"""How much of its money an account puts into its positions at most."""


def drawn(scenario: Scenario, contracts: Mapping[str, Contract]) -> list[AccountPart]:
    """The accounts of all crowds; the same seed gives the same ones."""
    return [
        account for number, crowd in enumerate(scenario.crowd) for account in _drawn(crowd, number, scenario, contracts)
    ]


@exact
def _drawn(crowd: Crowd, number: int, scenario: Scenario, contracts: Mapping[str, Contract]) -> Iterator[AccountPart]:
    symbols = [part.symbol for part in scenario.contract]
    for place in range(1, crowd.count + 1):
        rng = Random(f"{scenario.seed}:{number}:{place}")
        mode = rng.choice(crowd.modes)
        chosen = rng.sample(symbols, min(rng.randint(1, crowd.positions), len(symbols)))
        asset = contracts[chosen[0]].margin_asset
        chosen = [symbol for symbol in chosen if contracts[symbol].margin_asset == asset]
        deposit = booked(_between(rng, *crowd.deposit))
        legs = [(symbol, side) for symbol in chosen for side in _sides(rng, crowd, mode)]
        share = deposit * USED / len(legs)
        leverages = {symbol: rng.randint(*crowd.leverage) for symbol in chosen}
        yield AccountPart(
            name=f"{crowd.name}-{place}",
            deposit={asset: deposit},
            margin="isolated" if mode == "isolated" else "cross",
            hedge=mode == "hedge",
            multi_assets=mode == "multi",
            position=tuple(
                PositionPart(
                    symbol=symbol,
                    side=side,
                    notional=booked(share * leverages[symbol] * _between(rng, Decimal("0.3"), Decimal("0.95"))),
                    leverage=leverages[symbol],
                    at=SpanMs(rng.randrange(crowd.within)),
                )
                for symbol, side in legs
            ),
        )


def _sides(rng: Random, crowd: Crowd, mode: str) -> list[Literal["long", "short"]]:
    """Long or short; in hedge mode now and then both."""
    side: Literal["long", "short"] = "long" if rng.randrange(GRAIN) < crowd.longs * GRAIN else "short"
    if mode == "hedge" and not rng.randrange(3):
        return ["long", "short"]
    return [side]


def _between(rng: Random, low: Decimal, high: Decimal) -> Decimal:
    return low + (high - low) * rng.randint(0, GRAIN) / GRAIN
