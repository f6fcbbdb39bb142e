"""The rules: pure functions over values. No clock, no input or output, no float, no randomness."""
