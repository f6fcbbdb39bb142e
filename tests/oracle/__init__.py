"""An independent, naive second implementation of docs/spec, to prove the first one right.

It shares no code with the package under test. See README.md in this directory.
"""
