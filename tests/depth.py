"""How many examples a property test tries that says so itself: few in every run, many where somebody searches."""

import os

MORE = 20


def few(count: int) -> int:
    """So many; twenty times as many under the profile `search` (`HYPOTHESIS_PROFILE=search`)."""
    return count * MORE if os.environ.get("HYPOTHESIS_PROFILE") == "search" else count
