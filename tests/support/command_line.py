"""The command line in its own process, a small experiment for it, and what it printed."""

import json
import os
import subprocess
import sys

EXPERIMENT = """\
data: {dataset: mnist_5k, batch_size: 50, train_size: 500}
model: {hidden: [16], activation: relu}
optimizer: {lr: 0.01}
training: {epochs: 2}
arms:
  bn: {model: {norm: batch}}
  plain: {}
baseline: plain
seeds: 3
jobs: 2
report: false
"""


def command_line(*arguments, **environment):
    """Call bnreg in its own process."""
    return subprocess.run(
        [sys.executable, "-m", "bnreg", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def comparisons(done):
    """The comparisons in all blocks that ``bnreg compare --json`` printed."""
    assert done.code == 0, done.err
    return [one for record in json.loads(done.out) for one in record["comparisons"]]
