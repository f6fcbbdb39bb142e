"""What a run of a scenario looks like: tables for people, and the document for programs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from rich.console import Console

from margincall.cli.output import show
from margincall.core.checks import FAILS
from margincall.core.protocol.moves import FUND
from margincall.core.rounding import plain
from margincall.exchange.events import Deleveraged, LiquidationStarted, LossShared
from margincall.exchange.exports import concerned
from margincall.exchange.judgement import Decision
from margincall.exchange.play import Played
from margincall.exchange.results import AtEnd, Closing, Held, Total, at_end, held, results
from margincall.exchange.scenario import Scenario
from margincall.exchange.scenario_rules import stale
from margincall.exchange.state import Exchange
from margincall.forensics.present import Section

SHOWN = 25
"""Rows of a table on the screen; the files and the JSON hold all."""
EXPLAINED = frozenset({"binance_usdm", "binance_coinm"})
"""Rule-sets that `explain` knows."""
Row = tuple[str, ...]


def show_run(
    out: Console, played: Played, scenario: Scenario, target: Path | None, decisions: Sequence[Decision] = ()
) -> None:
    """What happened, table by table, and where the files are."""
    state = played.state
    out.rule(f"[bold]{scenario.name.replace('[', chr(92) + '[')}", align="left")
    out.print(
        f"Simulated. Rules: {scenario.rules}, seed {scenario.seed}; {len(played.commands):,} commands, "
        f"{state.next_trade - 1:,} trades, {len(state.liquidations):,} liquidated positions.",
        markup=False,
    )
    for symbol, day in stale(state.genuine, scenario.day).items():
        out.print(f"Brackets of {symbol}: those of {day}, the latest known (assumed: bracket-unchanged).", markup=False)
    for section in (*sections(played, scenario), *disputes(decisions)):
        show(out, section, rigid=True)
    for line in _last_lines(played, scenario, target):
        out.print(line, markup=False, soft_wrap=True)


def sections(played: Played, scenario: Scenario) -> Iterator[Section]:
    """The tables of a run; a table of nothing is left out."""
    clock = _Clock(scenario.day)
    closings, totals = results(played.events)
    yield from _liquidations(clock, closings, totals)
    yield from _taken_over(clock, closings)
    yield from _deleveraged(clock, played)
    yield from _shared(clock, played)
    yield from _fund(clock, played.state)
    if not closings:
        began = any(isinstance(each, LiquidationStarted) for each in played.events)
        what = "Nobody could close what was liquidated." if began else "Nobody was liquidated."
        yield _accounts(played.state, scenario, f"{what} Accounts at the end")
    refused = [(clock(each.time_ms), each.account, each.wanted, each.text) for each in played.refused]
    yield from _table(f"Refused by the exchange, {clock}", ("time", "account", "wanted", "why"), refused)


class _Clock:
    """Times of a run: of its first day without the day, which stands in the title."""

    def __init__(self, day: str) -> None:
        self.day = day

    def __call__(self, time_ms: int) -> str:
        at = datetime.fromtimestamp(time_ms / 1000, UTC)
        return f"{at:%H:%M:%S}" if at.date().isoformat() == self.day else f"{at:%m-%d %H:%M:%S}"

    def __str__(self) -> str:
        return f"{self.day}, UTC"


def _liquidations(clock: _Clock, closings: Sequence[Closing], totals: Sequence[Total]) -> Iterator[Section]:
    """Position by position; a total where there are several, or where others have paid a part."""
    assets = sorted({each.asset for each in closings})
    rows: list[Row] = []
    for total in totals:
        own = [each for each in closings if each.number == total.number]
        for each in own:
            sizes = [_size(size) for size in (each.book, each.fund, each.deleveraged)]
            result = _money(each.result, each.asset, assets)
            rows.append((clock(each.time_ms), each.account, f"{each.symbol} {each.side}", *sizes,
                         _number(each.price, 2), result))  # fmt: skip
        paid = {asset: amount for asset, amount in total.covered.items() if amount}
        rows += _extra(total.account, "paid by others", paid, assets)
        if len(own) > 1 or paid:
            rows += _extra(total.account, "in total", total.result, assets)
    columns = ("time", "account", "position", "book", "fund", "adl", "average\nprice", _headed("result", assets))
    yield from _table(f"Liquidations, {clock}", columns, rows, (3, 4, 5, 6, 7), without_empty=(3, 4, 5))


def _extra(account: str, what: str, amounts: Mapping[str, Decimal], assets: Sequence[str]) -> list[Row]:
    return [("", account, what, "", "", "", "", _money(amount, asset, assets)) for asset, amount in amounts.items()]


def _taken_over(clock: _Clock, closings: Sequence[Closing]) -> Iterator[Section]:
    rows = [
        (clock(each.time_ms), each.account, f"{each.symbol} {each.side}", _size(each.fund), _number(each.fund_price, 2))
        for each in closings
        if each.fund_price is not None
    ]
    columns = ("time", "account", "position", "size", "price")
    yield from _table(f"Taken over by the insurance fund, {clock}", columns, rows, (3, 4))


def _deleveraged(clock: _Clock, played: Played) -> Iterator[Section]:
    rows = [
        (clock(each.time_ms), each.account, f"{each.symbol} {'short' if each.quantity > 0 else 'long'}",
         _size(abs(each.quantity)), _number(each.price, 2), f"{each.rank} ({'●' * each.lights})")
        for each in played.events if isinstance(each, Deleveraged)
    ]  # fmt: skip
    columns = ("time", "account", "position", "closed", "price", "place (lights)")
    yield from _table(f"Deleveraged, {clock}", columns, rows, (3, 4))


def _shared(clock: _Clock, played: Played) -> Iterator[Section]:
    """Who paid what an account could not: the fund, then others; what stays with nobody."""
    shared = [each for each in played.events if isinstance(each, LossShared)]
    assets = sorted({each.asset for each in shared})
    rows = [
        (clock(each.time_ms), each.account, payer, _money(amount, each.asset, assets))
        for each in shared
        for payer, amount in {"insurance fund": each.fund, **each.charges, "nobody": each.left}.items()
        if amount
    ]
    columns = ("time", "loss of", "paid by", _headed("amount", assets))
    yield from _table(f"Shared losses, {clock}", columns, rows, (3,))


def _fund(clock: _Clock, state: Exchange) -> Iterator[Section]:
    history = [
        (clock(each.time_ms), each.reason.replace("_", " "), _amount(each.amount, each.asset),
         _amount(each.balance, each.asset), each.asset)
        for each in state.fund_history
    ]  # fmt: skip
    yield from _table(f"Insurance fund, {clock}", ("time", "what", "change", "holds", "asset"), history, (2, 3))
    rows = [
        (
            _position(each),
            _number(each.entry, 2),
            _number(each.mark, 2),
            f"{_amount(each.unrealized, each.asset)} {each.asset}",
        )
        for each in held(state, FUND)
    ]
    columns = ("position", "entry", "mark", "unrealised PnL")
    yield from _table("Open positions of the insurance fund at the end", columns, rows, (1, 2, 3))


def disputes(decisions: Sequence[Decision]) -> Iterator[Section]:
    """What the dispute desk answered, and which checks did not hold."""
    rows = [
        (str(each.liquidation), each.account, "upheld" if each.upheld else "rejected",
         ", ".join(f"{_amount(amount, asset)} {asset}" for asset, amount in each.refund.items()) or "–",
         ", ".join(f"{said.kind.replace('_', ' ')} ({said.about})" for said in each.findings if said.verdict == FAILS))
        for each in decisions
    ]  # fmt: skip
    columns = ("liquidation", "account", "answer", "refund", "what does not hold")
    yield from _table("Disputes", columns, rows, (0, 3))


def _accounts(state: Exchange, scenario: Scenario, title: str) -> Section:
    """How everybody stands where no liquidation closed anything; a crowd in one line."""
    rows = [
        (each.account, ", ".join(f"{_amount(amount, asset)} {asset}" for asset, amount in each.wallets.items()),
         ", ".join(map(_position, each.positions)) or "–", _ratio(each))
        for each in at_end(state, [account.name for account in scenario.account])
    ]  # fmt: skip
    for crowd in scenario.crowd:
        drawn = list(at_end(state, [f"{crowd.name}-{number}" for number in range(1, crowd.count + 1)]))
        holding = [each for each in drawn if each.positions]
        worst = max(holding, key=lambda each: each.ratio or Decimal(0), default=None)
        ratio = "–" if worst is None else f"at most {_ratio(worst)}"
        rows.append((f"{len(drawn):,} of {crowd.name}", "", f"{len(holding):,} hold positions", ratio))
    columns = ("account", "wallet", "open position", "margin ratio")
    return Section(title, columns, tuple(rows), (3,))


def _ratio(each: AtEnd) -> str:
    if not each.positions:
        return "–"
    return "nothing left" if each.ratio is None else f"{_number(each.ratio * 100, 2)} %"


def _position(each: Held) -> str:
    return f"{'long' if each.quantity > 0 else 'short'} {_number(abs(each.quantity))} {each.symbol}"


def _table(
    title: str, columns: Row, rows: Sequence[Row], right: tuple[int, ...] = (), *, without_empty: tuple[int, ...] = ()
) -> Iterator[Section]:
    """The table, if it has rows: the last ones, without those of some columns in which nothing stands."""
    if not rows:
        return
    empty = {place for place in without_empty if not any(row[place] for row in rows)}
    kept = [place for place in range(len(columns)) if place not in empty]
    more = f"the last {SHOWN} of {len(rows):,}" if len(rows) > SHOWN else ""
    yield Section(
        title,
        tuple(columns[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in rows[-SHOWN:]),
        tuple(number for number, place in enumerate(kept) if place in right or columns[place] == "time"),
        more,
    )


def _last_lines(played: Played, scenario: Scenario, target: Path | None) -> Iterator[str]:
    """Where the files are, and how to explain one of those that were liquidated."""
    if target is None:
        return
    name = next((each.account for each in played.state.liquidations), "")
    where = f"Files: {target}/."
    if not name:
        yield f"{where} They hold the market alone."
    elif scenario.rules not in EXPLAINED:
        yield f"{where} `margincall explain` knows Binance's rules only, so it cannot judge these liquidations."
    else:
        paths = shlex.join([f"{target}/{name}/stream.jsonl", f"{target}/market"])
        yield f"{where} Explain one: margincall explain {paths}"


def document(
    played: Played, scenario: Scenario, target: Path | None, decisions: Sequence[Decision] = ()
) -> dict[str, object]:
    """The run for programs: `margincall.exchange.run/1`."""
    state = played.state
    closings, totals = results(played.events)
    told = {name for event in played.events for name in getattr(event, "assumptions", ())}
    return {
        "schema": "margincall.exchange.run/1",
        "scenario": scenario.name,
        "rules": scenario.rules,
        "seed": scenario.seed,
        "commands": len(played.commands),
        "trades": state.next_trade - 1,
        "liquidations": closings,
        "totals": totals,
        "deleveraged": [each for each in played.events if isinstance(each, Deleveraged)],
        "shared_losses": [each for each in played.events if isinstance(each, LossShared)],
        "fund": state.fund_history,
        "fund_positions": held(state, FUND),
        "accounts": list(at_end(state, [account.name for account in scenario.account])),
        "disputes": decisions,
        "files": None if target is None else str(target),
        "folders": [] if target is None else concerned(played.events),
        "problems": played.refused,
        "assumptions": sorted({*told, *state.genuine.assumed}),
        "brackets_unchanged_since": stale(state.genuine, scenario.day),
    }


def _headed(what: str, assets: Sequence[str]) -> str:
    """The head of a column of money: with the asset, if it is the same in all rows."""
    return f"{what}\n{assets[0]}" if len(assets) == 1 else what


def _money(amount: Decimal, asset: str, assets: Sequence[str]) -> str:
    """An amount, with its asset if that does not stand in the head."""
    return _amount(amount, asset) + ("" if len(assets) == 1 else f" {asset}")


def _amount(amount: Decimal, asset: str) -> str:
    """With two decimals of a dollar, with eight of a coin."""
    return _number(amount, 2 if asset == "U" or "USD" in asset else 8)


def _size(size: Decimal) -> str:
    """A size; nothing where it is 0."""
    return _number(size) if size else ""


def _number(value: Decimal | None, places: int | None = None) -> str:
    """A number for people."""
    if value is None:
        return "–"
    return f"{value:,.{places}f}" if places is not None else f"{plain(value):,f}"
