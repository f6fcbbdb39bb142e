"""Tests of margincall; the folders mirror `src/margincall`."""
