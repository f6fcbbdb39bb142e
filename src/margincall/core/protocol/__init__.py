"""What a venue does: mark price and funding, and what follows a trigger, as pure functions."""
