"""Disputes from end to end: a venue errs, a user writes a bundle from exports alone, the desk answers.

    faulted      a scenario with one fault that hurts: the bundle accuses, the desk upholds, the refund is the harm;
                 the ticket asks for no more than that
    unfaulted    a scenario without one: nothing irregular is found; the question that `--anyway` writes is rejected
    forged       a claim of a fault that never was, about an unfaulted run: rejected

The harm is computed here, from two runs of the scenario: max(0, equity of the account in the run without the fault −
equity in the faulted run), both when the liquidation ended, open positions at the mark of the run without the fault;
equity from the fold of the account's own events. Nothing of the desk is used for it.

    python -m tests.accept.disputes [COUNT [FIRST]]
"""

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from functools import partial
from pathlib import Path

from msgspec import structs

from margincall.case.bundle import copies_of, texts, write
from margincall.case.coverage import coverage_of
from margincall.case.dispute import decide
from margincall.case.folder import Writer, create, readable_paths
from margincall.core.account import Account
from margincall.core.events import Fill, Flow, MarginMove, MarkPrice, Setting
from margincall.core.fold import fold
from margincall.core.rounding import CONTEXT, booked
from margincall.core.units import ZERO, Price
from margincall.exchange.bundles import judged
from margincall.exchange.events import AnyExchangeEvent, LiquidationEnded
from margincall.exchange.exports import number_of, write_account, write_all
from margincall.exchange.judgement import Decision
from margincall.exchange.play import Played, play
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.scenario import Scenario, read_scenario
from margincall.exchange.scenario_rules import rule_set_of
from margincall.forensics.answer import answer
from margincall.forensics.verify.run import verified
from margincall.history.bracket_store import load_book
from margincall.wire.claims import CLAIM, Claim, Disputed, Wrong, decode, encode
from tests.worth import worth

D = Decimal
VICTIM = "ann"
OTHER = "bea"
"""A second account of the same owner, in some scenarios."""
BOOK = load_book()
BIG = "BTCUSDT"
"""Its clearance fee and its tables are published."""
SECONDS = 90
COUNT = 240
"""So many seeds give 200 of each: in two of the twelve kinds the run without the fault has no liquidation."""
FEE_AND_SPREAD = D("0.001")
"""What opening costs of the margin of an isolated position."""


@dataclass(frozen=True)
class Drawn:
    """A scenario with one fault, whose account is hurt by it."""

    kind: str
    text: str


@dataclass(frozen=True)
class Shown:
    """What came of one seed: `problem` is empty where everything was as it should be."""

    seed: int
    kind: str
    outcome: str
    harm: Mapping[str, Decimal]
    problem: str = ""


# --- what is drawn ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Base:
    """A position that a move of `away` (a share of the price) liquidates. `leverage`: isolated with that."""

    chance: random.Random
    notional: int
    away: D
    leverage: int = 0
    index: bool = False
    liquidity: str = "depth = 20000"
    fund: int = 1_000_000

    @property
    def rate(self) -> D:
        """Maintenance margin per notional, of BTCUSDT at this size."""
        return rate_of(self.notional)


def rate_of(notional: int) -> D:
    """Maintenance margin per notional, by the last table of BTCUSDT."""
    row = next(each for each in BOOK.tables[BIG][-1].table.rows if notional <= each.cap)
    return row.rate - row.cum / notional


def scenario(base: Base, moves: Sequence[tuple[int, D]], fault: str, more: str = "", position: str = "") -> str:
    """The text of a scenario. `moves` are shares of the price by which it has gone against the position, by second;
    `{at_0_01}` in the other texts is the price that has gone so by 0.01, `{price}` that of the start."""
    chance = base.chance
    side = chance.choice(("long", "short"))
    sign = -1 if side == "long" else 1
    price = D(chance.randrange(20_000, 90_000))
    points = ", ".join(f'["{at}s", {moved(price, sign * move)}]' for at, move in moves)
    quantity = (base.notional / price).quantize(D("0.001"))
    deposit = (base.notional * (base.away + base.rate + D("0.0005"))).quantize(D("0.01"))
    leverage = base.leverage or (25 if base.notional > 300_000 else 125)
    where = "isolated" if base.leverage else "cross"
    values = Values(price, sign, {"side": side, "other": "short" if side == "long" else "long", "quantity": quantity})
    return f"""
name = "a dispute"
seed = {chance.randrange(10**6)}
start = 2026-09-20T15:59:20Z
end = "{SECONDS}s"
fund = {{ USDT = {base.fund} }}
[[contract]]
symbol = "{BIG}"
path = [{points}]
index = {str(base.index).lower()}
funding = {str(base.index).lower()}
liquidity = {{ {base.liquidity} }}
[[account]]
name = "{VICTIM}"
deposit = {{ USDT = {deposit * 2 if base.leverage else deposit} }}
margin = "{where}"
[[account.position]]
symbol = "{BIG}"
side = "{side}"
quantity = {quantity}
leverage = {leverage}
at = "3s"
{position.format_map(values)}
{more.format_map(values)}
[[fault]]
{fault.format_map(values)}
"""


def moved(price: D, share: D) -> D:
    """A price on the tick, moved by a share."""
    return (price * (1 + share)).quantize(D("0.1"))


class Values(dict[str, object]):
    """Prices by how far they have gone against the position: `{at_0_01}`."""

    def __init__(self, price: D, sign: int, more: Mapping[str, object]) -> None:
        super().__init__(more)
        self.price, self.sign = price, sign

    def __missing__(self, name: str) -> object:
        share = D(name.removeprefix("at_").replace("_", "."))
        return moved(self.price, self.sign * share)


def _at(share: D) -> str:
    """The name of a price in `Values`."""
    return "{at_" + str(share).replace(".", "_") + "}"


def _share(chance: random.Random, low: str, high: str) -> D:
    """A share of the price between two, to the 1e-5."""
    return D(chance.randrange(int(D(low) * 10**5), int(D(high) * 10**5) + 1)) / 10**5


def small(chance: random.Random, *, index: bool = False) -> Base:
    """A position of the first brackets, cross or isolated."""
    notional = chance.randrange(20_000, 250_000)
    if chance.random() < 0.3:
        leverage = chance.randrange(40, 90)
        away = (D(1) / leverage - rate_of(notional) - FEE_AND_SPREAD).quantize(D("0.00001"))
        return Base(chance, notional, away, leverage=leverage, index=index)
    return Base(chance, notional, _share(chance, "0.009", "0.02"), index=index)


def large(chance: random.Random, liquidity: str = "depth = 2000000") -> Base:
    """A position whose maintenance margin is more than the clearance fee: something is left after it."""
    notional = chance.randrange(35_000_000, 65_000_000)
    return Base(chance, notional, _share(chance, "0.03", "0.05"), liquidity=liquidity, fund=10**8)


def _ending(base: Base) -> list[tuple[int, D]]:
    """At last the price goes through the trigger, so that the run without the fault has a liquidation too."""
    return [(70, base.away * D("0.3")), (84, base.away + D("0.002")), (SECONDS - 1, base.away + D("0.002"))]


def wrong_brackets(chance: random.Random) -> str:
    """For some seconds the venue asks up to twice the margin, while the price is close."""
    base = small(chance)
    near = base.away - base.rate * _share(chance, "0.2", "0.6")
    moves = [(0, D(0)), (5, D(0)), (40, near), (60, near), *_ending(base)]
    return scenario(base, moves, f'kind = "wrong_brackets"\nsymbol = "{BIG}"\nvalue = 2\nat = "45s"\nuntil = "55s"')


def early_liquidation(chance: random.Random) -> str:
    """The desk liquidates whom it should not."""
    base = small(chance)
    half = base.away * _share(chance, "0.1", "0.8")
    moves = [(0, D(0)), (5, D(0)), (40, half), (60, half), *_ending(base)]
    fault = f'kind = "early_liquidation"\nsymbol = "{BIG}"\naccount = "{VICTIM}"\nat = "{chance.randrange(20, 60)}s"'
    return scenario(base, moves, fault)


TRADER = """
[[account]]
name = "t{at}"
deposit = {{{{ USDT = 100000 }}}}
[[account.position]]
symbol = "BTCUSDT"
side = "{{side}}"
quantity = 0.001
at = "{at}s"
"""
"""Somebody whose trade tells the last price of a time."""


def wrong_mark(chance: random.Random) -> str:
    """The mark is a price that nobody traded at."""
    base = small(chance, index=True)
    half = base.away * _share(chance, "0.1", "0.6")
    moves = [(0, D(0)), (5, D(0)), (30, half), (60, half), *_ending(base)]
    beyond = (base.away * _share(chance, "1.1", "2")).quantize(D("0.00001"))
    until = chance.randrange(53, 60)
    fault = f'kind = "wrong_mark"\nsymbol = "{BIG}"\nat = "50s"\nuntil = "{until}s"\nvalue = {_at(beyond)}'
    return scenario(base, moves, fault, "".join(TRADER.format(at=at) for at in (20, 40, 48, 52, 61, 75)))


def late_liquidation(chance: random.Random) -> str:
    """The desk sleeps while the price goes on."""
    base = large(chance)
    further = base.away + _share(chance, "0.002", "0.006")
    moves = [(0, D(0)), (5, D(0)), (30, base.away - D("0.001")), (50, further), (SECONDS - 1, further)]
    return scenario(base, moves, f'kind = "late_liquidation"\nsymbol = "{BIG}"\nat = "10s"\nuntil = "60s"')


def _through(base: Base, fault: str, more: str = "", position: str = "") -> str:
    """The price goes through the trigger."""
    past = base.away + D("0.002")
    moves = [(0, D(0)), (5, D(0)), (60, past), (SECONDS - 1, past)]
    return scenario(base, moves, fault, more, position)


def wrong_clearance_rate(chance: random.Random) -> str:
    """Another rate of the fee."""
    rate = D(chance.randrange(126, 200)) / 10_000
    return _through(large(chance), f'kind = "wrong_clearance_rate"\nvalue = {rate}\nat = "10s"')


def fee_twice(chance: random.Random) -> str:
    """A share of the fee once more."""
    return _through(large(chance), f'kind = "fee_twice"\nvalue = {_share(chance, "0.001", "1")}\nat = "10s"')


def wrong_fee_base(chance: random.Random) -> str:
    """A fee on more than was liquidated."""
    return _through(large(chance), f'kind = "wrong_fee_base"\nvalue = {chance.randrange(10, 100_000)}\nat = "10s"')


def fill_beyond_bankruptcy(chance: random.Random) -> str:
    """Into a thin book, beyond the limit."""
    base = replace(small(chance), liquidity='depth = 20000, thins_at = "20s", thins_to = 0.001')
    ticks = D(chance.randrange(200, 20_000)) / 10
    return _through(base, f'kind = "fill_beyond_bankruptcy"\nsymbol = "{BIG}"\nvalue = {ticks}\nat = "10s"')


def orders_not_cancelled(chance: random.Random) -> str:
    """A stop beyond the trigger stays, and fires long after the liquidation: only so can anybody see that it stayed."""
    base = small(chance)
    past, stop = base.away + D("0.002"), base.away + D("0.005")
    moves = [(0, D(0)), (5, D(0)), (60, past), (75, past), (82, stop + D("0.001")), (SECONDS - 1, stop + D("0.001"))]
    return scenario(base, moves, 'kind = "orders_not_cancelled"\nat = "10s"', position=f"stop = {_at(stop)}")


def wrong_funding_rate(chance: random.Random) -> str:
    """At the full hour the account pays more than the rate that is told, and is liquidated later."""
    base = small(chance, index=True)
    sign = D(chance.randrange(2, 30)) / 10_000
    text = _through(base, f'kind = "wrong_funding_rate"\nsymbol = "{BIG}"\nvalue = {sign}\nat = "10s"')
    return text if 'side = "long"' in text else text.replace(f"value = {sign}", f"value = -{sign}")


CROWDED = """
[[account]]
name = "{name}"
deposit = {{{{ USDT = {deposit} }}}}
[[account.position]]
symbol = "BTCUSDT"
side = "{{{side}}}"
quantity = {quantity}
leverage = {leverage}
at = "{at}s"
"""


MORE = """
[[account.position]]
symbol = "BTCUSDT"
side = "{side}"
quantity = 0.001
leverage = 100
at = "70s"
"""


def _fallen(chance: random.Random, fund: int) -> tuple[Base, str]:
    """The other way round: the price runs in favour of the account, and whoever holds the other side goes under in a
    book that is too thin. A second account on its side stands higher in the queue."""
    notional = chance.randrange(60_000, 250_000)
    base = Base(
        chance, notional, D("0.3"), liquidity='depth = 20000, thins_at = "20s", thins_to = 0.001', fund=fund
    )  # fmt: skip
    more = CROWDED.format(name=OTHER, deposit=notional // 30, side="side", quantity="{quantity}", leverage=100, at=5)
    more += MORE  # of the other account: its recording must go on past the deleveraging
    more += CROWDED.format(name="cid", deposit=notional // 60, side="other", quantity="{quantity}", leverage=100, at=7)
    return base, more


def _gone(base: Base, chance: random.Random) -> list[tuple[int, D]]:
    """A jump that nobody could trade in."""
    jump = -_share(chance, "0.03", "0.06")
    return [(0, D(0)), (30, D(0)), (31, jump), (SECONDS - 1, jump)]


def adl_out_of_rank(chance: random.Random) -> str:
    """Who stands first in the queue goes to its end."""
    base, more = _fallen(chance, fund=0)
    return scenario(base, _gone(base, chance), 'kind = "adl_out_of_rank"\nvalue = 1\nat = "10s"', more)


def socialise_despite_fund(chance: random.Random) -> str:
    """A loss is shared although the fund has enough."""
    base, more = _fallen(chance, fund=1_000_000)
    value = chance.randrange(20, 2_000)
    return scenario(base, _gone(base, chance), f'kind = "socialise_despite_fund"\nvalue = {value}\nat = "10s"', more)


KINDS: Mapping[str, Callable[[random.Random], str]] = {
    each.__name__: each
    for each in (
        wrong_brackets, early_liquidation, wrong_mark, late_liquidation, wrong_clearance_rate, fee_twice,
        wrong_fee_base, fill_beyond_bankruptcy, orders_not_cancelled, wrong_funding_rate, adl_out_of_rank,
        socialise_despite_fund,
    )
}  # fmt: skip


def drawn(seed: int) -> Drawn:
    """The kinds go round, the rest is drawn by the seed."""
    kind = list(KINDS)[seed % len(KINDS)]
    return Drawn(kind, KINDS[kind](random.Random(f"dispute {seed}")))


# --- the two runs and the harm ----------------------------------------------------------------------------


def played(text: str, *, faulty: bool) -> tuple[Played, RuleSet, Scenario]:
    """A run of the scenario, with its fault or without."""
    found = read_scenario(text, "drawn.toml")
    found = found if faulty else structs.replace(found, fault=())
    rules = rule_set_of(found, Path(), BOOK)
    return play(found, rules, Path()), rules, found


@dataclass(frozen=True)
class Stand:
    """An account when a liquidation ended, and the marks of then."""

    account: Account
    marks: Mapping[str, Price]


def harm(wrong: Played, right: Played, rules: RuleSet, number: int) -> dict[str, D]:
    """What the account lost by the fault, by asset: from the fold of its events in both runs up to the time when the
    liquidation of the faulted run ended."""
    until_ms = next(
        each.time_ms for each in wrong.events if isinstance(each, LiquidationEnded) and each.number == number
    )
    was, due = (_stand(run.events, rules, until_ms) for run in (wrong, right))
    with localcontext(CONTEXT):
        had, has = (worth(each.account, due.marks, rules.venue) for each in (due, was))
        lost = {asset: had.get(asset, ZERO) - has.get(asset, ZERO) for asset in sorted({*had, *has})}
        return {asset: amount for asset in lost if (amount := booked(max(lost[asset], ZERO)))}


def _stand(events: Iterable[AnyExchangeEvent], rules: RuleSet, until_ms: int) -> Stand:
    account = Account()
    marks: dict[str, Price] = {}
    for event in events:
        if event.time_ms > until_ms:
            break
        if isinstance(event, MarkPrice):
            marks[event.symbol] = Price(event.price)
        elif isinstance(event, Fill | Flow | MarginMove | Setting) and event.account == VICTIM:
            account = fold(account, event, rules.venue)
    return Stand(account, marks)


# --- the user, and the desk -------------------------------------------------------------------------------


def bundle(
    run: Played, day: str, folder: Path, *, level: str, reference: str = "", anyway: bool = False
) -> tuple[str, Path | None]:
    """What a user makes of a run's files alone: a case folder, then the bundle; its advice, and where it is."""
    write_all(run, folder / "run", day)
    files = [folder / "run" / VICTIM / level, folder / "run" / "market"]
    create(folder / "case", "a dispute", 0)
    with Writer(folder / "case") as writer:
        for path in files:
            for file in sorted(path.rglob("*") if path.is_dir() else [path]):
                writer.add(file, "exported", 0)
    paths = readable_paths((folder / "case",))
    found = answer(paths, BOOK, coverage=coverage_of((folder / "case",)))
    others = []
    if OTHER in run.state.traders:
        write_account(folder / OTHER, OTHER, run.events, run.state.genuine.venue, run.state.time_ms)
        others = [answer([folder / OTHER / level, folder / "run" / "market"], BOOK)]
    decided = decide(found, verified(found, paths, others)[0])
    if decided.advice == "nothing" and not anyway:
        return decided.advice, None
    copies = copies_of(paths)
    write(folder / "bundle", texts(found, decided, copies, reference=reference), copies)
    return decided.advice, folder / "bundle"


def forged(claim: Claim) -> Claim:
    """The claim of a question, with a fault that never was and a refund."""
    wrong = Wrong(kind="too_early", says="liquidated before the margin was used up", amount=D(1000), unit="USDT")
    lies: list[Disputed] = [
        structs.replace(each, asked="refund", irregularities=(wrong,), refund={"USDT": D(1000)})
        for each in claim.disputed
    ]
    return structs.replace(
        claim, conclusion="irregular", advice="dispute", disputed=tuple(lies), refund={"USDT": D(1000)}
    )


def desk(run: Played, rules: RuleSet, found: Scenario, claim: Claim) -> list[Decision]:
    """What the dispute desk answers, by its own journal."""
    return judged(run, rules, found, claim)


def shown(seed: int, *, only: str = "") -> list[Shown]:
    """One seed: its faulted run, the same without the fault, and a forgery of that."""
    what = drawn(seed)
    wrong, rules, found = played(what.text, faulty=True)
    right, right_rules, right_found = played(what.text, faulty=False)
    assert right_rules == rules
    with tempfile.TemporaryDirectory() as folder:
        results = [_faulted(seed, what, (wrong, right), rules, found, Path(folder))]
        results += _unfaulted(seed, what, right, rules, right_found, Path(folder) / "right")
    return results


def _faulted(
    seed: int, what: Drawn, runs: tuple[Played, Played], rules: RuleSet, found: Scenario, *folder: Path
) -> Shown:
    wrong, right = runs
    told = partial(Shown, seed, what.kind)
    advice, where = bundle(wrong, found.day, folder[0], level=_level(seed), reference=_reference(what, seed))
    if advice != "dispute" or where is None:
        return told(f"not found: {advice}", {}, "not found")
    claim = decode((where / CLAIM).read_bytes())
    decisions = desk(wrong, rules, found, claim)
    problems = [] if decisions else ["no decision"]
    lost: dict[str, D] = {}
    for decision in decisions:
        lost = harm(wrong, right, rules, decision.liquidation)
        problems += [] if decision.upheld else [f"liquidation {decision.liquidation} not upheld"]
        if decision.refund != lost:
            problems.append(f"liquidation {decision.liquidation}: refund {dict(decision.refund)}, harm {lost}")
    if any(amount > lost.get(asset, ZERO) for asset, amount in claim.refund.items()):
        problems.append(f"asked {claim.refund}, harm {lost}")
    return told("rejected" if problems else "upheld" if lost else "upheld, no harm", lost, "; ".join(problems))


def _unfaulted(seed: int, what: Drawn, run: Played, rules: RuleSet, found: Scenario, *folder: Path) -> Iterable[Shown]:
    told = partial(Shown, seed, what.kind)
    if not any(each.account == VICTIM for each in run.state.liquidations):
        yield told("no liquidation", {})
        return
    advice, where = bundle(run, found.day, folder[0], level=_level(seed), reference=_reference(what, seed), anyway=True)
    if advice == "dispute" or where is None:
        yield told("accused", {}, f"an unfaulted run: {advice}")
        return
    claim = decode((where / CLAIM).read_bytes())
    decisions = desk(run, rules, found, claim)
    yield told("question", {}, _rejected(decisions))
    (where / CLAIM).write_bytes(encode(forged(claim)))
    again, rules, found = played(what.text, faulty=False)
    yield told("forged", {}, _rejected(desk(again, rules, found, decode((where / CLAIM).read_bytes()))))


def _rejected(decisions: Sequence[Decision]) -> str:
    if not decisions:
        return "no decision"
    return "upheld without a fault" if any(each.upheld or each.refund for each in decisions) else ""


def _reference(what: Drawn, seed: int) -> str:
    """The account's number: only the user knows it, unless orders tell whose the claim is."""
    is_needed = what.kind == "socialise_despite_fund" or seed % 3 == 0
    return str(number_of(VICTIM)) if is_needed else ""


def _level(seed: int) -> str:
    return ("stream.jsonl", "api")[seed % 2]


def results(count: int, first: int = 0) -> list[Shown]:
    """What came of so many seeds, on two processes."""
    with ProcessPoolExecutor(2) as pool:
        return [each for found in pool.map(shown, range(first, first + count), chunksize=4) for each in found]


def figure(found: Sequence[Shown]) -> str:
    """How many of each kind of bundle were answered, in one line."""
    counted = Counter(each.outcome for each in found if not each.problem)
    faulted = [each for each in found if each.outcome.startswith("upheld") and not each.problem]
    hurt = sum(bool(each.harm) for each in faulted)
    missed = sum(each.outcome.startswith("not found") for each in found)
    return (
        f"{len(faulted)} faulted upheld ({hurt} with a refund, each the harm), {counted['question']} unfaulted "
        f"rejected, {counted['forged']} forged rejected, {missed} faults not found by verify, "
        f"{sum(bool(each.problem) for each in found)} wrong"
    )


def is_shown(found: Sequence[Shown], least: int = 200) -> bool:
    """Whether at least so many of each were answered rightly, and none wrongly."""
    right = Counter(each.outcome.partition(",")[0] for each in found if not each.problem)
    return all(right[each] >= least for each in ("upheld", "question", "forged")) and not any(
        each.problem for each in found
    )


def main(arguments: Sequence[str]) -> int:
    """All seeds, counted by kind and outcome."""
    count, first = (*map(int, arguments), *(COUNT, 0)[len(arguments) :])
    found = results(count, first)
    for (kind, outcome), number in sorted(Counter((each.kind, each.outcome) for each in found).items()):
        print(f"{kind:22} {outcome:24} {number}")
    for each in found:
        if each.problem:
            print(f"seed {each.seed} {each.kind} {each.outcome}: {each.problem}")
    print(figure(found))
    return 0 if is_shown(found, count * 200 // COUNT) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
