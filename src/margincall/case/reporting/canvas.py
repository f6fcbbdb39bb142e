"""What all charts are drawn on: sizes, axes, the axis of time, and labels that keep apart."""

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from msgspec import Struct

from margincall.case.reporting.palette import STANDINS
from margincall.wire.iso_time import iso_of

DAY = 86_400_000


class Format(Struct, frozen=True):
    """The size of a drawing in inches of 72 points, and of its type. `narrow` is for phones."""

    width: float
    height: float
    points: float
    narrow: bool


WIDE = Format(9.4, 4.1, 8.6, narrow=False)
PAPER = Format(9.4, 3.3, 8.6, narrow=False)
"""Lower than on a screen: a chart that does not fit into the rest of a page leaves it empty."""
NARROW = Format(4.7, 4.6, 9.2, narrow=True)


def plain_axes(figure: Figure, left: float, right: float, bottom: float, top: float) -> Axes:
    """Axes within these shares of the figure: a faint grid, no frame but the lower line."""
    axes = figure.add_axes((left, bottom, right - left, top - bottom))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, pad=5)
    axes.grid(axis="y", color=STANDINS["rule"], linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def days(time_ms: int) -> float:
    """A time as matplotlib counts: days since 1970."""
    return time_ms / DAY


SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
STEPS = (
    *(SECOND * each for each in (1, 2, 5, 10, 15, 30)),
    *(MINUTE * each for each in (1, 2, 5, 10, 15, 30)),
    *(HOUR * each for each in (1, 2, 3, 6, 12)),
    *(DAY * each for each in (1, 2, 7, 14, 30, 90, 365)),
)
"""Between two labels of the time axis lies one of these."""


def time_axis(axes: Axes, start_ms: int, end_ms: int, how: Format) -> None:
    """Times below the axes, in UTC; the day under the first one and where it changes."""
    axes.set_xlim(days(start_ms), days(end_ms))
    most = 4 if how.narrow else 8
    step = next((each for each in STEPS if (end_ms - start_ms) // each <= most), STEPS[-1])
    ticks = list(range(-(-start_ms // step) * step, end_ms + 1, step))
    axes.set_xticks([days(tick) for tick in ticks], list(_labels(ticks, step)))


def _labels(ticks: Sequence[int], step: int) -> Iterator[str]:
    shown = ""
    for tick in ticks:
        text = iso_of(tick)
        day, clock = text[:10], text[11:19] if step < MINUTE else text[11:16]
        if step >= DAY:
            yield day
        else:
            yield clock if day == shown else f"{clock}\n{day}"
        shown = day


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places moved apart until neighbours are at least `gap` from each other, within `low` and `high`, as little as a
    pass up and a pass down need."""
    order = sorted(range(len(places)), key=lambda each: places[each])
    moved = [min(max(places[each], low), high) for each in order]
    for number in range(1, len(moved)):
        moved[number] = max(moved[number], moved[number - 1] + gap)
    if moved and moved[-1] > high:
        moved[-1] = high
        for number in range(len(moved) - 2, -1, -1):
            moved[number] = min(moved[number], moved[number + 1] - gap)
    found = [0.0] * len(places)
    for number, each in enumerate(order):
        found[each] = moved[number]
    return found
