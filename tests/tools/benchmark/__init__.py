"""Measure how fast bnreg is, compared with other programs and with what the machine can do.

    make bench                                                  # everything; writes results.json
    PYTHONPATH=tests python -m tools.benchmark train            # a part
    PYTHONPATH=tests python -m tools.benchmark train --small    # tiny and meaningless: whether it works

Each measurement runs in a fresh process on chosen cores. What is compared takes turns, and the tables show medians,
because timings are noisy. Needs Linux, full MNIST and an idle machine.
"""
