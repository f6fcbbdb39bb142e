"""Draws the margin ratio: a line towards 100 %, and numbers over the events that moved it."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from margincall.case.reporting.canvas import Format, days, plain_axes, spread, time_axis
from margincall.case.reporting.facts import RatioDrawing
from margincall.case.reporting.palette import STANDINS


def draw_ratio(figure: Figure, drawing: RatioDrawing, how: Format) -> None:
    """Draw on an empty figure."""
    axes = plain_axes(figure, 0.125 if how.narrow else 0.07, 0.965, 0.115, 0.885)
    highest = float(drawing.highest)
    axes.set_ylim(0, highest)
    time_axis(axes, drawing.start_ms, drawing.end_ms, how)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value * 100:g} %")
    axes.axhspan(1, highest, color=STANDINS["liquidation"], alpha=0.09, linewidth=0)
    axes.axhline(1, color=STANDINS["liquidation"], linewidth=1.1)
    axes.text(
        0.012,
        1,
        "liquidated from here",
        transform=axes.get_yaxis_transform(),
        color=STANDINS["liquidation"],
        va="bottom",
    )
    if drawing.trigger is not None:
        start, end = days(drawing.trigger.start_ms), days(drawing.trigger.end_ms)
        axes.axvspan(start, end, color=STANDINS["liquidation"], alpha=0.22, linewidth=0.6)
    times = [days(point.time_ms) for point in drawing.line]
    values = [float(min(point.value, drawing.highest)) for point in drawing.line]
    axes.fill_between(times, values, color=STANDINS["ratio"], alpha=0.1, linewidth=0)
    axes.plot(times, values, color=STANDINS["ratio"], linewidth=1.5)
    _events(axes, drawing, how)


def _events(axes: Axes, drawing: RatioDrawing, how: Format) -> None:
    """Numbers above the axes, moved apart, each with a line down to its time."""
    span = drawing.end_ms - drawing.start_ms
    wanted = [(event.time_ms - drawing.start_ms) / span for event in drawing.events]
    gap = 0.062 if how.narrow else 0.028
    places = spread(wanted, gap, 0.01, 0.99)
    for event, where, place in zip(drawing.events, wanted, places, strict=True):
        axes.plot(
            [place, where, where],
            [1.035, 1.0, 0.0],
            transform=axes.transAxes,
            color=STANDINS["faint"],
            linewidth=0.6,
            linestyle=(0, (2, 2)),
            clip_on=False,
        )
        axes.plot(
            [place],
            [1.075],
            transform=axes.transAxes,
            marker="o",
            color=STANDINS["accent"],
            markersize=11.5 if not how.narrow else 12,
            markerfacecolor=STANDINS["panel"],
            markeredgecolor=STANDINS["accent"],
            markeredgewidth=1,
            clip_on=False,
        )
        axes.text(
            place,
            1.072,
            str(event.number),
            transform=axes.transAxes,
            ha="center",
            va="center_baseline",
            fontsize=how.points * 0.86,
            color=STANDINS["accent"],
        )
