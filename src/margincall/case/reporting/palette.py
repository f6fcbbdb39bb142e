"""The colours of a report by role, in a light and a dark theme; contrast of text is at least 4.5 to its ground."""

from collections.abc import Mapping
from typing import Literal

Theme = Literal["light", "dark"]
ROLES: tuple[str, ...] = (
    "ground",
    "panel",
    "text",
    "faint",
    "rule",
    "mark",
    "last",
    "entry",
    "liquidation",
    "bankruptcy",
    "limit",
    "bought",
    "sold",
    "forced",
    "fund",
    "stop",
    "ratio",
    "sum",
    "loss",
    "gain",
    "good",
    "bad",
    "open",
    "accent",
)
LIGHT: Mapping[str, str] = {
    "ground": "#fbfbf9",
    "panel": "#ffffff",
    "text": "#1c2126",
    "faint": "#5b6570",
    "rule": "#dcdfdd",
    "mark": "#23303c",
    "last": "#9aa5ae",
    "entry": "#1d5fa8",
    "liquidation": "#b3261e",
    "bankruptcy": "#7a3e9d",
    "limit": "#7a3e9d",
    "bought": "#13795b",
    "sold": "#a85d00",
    "forced": "#b3261e",
    "fund": "#7a3e9d",
    "stop": "#8a6100",
    "ratio": "#1d5fa8",
    "sum": "#4a5b6b",
    "loss": "#b3261e",
    "gain": "#13795b",
    "good": "#13795b",
    "bad": "#b3261e",
    "open": "#8a6100",
    "accent": "#1d5fa8",
}
DARK: Mapping[str, str] = {
    "ground": "#14181c",
    "panel": "#1b2025",
    "text": "#e6e9ec",
    "faint": "#a3adb7",
    "rule": "#343c44",
    "mark": "#dfe5ea",
    "last": "#6b7782",
    "entry": "#7ab7f5",
    "liquidation": "#ff8a80",
    "bankruptcy": "#cfa0ea",
    "limit": "#cfa0ea",
    "bought": "#5fd3a8",
    "sold": "#f0ae5a",
    "forced": "#ff8a80",
    "fund": "#cfa0ea",
    "stop": "#e5c05a",
    "ratio": "#7ab7f5",
    "sum": "#8da0b1",
    "loss": "#ff8a80",
    "gain": "#5fd3a8",
    "good": "#5fd3a8",
    "bad": "#ff8a80",
    "open": "#e5c05a",
    "accent": "#7ab7f5",
}
THEMES: Mapping[Theme, Mapping[str, str]] = {"light": LIGHT, "dark": DARK}
STANDINS: Mapping[str, str] = {role: f"#ab{place:02x}cd" for place, role in enumerate(ROLES)}
"""Colours that a drawing is made with: each stands for its role, so that one drawing serves every theme."""


def themed(drawn: str, theme: Theme) -> str:
    """A drawing with the colours of a theme."""
    for role, standin in STANDINS.items():
        drawn = drawn.replace(standin, THEMES[theme][role])
    return drawn


def by_variable(drawn: str) -> str:
    """A drawing whose colours are the page's: `var(--role)`."""
    for role, standin in STANDINS.items():
        drawn = drawn.replace(standin, f"var(--{role})")
    return drawn


def variables(theme: Theme) -> str:
    """The colours as declarations of a style sheet."""
    return " ".join(f"--{role}: {colour};" for role, colour in THEMES[theme].items())
