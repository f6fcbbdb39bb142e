"""The figures of the README, each reproduced by one command: `make bench`.

Ratios of one run, interleaved, best of many; absolute times wander with the machine.
"""
