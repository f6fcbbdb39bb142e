"""Runs the cases and says where they differ. `python -m tests.cases.runner --update [NAME …]` writes what the package
says into the `expect` blocks, to be reviewed as a diff; lines of the oracle, published and wrong digits stay."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from margincall.core.brackets import Bracket, in_force
from margincall.core.contract import notional
from margincall.core.margin import PoolTerms, PositionTerms, margin
from margincall.core.rounding import exact
from margincall.core.units import Price
from tests.cases import from_oracle
from tests.cases.answers import Answers, answers, book, state
from tests.cases.text import Block, Case, block_of, cases, load, save

HOW = {"rounded": ROUND_HALF_UP, "truncated": ROUND_DOWN}


def differences(case: Case, ours: Answers) -> Iterator[str]:
    """Every line of a case that the package says otherwise, and every term that the case leaves out."""
    told: dict[str, dict[str, str]] = {}
    for block in (*case.of("oracle"), *case.of("expect")):
        told.setdefault(block.name, {}).update(block.pairs())
    for name in sorted({*told, *ours}):
        expected, found = told.get(name, {}), ours.get(name, {})
        for path in dict.fromkeys([*found, *expected]):
            if found.get(path) != expected.get(path):
                yield f"{name}: {path}: {found.get(path, 'not said')} != {expected.get(path, 'not in the case')}"


def published(case: Case, ours: Answers) -> Iterator[str]:
    """Every published number that ours does not round or truncate to, as the case says it does."""
    for block in case.of("published"):
        for path, told in block.pairs().items():
            name, _, term = path.partition(": ")
            if fault := misprint(Decimal(ours[name][term]), told):
                yield f"{path}: {fault}"


def misprint(number: Decimal, told: str) -> str | None:
    """What is wrong with `DIGITS rounded|truncated|either [to STEP]` as a print of a number; none if nothing is."""
    digits, how, *step = told.split()
    printed = Decimal(digits)
    unit = Decimal(step[1]) if step else Decimal(1).scaleb(int(printed.as_tuple().exponent))
    fits = {name: number.quantize(unit, rounding) == printed for name, rounding in HOW.items()}
    right = "either" if all(fits.values()) else next((name for name, found in fits.items() if found), "neither")
    return None if how == right else f"{number} gives {printed} {right}, not {how}"


def wrong(case: Case, ours: Answers) -> Iterator[str]:
    """Every trap that does not give what the case says, or gives what we say too."""
    for block in case.of("wrong"):
        for name, told in block.pairs().items():
            price = wrong_price(case, name, block.name)
            if fault := misprint(price, told):
                yield f"{block.name}: {name}: {fault}"
            if misprint(Decimal(ours[name]["displayed"]), told) is None:
                yield f"{block.name}: {name}: our own price is the wrong one, {told}"


@exact
def wrong_price(case: Case, name: str, method: str) -> Decimal:
    """The liquidation price of a position by one row that is not resolved again: `row at entry`, `row by stake N`
    (notional at entry over the leverage N), `row of DAY` (of another table, at the present notional)."""
    account, marks, rules, _ = state(case)
    for pool in margin(account, marks, rules).pools:
        for terms in pool.positions:
            if name == f"position {terms.symbol} {terms.side}":
                return _by_row(pool, terms, _row(case, terms, method))
    raise AssertionError(f"no {name}")


def _row(case: Case, terms: PositionTerms, method: str) -> Bracket:
    entry = terms.entry
    assert entry is not None
    at_entry = notional(terms.contract, terms.quantity, entry)
    if method == "row at entry":
        return in_force(terms.table, at_entry)
    if method.startswith("row by stake "):
        return in_force(terms.table, type(at_entry)(at_entry / Decimal(method.rpartition(" ")[2])))
    table = book(case).select(terms.symbol, method.removeprefix("row of ")).table
    assert table is not None
    return in_force(table, terms.notional)


def _by_row(pool: PoolTerms, terms: PositionTerms, row: Bracket) -> Price:
    """Where wallet + unrealised = rate · notional − cum, other positions as they are."""
    rest = pool.surplus - terms.unrealized + terms.maintenance
    size = terms.quantity * terms.contract.contract_size
    cost = terms.position.cost
    if terms.contract.is_inverse:
        return Price((size + abs(size) * row.rate) / (rest + cost + row.cum))
    return Price((cost - rest - row.cum) / (size - abs(size) * row.rate))


def updated(case: Case, ours: Answers) -> Case:
    """The case with `expect` blocks that hold all that we say and the oracle does not."""
    theirs: dict[str, set[str]] = {}
    for block in case.of("oracle"):
        theirs.setdefault(block.name, set()).update(block.pairs())
    kept = [block for block in case.blocks if block.kind != "expect"]
    comments = {block.name: block.comment for block in case.of("expect")}
    fresh = []
    for name, lines in ours.items():
        rest = {path: value for path, value in lines.items() if path not in theirs.get(name, set())}
        if rest:
            fresh.append(replace(block_of("expect", name, rest), comment=comments.get(name, ())))
    return replace(case, blocks=tuple(_interleaved(kept, fresh)))


def _interleaved(kept: list[Block], fresh: list[Block]) -> Iterator[Block]:
    """Each `expect` block behind the `oracle` block of the same name."""
    waiting = {block.name: block for block in fresh}
    for block in kept:
        yield block
        if block.kind == "oracle" and block.name in waiting:
            yield waiting.pop(block.name)
    yield from waiting.values()


def faults(case: Case, folder: Path) -> list[str]:
    """All that is wrong with a case."""
    ours = answers(case, folder)
    return [*differences(case, ours), *published(case, ours), *wrong(case, ours)]


def main() -> int:
    """Run the cases named, or all; with `--update` write what we say, with `--oracle` what the oracle says first."""
    flags = {word for word in sys.argv[1:] if word.startswith("--")}
    names = [word for word in sys.argv[1:] if not word.startswith("--")]
    count = 0
    with TemporaryDirectory() as folder:
        for case in [load(name) for name in names] or cases():
            if "--oracle" in flags:
                case = from_oracle.with_answers(case)
            if "--update" in flags:
                case = updated(case, answers(case, Path(folder)))
                save(case)
            found = faults(case, Path(folder))
            count += len(found)
            for fault in found:
                print(f"{case.name}.case: {fault}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
