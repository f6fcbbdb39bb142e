"""Statements that hold for every account, every table and every history, searched by Hypothesis."""
