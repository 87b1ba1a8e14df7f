"""Cases with known faults in them, to see that the fuzzing finds them: run as a child of tests/fuzz/run_all.py."""

import os
import sys

from tests.fuzz.run_all import run_cases

CPU_S = 0.5
FINE, RAISES, HANGS, HANGS_IN_C, HOARDS, CRASHES = range(6)


class Planted:
    def __init__(self, folder):
        pass

    def run(self, seed, number):
        if number == RAISES:
            raise ValueError("planted")
        while number == HANGS:
            pass
        if number == HANGS_IN_C:
            sum(range(10**12))
        if number == HOARDS:
            bytearray(2**40)
        if number == CRASHES:
            os.abort()


if __name__ == "__main__":
    run_cases(Planted, *map(int, sys.argv[2:5]), float(sys.argv[5]), cpu_s=CPU_S)
