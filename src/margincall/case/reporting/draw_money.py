"""Draws the way of the money: bars that begin where the one before ended. On a phone they lie."""

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from margincall.case.reporting.canvas import Format, plain_axes
from margincall.case.reporting.facts import Bar, MoneyDrawing
from margincall.case.reporting.palette import STANDINS

NAME_WIDTH = 14
THICK = 0.62
ROOM = 0.25
"""A label needs this share of the width; without it on either side of a lying bar it stands within."""


def draw_money(figure: Figure, drawing: MoneyDrawing, how: Format) -> None:
    """Draw on an empty figure."""
    if how.narrow:
        _lying(figure, drawing)
    else:
        _standing(figure, drawing)


def _standing(figure: Figure, drawing: MoneyDrawing) -> None:
    axes = plain_axes(figure, 0.07, 0.985, 0.13, 0.94)
    low, high = _range(drawing)
    axes.set_ylim(low, high)
    axes.set_xlim(-0.6, len(drawing.bars) - 0.4)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    for place, bar in enumerate(drawing.bars):
        bottom, top = sorted((float(bar.start), float(bar.end)))
        axes.bar(place, top - bottom, THICK, bottom, color=_colour(bar), linewidth=0)
        axes.plot([place - THICK / 2, place + THICK / 2], [float(bar.end)] * 2, color=_colour(bar), linewidth=1.6)
        axes.annotate(
            bar.text, (place, top), xytext=(0, 4), textcoords="offset points", ha="center", color=_colour(bar)
        )
        if place + 1 < len(drawing.bars):
            axes.plot(
                [place + THICK / 2, place + 1 - THICK / 2], [float(bar.end)] * 2, color=STANDINS["faint"], linewidth=0.6
            )
    axes.axhline(0, color=STANDINS["faint"], linewidth=0.8)
    names = [textwrap.fill(bar.name, NAME_WIDTH) for bar in drawing.bars]
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(axis="x", labelcolor=STANDINS["text"])
    _unit(axes, drawing)


def _lying(figure: Figure, drawing: MoneyDrawing) -> None:
    axes = plain_axes(figure, 0.27, 0.97, 0.075, 0.94)
    low, high = _range(drawing)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color=STANDINS["rule"], linewidth=0.6)
    axes.set_xlim(low, high)
    axes.set_ylim(len(drawing.bars) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    for place, bar in enumerate(drawing.bars):
        start, end = sorted((float(bar.start), float(bar.end)))
        axes.barh(place, end - start, THICK, start, color=_colour(bar), linewidth=0)
        axes.plot([float(bar.end)] * 2, [place - THICK / 2, place + THICK / 2], color=_colour(bar), linewidth=1.6)
        beyond, within = (high - end) / (high - low) > ROOM, (start - low) / (high - low) <= ROOM
        axes.annotate(
            bar.text,
            (end if beyond else start, place),
            xytext=(5 if beyond or within else -5, 0),
            textcoords="offset points",
            ha="left" if beyond or within else "right",
            va="center",
            color=STANDINS["panel"] if within and not beyond else _colour(bar),
        )
    axes.axvline(0, color=STANDINS["faint"], linewidth=0.8)
    axes.set_yticks(range(len(drawing.bars)), [textwrap.fill(bar.name, NAME_WIDTH - 1) for bar in drawing.bars])
    axes.tick_params(axis="y", labelcolor=STANDINS["text"])
    _unit(axes, drawing)


def _unit(axes: Axes, drawing: MoneyDrawing) -> None:
    axes.text(0, 1.03, drawing.asset, transform=axes.transAxes, color=STANDINS["faint"], ha="left")


def _range(drawing: MoneyDrawing) -> tuple[float, float]:
    ends = [float(each) for bar in drawing.bars for each in (bar.start, bar.end)] + [0.0]
    low, high = min(ends), max(ends)
    room = max(high - low, 1e-9) * 0.1
    return low - (room if low < 0 else room * 0.02), high + room


def _colour(bar: Bar) -> str:
    if bar.is_sum:
        return STANDINS["sum"]
    return STANDINS["loss"] if bar.end < bar.start else STANDINS["gain"]
