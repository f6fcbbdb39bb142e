"""Tests of `margincall.venues`."""
