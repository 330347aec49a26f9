"""Measure whether the verdict keeps its promises, on simulated networks, whose truth is known, and on real ones.

    make calibrate

Each table has 2,000 experiments a cell, all from fixed streams of random numbers. A figure outside its band ends in
``!`` and makes the exit code 1; one that is known to miss its band is marked as known instead, and the README says why.
What the verdict does not use is in parentheses, for comparison. Tables that were measured in full are written to
``results.json``, from which ``make readme`` generates those in ``bnreg/statistics/README.md``.
"""
