"""Real clients of the venue, unmodified, against `margincall exchange serve`."""
