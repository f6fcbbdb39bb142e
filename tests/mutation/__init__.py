"""Mistakes planted in the rules, one at a time, to see that the tests find them."""
