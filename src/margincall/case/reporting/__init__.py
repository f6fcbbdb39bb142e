"""The report of a case: one value of facts, rendered as a page, as paper, and as JSON."""
