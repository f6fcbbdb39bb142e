"""The way of the money as bars: from the margin before, step by step, to what is left."""

from collections.abc import Iterator, Sequence

from margincall.case.reporting.facts import Bar, Chart, MoneyDrawing
from margincall.case.reporting.wording import amount, brief, brief_signed, signed
from margincall.core.rounding import exact
from margincall.core.units import ZERO
from margincall.forensics.explain import Case
from margincall.forensics.present import Section, percent
from margincall.forensics.sheet import Step

SUMS = ("margin before", "left", "left in the position")


@exact
def money_chart(case: Case, *, key: str) -> Chart | None:
    """The chart of one closing in its own asset; none without steps."""
    steps = case.explanation.waterfall
    if not steps:
        return None
    asset = case.explanation.verdict.asset or steps[0].asset
    if asset not in {step.asset for step in steps}:
        asset = steps[0].asset
    own = [step for step in steps if step.asset == asset]
    drawing = MoneyDrawing(asset, tuple(_bars(own)))
    return Chart(key, "From the margin before to what is left", _says(own, asset), drawing, _values(case, steps))


def _bars(steps: Sequence[Step]) -> Iterator[Bar]:
    level = ZERO
    for step in steps:
        if step.step in SUMS:
            yield Bar(step.step, ZERO, step.amount, brief(step.amount), is_sum=True)
            level = step.amount if step.step == "margin before" else level
        else:
            yield Bar(step.step, level, level + step.amount, brief_signed(step.amount), is_sum=False)
            level += step.amount


def _says(steps: Sequence[Step], asset: str) -> str:
    """The bars in words."""
    begins = next((step for step in steps if step.step == "margin before"), None)
    moved = [step for step in steps if step.step not in SUMS]
    left = [step for step in steps if step.step.startswith("left")]
    text = f"Of {amount(begins.amount)} {asset}: " if begins is not None else f"In {asset}: "
    text += ", ".join(f"{step.step} {signed(step.amount)} ({step.to})" for step in moved) or "nothing was booked"
    if left:
        text += "; " + ", ".join(f"{step.step} {amount(step.amount)}" for step in left)
    elif begins is None:
        text += "; what was there before, and what was left, the files do not tell"
    return text + "."


def _values(case: Case, steps: Sequence[Step]) -> Section:
    rows = tuple((step.step, signed(step.amount), step.asset, step.to) for step in steps)
    clearance = case.explanation.clearance
    note = ""
    if clearance.rate is not None:
        note = f"clearance fee: {percent(clearance.rate)} of {amount(clearance.base)} liquidated"
    return Section("Step by step", ("step", "amount", "asset", "to"), rows, right=(1,), note=note)
