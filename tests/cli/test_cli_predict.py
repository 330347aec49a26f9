"""``bnreg predict`` on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from support.small_runs import train_here

EXPERIMENT = """\
data: {dataset: mnist_5k, batch_size: 50, train_size: 500}
model: {hidden: [16]}
optimizer: {lr: 0.01}
training: {epochs: 1, weights: last}
arms:
  bn: {model: {norm: batch}}
  dropout: {model: {dropout: 0.2}}
baseline: bn
seeds: 3
sweep: {optimizer.lr: [0.001, 0.01]}
jobs: 1
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small sweep with weights."""
    return train_here(tmp_path_factory.mktemp("experiment"), EXPERIMENT)


@pytest.fixture(scope="module")
def digits():
    """Test images of mnist_5k, one of each class."""
    from bnreg.data.embedded import read_embedded

    return read_embedded().test_images[::100]


def answers_of(run, images):
    """The networks' own answers: for each arm, shape (seeds, images)."""
    import torch

    from bnreg.runs import read_run
    from bnreg.trained.load import load_trained

    x = torch.tensor(images).flatten(1).unsqueeze(0) / 255
    with torch.no_grad():
        return [arm.network(x).argmax(2).numpy() for arm in load_trained(read_run(run), point_index=1)]


def test_the_vote_counts_the_networks_own_answers(bnreg, run, digits):
    for label, digit in enumerate(digits):
        Image.fromarray(digit).save(f"{label}.png")
    done = bnreg("predict", run, *(f"{label}.png" for label in range(10)), "--point", 1, "--json")
    assert (done.code, done.err) == (0, "")
    predictions = json.loads(done.out)
    assert [p["image"] for p in predictions] == [f"{label}.png" for label in range(10) for _ in range(2)]
    assert [p["arm"] for p in predictions[:2]] == ["bn", "dropout"]
    for arm, answers in enumerate(answers_of(run, digits)):
        for prediction, mine in zip(predictions[arm::2], answers.T, strict=True):
            counts = np.bincount(mine, minlength=10)
            assert prediction["votes"] == {str(c): int(counts[c]) for c in map(int, prediction["votes"])}
            assert counts[prediction["class"]] == counts.max()
            assert prediction["num_seeds"] == 3
            assert prediction["probabilities"][prediction["class"]] == prediction["probability"]


def test_size_and_shade_do_not_matter_if_they_are_undone(bnreg, run, digits):
    digit = Image.fromarray(digits[3])
    digit.save("a.png")
    large = digit.resize((280, 280), Image.Resampling.NEAREST)
    ImageOps.invert(large).save("b.png")
    plain = json.loads(bnreg("predict", run, "a.png", "--json").out)
    inverted = json.loads(bnreg("predict", run, "b.png", "--json", "--invert").out)
    assert [p | {"image": ""} for p in plain] == [p | {"image": ""} for p in inverted]


def test_a_digit_in_a_wide_frame_is_answered_as_if_it_were_alone(bnreg, run, digits):
    Image.fromarray(digits[3]).save("a.png")
    wide = Image.new("L", (200, 60))
    wide.paste(Image.fromarray(digits[3]), (150, 9))
    wide.save("b.png")
    alone, framed = (bnreg("predict", run, name, "--json") for name in ("a.png", "b.png"))
    assert [p | {"image": ""} for p in json.loads(alone.out)] == [p | {"image": ""} for p in json.loads(framed.out)]
    note = "not framed like the training images: cropped to what is light, and centred"
    assert (alone.err, framed.err) == ("", f"note: b.png: {note}\n")


def test_an_empty_picture_gets_no_answer(bnreg, run):
    Image.new("RGBA", (28, 28), (0, 0, 0, 0)).save("empty.png")
    done = bnreg("predict", run, "empty.png", "--json")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("empty.png: has almost the same shade everywhere: nothing to see\n")


def test_the_table_fits_eighty_columns(bnreg, run, digits, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    Image.fromarray(digits[5]).save("five.png")
    done = bnreg("predict", run, "five.png")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    assert lines[0].split() == ["image", "point", "arm", "class", "votes", "probability", "dissent"]
    rows = [line for line in lines[2:] if " of 3" in line]
    assert [row.split()[:2] for row in rows[::2]] == [["five.png", "lr=0.001"], ["lr=0.01", "bn"]]
    assert len(rows) == 4


def test_disagreement_is_shown(bnreg, run, monkeypatch):
    """On noise the networks disagree; the votes in a row still add up to the number of networks."""
    monkeypatch.setenv("COLUMNS", "80")
    noise = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    for index, image in enumerate(noise):
        image[:4] = image[24:] = image[:, :4] = image[:, 24:] = 0  # framed as MNIST's digits are
        Image.fromarray(image).save(f"{index}.png")
    files = [f"{index}.png" for index in range(12)]
    answers = answers_of(run, noise)[0]
    split = next(index for index in range(12) if len(set(answers[:, index])) == 2)
    done = bnreg("predict", run, files[split], "--arm", "bn", "--point", 1)
    values, counts = np.unique(answers[:, split], return_counts=True)
    assert f"{values[counts.argmax()]}  2 of 3" in done.out
    assert f"{values[counts.argmin()]}: 1 seed" in done.out


def test_a_light_background_is_noted_on_stderr(bnreg, run, digits):
    ImageOps.invert(Image.fromarray(digits[5])).save("five.png")
    done = bnreg("predict", run, "five.png", "--json")
    assert done.code == 0
    assert done.err == "note: five.png: light background; MNIST's digits are light on dark: try --invert\n"
    assert json.loads(done.out)


def test_a_file_that_is_no_image_is_refused_and_nothing_is_predicted(bnreg, run, digits):
    Image.fromarray(digits[5]).save("five.png")
    Path("text.png").write_text("five")
    Path("folder").mkdir()
    done = bnreg("predict", run, "five.png", "text.png", "none.png", "folder")
    assert (done.code, done.out) == (2, "")
    assert [line.partition(": ")[0] for line in done.err.splitlines()] == ["text.png", "none.png", "folder"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-run", "five.png"], "no-such-run: no such run"),
        (["RUN", "five.png", "--arm", "plain"], "unknown arm 'plain' (choices: bn, dropout)"),
        (["RUN", "five.png", "--point", "2"], "no point 2; this run's points are 0 to 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line(bnreg, run, arguments, message):
    done = bnreg("predict", *(run if argument == "RUN" else argument for argument in arguments))
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert len(done.err.splitlines()) == 1
