"""The fault table: an exchange that errs once, and whether `verify` finds it in the files that a user has.

make faults
"""
