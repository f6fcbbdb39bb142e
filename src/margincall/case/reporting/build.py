"""From an answer, its verification and the recovery to the facts of a report. Nothing here computes a rule."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct, structs

from margincall.case.glossary import TERMS
from margincall.case.recover import Recovery
from margincall.case.reporting.checks import COMPUTED, checks_table
from margincall.case.reporting.facts import Chart, Facts, Part, Spell, Word
from margincall.case.reporting.money_way import money_chart
from margincall.case.reporting.outlook import outlook
from margincall.case.reporting.price_path import price_chart
from margincall.case.reporting.ratio_path import ratio_chart
from margincall.case.reporting.verdict import UNUSABLE, badge_of, tone_of, verdict_part
from margincall.case.reporting.window import close_up, life_of
from margincall.case.reporting.wording import legible, sentence, without_far
from margincall.case.warning import NO_RECOVERY
from margincall.core.rounding import exact
from margincall.forensics import present
from margincall.forensics.answer import Answer
from margincall.forensics.document import troubles
from margincall.forensics.explain import Case
from margincall.forensics.present import Section, headline, judgement
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.assumptions import BY_ID
from margincall.forensics.verify.check import Judged, Verified
from margincall.forensics.verify.present import coarse, found_section, instant, interval_rows
from margincall.history.public import NO_MARKET, Market

CHARTS_MAX = 12
"""So many closings get charts; of the others the tables tell. `--number` chooses one."""
PROBLEMS_MAX = 40
WORDS = tuple(Word(term.key, term.name, term.short, term.page) for term in TERMS)
KINDS = {
    "liquidation": "Liquidation",
    "adl": "Deleveraging",
    "indirect": "Closing that the files do not hold",
    "support": "The venue's own sheet",
}


class Material(Struct, frozen=True):
    """Everything that a report is made from. `verified` and `recovery` are of the same answer; `cases` are the places
    of the closings that are told. `named` are files beside those of the answer that a text may name: of the market
    store, and of other accounts."""

    answer: Answer
    verified: Verified
    recovery: Recovery
    market: Market = NO_MARKET
    problems: tuple[Any, ...] = ()
    cases: tuple[int, ...] | None = None
    named: tuple[str, ...] = ()


@exact
def facts_of(material: Material) -> Facts:
    """The whole report."""
    answer, verified = material.answer, material.verified
    chosen = list(_chosen(material))
    parts = [part for place, (case, judged) in enumerate(chosen) for part in _closing(material, case, judged, place)]
    if len(chosen) == 1:
        # The verdict says it all already; its chapters need no common heading.
        parts = [structs.replace(part, level=1) for part in parts[1:]]
    parts += _annexes(material, [case for case, _ in chosen])
    return Facts(
        title=_title([case for case, _ in chosen]),
        subtitle=_subtitle([case for case, _ in chosen]),
        as_of=material.recovery.as_of,
        notes=_notes(answer),
        verdict=_slim(verdict_part(chosen, verified, _of_chosen(material))),
        parts=tuple(_slim(part) for part in parts),
        glossary=WORDS,
        warning=NO_RECOVERY,
        problems=troubles(_serious(material.problems)),
        assumptions=tuple(BY_ID[name] for name in _assumed(material, [case for case, _ in chosen])),
    )


def unusable(problems: Sequence[Any], as_of: str) -> Facts:
    """A report of files in which nothing can be used: what is wrong with each of them, and no verdict. `as_of` is an
    ISO day."""
    listed = Part("problems", "Problems in the files", level=1, tables=(_problems(problems),))
    return Facts(
        title="Nothing to report",
        subtitle="",
        as_of=as_of,
        notes=(),
        verdict=Part(key="verdict", title="Verdict", says=(UNUSABLE,), level=1),
        parts=(_slim(listed),) if problems else (),
        glossary=WORDS,
        warning=NO_RECOVERY,
        problems=troubles(problems),
        assumptions=(),
    )


def _slim(part: Part) -> Part:
    """The part without columns in which nothing stands."""
    return structs.replace(part, tables=tuple(_filled(section) for section in part.tables))


def _filled(section: Section) -> Section:
    kept = [place for place in range(len(section.columns)) if any(row[place] for row in section.rows)]
    return structs.replace(
        section,
        columns=tuple(section.columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in section.rows),
        right=tuple(new for new, old in enumerate(kept) if old in section.right),
    )


def _chosen(material: Material) -> Iterator[tuple[Case, Judged]]:
    pairs = list(zip(material.answer.explained.cases, material.verified.liquidations, strict=True))
    places = range(len(pairs)) if material.cases is None else material.cases
    return (pairs[place] for place in places)


def _title(cases: Sequence[Case]) -> str:
    if not cases:
        return "No liquidation found"
    symbols = list(dict.fromkeys(case.explanation.symbol for case in cases if case.explanation.symbol))
    what = KINDS[cases[0].explanation.kind] if len(cases) == 1 else f"{len(cases)} closings"
    return f"{what} of {' and '.join(symbols)}" if 0 < len(symbols) <= 3 else what


def _subtitle(cases: Sequence[Case]) -> str:
    times = [case.explanation.time_ms for case in cases if case.explanation.time_ms]
    if not times:
        return ""
    first, last = instant(min(times)), instant(max(times))
    return first if first == last else f"{first} to {last}"


def _notes(answer: Answer) -> tuple[str, ...]:
    """What qualifies everything: an example, an account that is refused, a venue without rules."""
    refused = [
        f"Refused: {reason} Amounts are shown as the venue applied them; no verdict is derived."
        for reason in answer.refused
    ]
    example = [" ".join(line.strip() for line in answer.example)] if answer.example else []
    unknown = [
        f"Whether there were other {each.term} these files cannot tell: it takes {each.settled_by}."
        for each in answer.explained.unknown
    ]
    left_out = answer.explained.unknown_symbols
    out = [f"Left out, because no venue we know lists them: {', '.join(left_out)}"] if left_out else []
    return (*example, *refused, *((answer.no_verdict,) if answer.no_verdict else ()), *unknown, *out)


def _closing(material: Material, case: Case, judged: Judged, place: int) -> Iterator[Part]:
    """The chapters of one closing."""
    told, history = case.explanation, material.answer.explained.history
    key = f"closing-{place + 1}"
    sections = map(without_far, present.sections(legible(told)))
    kept = {section.title.partition(" (")[0]: section for section in sections}
    says = tuple(f"Trace: {trace}" for trace in told.traces)
    badge, tone = badge_of(judged.conclusion, [judged]), tone_of(judged.conclusion, [judged])
    yield Part(key, coarse(headline(told)), (sentence(judgement(told)), *says), tone, badge, level=1)
    is_drawn = history is not None and place < CHARTS_MAX and not told.goes_on_from
    charts = _price_charts(material, case, judged, key) if is_drawn else ()
    prices = [kept[name] for name in ("Prices",) if name in kept]
    if charts or prices:
        yield Part(
            f"{key}-price",
            "Price path",
            _no_chart(charts, place, told.goes_on_from),
            charts=charts,
            tables=tuple(prices),
        )
    ratio = _ratio(history, case, judged, key) if history is not None and is_drawn else ()
    tables = [section for name, section in kept.items() if name.startswith(("Verdict sheet", "Why"))]
    if ratio or tables:
        yield Part(f"{key}-ratio", "Margin ratio, and what led to it", charts=ratio, tables=tuple(tables))
    money = money_chart(case, key=f"{key}-money")
    if money is not None:
        yield Part(f"{key}-money", "Where the money went", charts=(money,))
    if judged.checks:
        tables = [checks_table("Each rule, held against the files", judged.checks)]
        if judged.irregularities:
            tables.insert(0, found_section(judged.irregularities))
        if judged.interval is not None and (rows := tuple(interval_rows(judged.interval))):
            tables.append(Section("When", ("what", "time (UTC)"), rows))
        yield Part(f"{key}-checks", "Checks", tables=tuple(tables))
    if present.UNKNOWN in kept:
        yield Part(f"{key}-unknown", present.UNKNOWN, tables=(kept[present.UNKNOWN],))


def _no_chart(charts: Sequence[Chart], place: int, goes_on_from: str) -> tuple[str, ...]:
    if charts:
        return ()
    if goes_on_from:
        return (f"Drawn with order {goes_on_from}, which it goes on with.",)
    if place >= CHARTS_MAX:
        return (f"Only the first {CHARTS_MAX} closings are drawn; choose this one alone with --number.",)
    return ("The files hold no prices of that time: nothing can be drawn.",)


def _price_charts(material: Material, case: Case, judged: Judged, key: str) -> tuple[Chart, ...]:
    history = material.answer.explained.history
    if history is None or not case.incident.symbol or case.incident.kind == "support":
        return ()
    life = life_of(history, case)
    spells = [(life, "whole", "From the opening of the position to its end")]
    if (near := close_up(history, case, life)) is not None:
        spells.append((near, "near", "The last moments before the venue's order"))
    charts = (
        price_chart(history, case, judged, material.market, spell, key=f"{key}-price-{name}", title=title)
        for spell, name, title in spells
    )
    return tuple(each for each in charts if each is not None)


def _ratio(history: Reconstruction, case: Case, judged: Judged, key: str) -> tuple[Chart, ...]:
    moment = case.moment
    pool = moment.pool if moment is not None and moment.has_rows else None
    if pool is None:
        return ()
    found = judged.interval
    trigger = None
    if found is not None and found.survived_ms is not None and found.reached_ms is not None:
        trigger = Spell(found.survived_ms, max(found.reached_ms, found.survived_ms))
    chart = ratio_chart(history, pool, life_of(history, case), trigger=trigger, key=f"{key}-ratio")
    return (chart,) if chart is not None else ()


def _annexes(material: Material, cases: Sequence[Case]) -> Iterator[Part]:
    """What belongs to the account as a whole."""
    answer, verified = material.answer, material.verified
    if sums := tuple(present.holdings(answer.explained)):
        yield Part("holdings", "What the files add up to", level=1, tables=sums)
    if verified.checks:
        table = checks_table("Each booking, held against its rule", verified.checks)
        yield Part("beside", "What was booked beside", level=1, tables=(table,))
    if tables := tuple(outlook(_of_chosen(material))):
        yield Part(
            "recovery", "Recovery", (f"Seen from {material.recovery.as_of}.", NO_RECOVERY), level=1, tables=tables
        )
    if answer.explained.findings:
        said = present.findings_table("What the files say about themselves", answer.explained.findings[:PROBLEMS_MAX])
        table = structs.replace(said, columns=tuple(COMPUTED.get(name, name) for name in said.columns))
        yield Part("files", "The files", level=1, tables=(table,))
    if serious := _serious(material.problems):
        yield Part("problems", "Problems in the files", level=1, tables=(_problems(serious),))
    if names := _assumed(material, cases):
        chosen = [BY_ID[name] for name in names]
        rows = tuple((one.id, one.default, "; ".join(one.alternatives), one.settled_by) for one in chosen)
        table = Section("Assumed here", ("id", "assumed", "could also be", "would be settled by"), rows)
        says = (
            "Where the venue publishes no rule, something is assumed, and verdicts are given under every alternative.",
        )
        yield Part("assumptions", "Assumptions", says, level=1, tables=(table,))


def _of_chosen(material: Material) -> Recovery:
    """The recovery with the chosen closings only."""
    told = material.recovery
    if material.cases is None:
        return told
    return structs.replace(told, closings=tuple(told.closings[place] for place in material.cases))


def _serious(problems: Sequence[Any]) -> list[Any]:
    """Without files that are none of the account's: `explain` names them."""
    return [each for each in problems if each.kind != "ignored"]


def _problems(problems: Sequence[Any]) -> Section:
    rows = tuple(
        (f"{each.file}:{each.place}" if each.place else each.file, each.message, each.raw[:80])
        for each in problems[:PROBLEMS_MAX]
    )
    more = len(problems) - PROBLEMS_MAX
    note = f"and {more:,} more: margincall explain lists them" if more > 0 else "everything else counts"
    return Section("What could not be read", ("place", "problem", "text"), rows, note=note)


def _assumed(material: Material, cases: Sequence[Case]) -> list[str]:
    names = {name for case in cases for name in case.explanation.assumptions} | set(material.verified.assumptions)
    return sorted(name for name in names if name in BY_ID)
