"""The venue's own JSON and CSV shapes, in both directions."""
