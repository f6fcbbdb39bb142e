"""Tests of the readers of files and of the merge."""
