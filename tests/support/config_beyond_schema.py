"""The rules of a config that its JSON Schema does not state, each with a config that breaks only this rule."""

from typing import NamedTuple


class Rule(NamedTuple):
    """A rule that only the reader knows.

    Attributes:
        example: The start of a config that breaks it, in one line of YAML.
        sentences: A pattern for what the reader says.
    """

    example: str
    sentences: str


SWEPT = "a setting of one choice, such as `kernel` of `cnn`, goes with that choice where either is swept"
HUNDRED = [*range(1, 101)]

# In words → the rule.
BEYOND = {
    "whole numbers have no decimal point": Rule("{training: {epochs: 5.0}}", "expected a whole number, got 5.0"),
    "numbers are finite": Rule("{optimizer: {lr: .inf}}", "finite number"),
    "names of arms exist: of the baseline, and in keys of the sweep": Rule(
        "{arms: {bn: {}}, baseline: plain}", "unknown arm"
    ),
    "no two arms are equal, or differ in case only": Rule(
        "{arms: {a: {}, b: {}}, baseline: a}", "arms .* are equal|differ only in case"
    ),
    SWEPT: Rule("{sweep: {model.kernel: [3, 5]}}", r"does not belong to \w+ \("),
    "`step` needs `step_epochs`, and early stopping `patience`, wherever they are set": Rule(
        "{optimizer: {schedule: {name: step}}}", "step needs step_epochs|patience: missing"
    ),
    "what selects by validation needs a validation split": Rule(
        "{training: {weights: best}}", "needs data.validation_size"
    ),
    "early stopping keeps the best weights": Rule(
        "{data: {validation_size: 9}, training: {weights: last, early_stopping: {patience: 3}}}", "use weights: best"
    ),
    "Nesterov needs momentum": Rule("{optimizer: {name: sgd, nesterov: true}}", "Nesterov momentum needs"),
    "logarithmic moments have no number of steps": Rule(
        "{training: {evaluate: {at: log, every_steps: 5}}}", "logarithmic moments need no number"
    ),
    "the strength of a penalty needs its kind": Rule(
        "{training: {penalty: {strength: 0.1}}}", "a strength needs a kind of penalty"
    ),
    "`at_most` is not below the seeds of the first round": Rule(
        "{seeds: {until: decided, from: 10, at_most: 5}}", "at_most: expected at least"
    ),
    "lists that advance together are equally long, and no point is repeated": Rule(
        "{sweep: {zip: {model.dropout: [0.1, 0.2], optimizer.lr: [0.1]}}}", "lists of equal length|is repeated"
    ),
    "nothing is swept that another key of the sweep, an arm or an override also sets": Rule(
        "{arms: {a: {optimizer: {lr: 0.1}}}, sweep: {optimizer.lr: [0.1, 1]}}", "also sets|sets the same setting"
    ),
    "a sweep has at most 10,000 points": Rule(
        f"{{sweep: {{optimizer.lr: {HUNDRED}, model.dropout: [0, 0.5], data.train_size: {HUNDRED}}}}}",
        "points; at most 10000|more than 100 keys",
    ),
    "text in `tuned` can be printed": Rule(
        r'{tuned: {run: "a\tb", on: x, seeds: 1, networks: 1, seconds: 1, values: {}}}', "not what bnreg writes there"
    ),
    "a smallest effect that is text is in bounds": Rule(
        "{compare: {smallest_effect: 300pp}}", "expected a number from 0 to|as a share that is"
    ),
}
