"""Tests of the readers and writers of the venue's shapes."""
