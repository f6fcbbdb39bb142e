"""A perpetual-futures exchange as a deterministic engine: commands in, events out."""
