"""Tests of `margincall.cli`."""
