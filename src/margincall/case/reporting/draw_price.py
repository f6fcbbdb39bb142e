"""Draws a price path: mark and trades, levels with labels, what was not survived, fills, stops, the trigger."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from margincall.case.reporting.canvas import Format, days, plain_axes, spread, time_axis
from margincall.case.reporting.facts import FillGroup, FillKind, PriceDrawing
from margincall.case.reporting.palette import STANDINS

MARKERS: dict[FillKind, tuple[str, str, str]] = {
    "bought": ("^", "bought", "you bought"),
    "sold": ("v", "sold", "you sold"),
    "liquidation": ("X", "forced", "liquidation order"),
    "taken over": ("s", "fund", "taken over"),
    "deleveraged": ("D", "fund", "deleveraged"),
}
MARKS: dict[str, Any] = {"linewidth": 1.3}
TRADES: dict[str, Any] = {"linestyle": "none", "marker": ".", "markersize": 4, "markeredgewidth": 0}
"""Between two trades nobody traded: they are dots."""
BIG, SMALL, MANY = 6.5, 3.6, 60
"""Markers of fills, and so many of them at most are drawn big."""
NEAR = 0.5
"""A price is shown if it lies within so many heights of the path."""
GAP, NARROW_GAP = 0.22, 0.483
"""Between the middles of two labels lie at least so many inches of the drawing's height."""
DASHES = {"entry": (5, 2), "liquidation": (None, None), "bankruptcy": (2, 2), "limit": (2, 2)}


def draw_price(figure: Figure, drawing: PriceDrawing, how: Format) -> None:
    """Draw on an empty figure."""
    left, right = (0.125, 0.775) if how.narrow else (0.07, 0.845)
    axes = plain_axes(figure, left, right, 0.115, 0.84 if how.narrow else 0.9)
    low, high = _range(drawing)
    axes.set_ylim(low, high)
    time_axis(axes, drawing.start_ms, drawing.end_ms, how)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axes.yaxis.set_major_locator(MaxNLocator(6))
    _died(axes, drawing, low, high)
    _trigger(axes, drawing)
    _lines(axes, drawing)
    _stops(axes, drawing, low, high)
    size = BIG if len(drawing.fills) <= MANY else SMALL
    for group in drawing.fills:
        _fill(axes, group, size)
    _levels(axes, drawing, how, low, high)
    _legend(figure, drawing, how, left)


def _range(drawing: PriceDrawing) -> tuple[float, float]:
    """From the lowest to the highest price that matters, with some room; levels far away are left to the table."""
    path = [float(point.value) for point in (*drawing.mark, *drawing.last)]
    path += [float(price) for group in drawing.fills for price in (group.low, group.high)]
    low, high = min(path), max(path)
    reach = max(high - low, high * 1e-4) * NEAR
    others = [float(level.price) for level in drawing.levels] + [float(stop.price) for stop in drawing.stops]
    near = [each for each in others if low - reach <= each <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    room = max(high - low, high * 1e-5) * 0.06
    return low - room, high + room


def _died(axes: Axes, drawing: PriceDrawing, low: float, high: float) -> None:
    if drawing.survives_from is not None and float(drawing.survives_from) > low:
        axes.axhspan(low, float(drawing.survives_from), color=STANDINS["liquidation"], alpha=0.09, linewidth=0)
    if drawing.survives_to is not None and float(drawing.survives_to) < high:
        axes.axhspan(float(drawing.survives_to), high, color=STANDINS["liquidation"], alpha=0.09, linewidth=0)


def _trigger(axes: Axes, drawing: PriceDrawing) -> None:
    axes.axvline(days(drawing.order_ms), color=STANDINS["liquidation"], linewidth=0.8, linestyle=(0, (1, 2)))
    if drawing.trigger is None:
        return
    start, end = days(drawing.trigger.start_ms), days(drawing.trigger.end_ms)
    axes.axvspan(start, end, color=STANDINS["liquidation"], alpha=0.22, linewidth=0.6)


def _lines(axes: Axes, drawing: PriceDrawing) -> None:
    for points, role, style in ((drawing.last, "last", TRADES), (drawing.mark, "mark", MARKS)):
        if points:
            times = [days(point.time_ms) for point in points]
            axes.plot(times, [float(point.value) for point in points], color=STANDINS[role], **style)


def _stops(axes: Axes, drawing: PriceDrawing, low: float, high: float) -> None:
    for stop in drawing.stops:
        price = float(stop.price)
        if low <= price <= high:
            start, end = days(stop.start_ms), days(stop.end_ms)
            axes.plot([start, end], [price, price], color=STANDINS["stop"], linewidth=1.3, linestyle=(0, (4, 1, 1, 1)))
            axes.plot([end], [price], marker="|", color=STANDINS["stop"], markersize=7, linestyle="none")
            axes.annotate(
                stop.text,
                (start, price),
                xytext=(3, 3),
                textcoords="offset points",
                color=STANDINS["stop"],
            )


def _fill(axes: Axes, group: FillGroup, size: float) -> None:
    marker, role, _ = MARKERS[group.kind]
    when, low, high = days(group.time_ms), float(group.low), float(group.high)
    colour = STANDINS[role]
    if high > low:
        axes.plot([when, when], [low, high], color=colour, linewidth=1.2)
    prices = [low] if low == high else [low, high]
    axes.plot(
        [when] * len(prices),
        prices,
        marker=marker,
        color=colour,
        markersize=size,
        markeredgecolor=STANDINS["panel"],
        markeredgewidth=0.7,
        linestyle="none",
        zorder=5,
        clip_on=False,
    )


def _levels(axes: Axes, drawing: PriceDrawing, how: Format, low: float, high: float) -> None:
    """Lines across, and their labels on the right, moved apart where they would overlap."""
    shown = [level for level in drawing.levels if low <= float(level.price) <= high]
    heights = [(float(level.price) - low) / (high - low) for level in shown]
    gap = (NARROW_GAP if how.narrow else GAP) / how.height
    for level, height, label in zip(shown, heights, spread(heights, gap, 0.02, 0.98), strict=True):
        colour, dashes = STANDINS[level.kind], DASHES[level.kind]
        style = "solid" if dashes[0] is None else (0, dashes)
        axes.axhline(float(level.price), color=colour, linewidth=1.1, linestyle=style)
        axes.plot([1, 1.012], [height, label], transform=axes.transAxes, color=colour, linewidth=0.7, clip_on=False)
        text = level.text.replace(" ", "\n", 1) if how.narrow else level.text
        axes.text(1.018, label, text, transform=axes.transAxes, color=colour, va="center", ha="left", linespacing=1.05)


def _legend(figure: Figure, drawing: PriceDrawing, how: Format, left: float) -> None:
    kinds: Sequence[FillKind] = [kind for kind in MARKERS if any(group.kind == kind for group in drawing.fills)]
    handles = []
    if drawing.mark:
        handles.append(Line2D([], [], color=STANDINS["mark"], label=f"mark of {drawing.symbol}", **MARKS))
    if drawing.last:
        handles.append(Line2D([], [], color=STANDINS["last"], label="last trades", **TRADES))
    for kind in kinds:
        marker, role, name = MARKERS[kind]
        count = sum(group.count for group in drawing.fills if group.kind == kind)
        label = f"{name} ({count:,}×)"
        handles.append(Line2D([], [], color=STANDINS[role], marker=marker, linestyle="none", label=label))
    if drawing.stops:
        handles.append(Line2D([], [], color=STANDINS["stop"], linestyle=(0, (4, 1, 1, 1)), label="stop"))
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(left - 0.012, 1.0),
        ncols=2 if how.narrow else len(handles),
        frameon=False,
        handlelength=1.6,
        columnspacing=1.6,
        handletextpad=0.6,
        borderaxespad=0.3,
    )
