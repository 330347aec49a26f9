"""The flags for correctly classified test examples are read back from the run folder as they were written."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnreg.runs import CORRECT, correct_bytes, read_correct
from bnreg.runs.correctness import packed_correct
from bnreg.runs.read import Run


def holding(content):
    """A run that holds only this file."""
    return Run(Path("run"), {}, {}, {} if content is None else {CORRECT: content})


@given(st.integers(1, 70), st.integers(1, 3), st.integers(1, 4), st.integers(0, 99))
def test_any_flags_survive_packing(num_examples, num_arms, num_seeds, seed):
    """Even if they do not fill the last byte, and if the points' test sets differ in size."""
    flags = {
        point: np.random.default_rng(seed + point).random((num_arms, num_seeds, num_examples + point)) < 0.9
        for point in (0, 1, 12)
    }
    packed = {point: np.packbits(values, axis=-1) for point, values in flags.items()}
    content = correct_bytes(packed, {point: values.shape[-1] for point, values in flags.items()})
    read = read_correct(holding(content))
    assert read.keys() == flags.keys()
    for point, values in flags.items():
        assert np.array_equal(read[point], values)


def test_twenty_replicas_and_ten_thousand_examples_take_25_kilobytes():
    packed = {0: np.zeros((2, 10, 1250), np.uint8)}
    assert len(correct_bytes(packed, {0: 10_000})) < 25_500


def test_a_run_without_the_file_has_no_flags():
    assert read_correct(holding(None)) == {}


def test_a_file_of_another_format_is_refused():
    with pytest.raises(ValueError, match="cannot be read"):
        packed_correct(b"no safetensors")


def test_a_claim_of_a_thousand_million_answers_is_refused_before_they_are_unpacked():
    content = correct_bytes({0: np.zeros((1, 1, 2), np.uint8)}, {0: 10**9})
    with pytest.raises(ValueError, match="does not hold 1000000000 answers"):
        packed_correct(content)


def test_answers_to_examples_that_do_not_exist_are_refused():
    """They would count as right."""
    flags = np.packbits([True, False, True]).reshape(1, 1, 1)
    (found,) = packed_correct(correct_bytes({0: flags}, {0: 3})).values()
    assert found.shares().item() == found.unpacked().mean() == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="more examples than there are"):
        packed_correct(correct_bytes({0: flags | 1}, {0: 3}))
