"""Tests of `case`."""
