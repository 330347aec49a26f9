"""The page about runs: what it says and holds, and that nothing in a run can become a part of it."""

import base64
import gzip
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from support.made_runs import make_view, watched_view, write_run
from tools.readme import committed_run

import bnreg
from bnreg.analysis.comparison import compare_views
from bnreg.analysis.disagreement import Example, disagreements
from bnreg.analysis.run_view import view_of_run
from bnreg.report.charts import process
from bnreg.report.charts.table import CHARTS
from bnreg.report.page.article import article
from bnreg.report.page.digits import Images
from bnreg.report.page.figure import script_json
from bnreg.report.page.libraries import libraries
from bnreg.report.page.page import runs_page
from bnreg.runs import read_run

NUM_EXAMPLES = 400
IMAGES = Images(np.zeros((NUM_EXAMPLES, 28, 28), np.uint8), np.arange(NUM_EXAMPLES) % 10)


class _Words(HTMLParser):
    """What a reader sees, and the tags that it stands in."""

    def __init__(self):
        super().__init__()
        self.tags = []
        self.words = []
        self.hidden = False

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.hidden = tag in ("script", "style")

    def handle_endtag(self, _tag):
        self.hidden = False

    def handle_data(self, data):
        self.words += [] if self.hidden else data.split()


def page(*views, images=lambda _: None, left_out=()):
    return runs_page(compare_views(views), images, left_out).decode()


def read(text):
    parser = _Words()
    parser.feed(text)
    return parser


def text_of(page):
    return " ".join(read(page).words)


def test_it_begins_with_the_question_and_the_answer():
    words = text_of(page(make_view(lift=0.01)))
    question = "Did bn change test accuracy, compared with plain?"
    answer = re.search(r"▲ helped bn \+1\.\d\d pp \[\+\d\.\d\d, \+\d\.\d\d\] 10 of 10 seeds, p 0\.002", words)
    assert words.index(question) < answer.start()
    assert words.index("10 of 10 seeds") < words.index("All numbers") < words.index("Is the comparison fair?")


@pytest.mark.parametrize("arms", [("bn", "plain"), ("plain", "bn")])
def test_the_answer_and_the_finding_agree_about_the_seeds(arms):
    """Of an arm that hurt, both count the seeds in which it did."""
    (one,) = [article(block, lambda _: None) for block in compare_views([make_view(arms=arms)])]
    (answer,) = one.answers
    assert one.sentence.endswith(f": {answer.effect}, {answer.basis.partition(', p')[0]}")
    assert answer.basis.startswith(("9 of", "10 of"))


def test_an_untested_comparison_says_why():
    view = make_view(diverged=tuple(("bn", seed) for seed in range(10)))
    assert "bn no pair of seeds was trained to the end" in text_of(page(view))


def test_a_run_by_another_metric_has_its_verdict_in_the_overview():
    """It is not called a run without a baseline."""
    by_loss = make_view(id="loss-20261123T025048Z-ba735e")
    by_loss = replace(by_loss, config={**by_loss.config, "compare": {"metric": "test_loss"}})
    words = text_of(page(make_view(), by_loss))
    assert "verdicts on test loss" in words
    assert "no baseline" not in words


def test_runs_without_a_baseline_have_no_overview():
    views = [make_view(baseline=None, id=f"{name}-20261123T025048Z-ba735d") for name in "ab"]
    assert "All verdicts" not in text_of(page(*views))


def test_a_run_from_python_shows_its_config_as_its_origin():
    view = make_view()
    called = replace(view, info=replace(view.info, command=("bnreg.train", "seeds=3")))
    assert "Made from Python; the config below makes it again: bnreg.train seeds=3" in text_of(page(called))
    assert "The command that made it: bnreg train" in text_of(page(view))


def test_many_comparisons_are_summed_up_in_a_sentence():
    words = text_of(page(make_view(lift=0.01, sweep={"optimizer.lr": [10.0**-power for power in range(10)]})))
    assert "bn helped at all 10 points" in words
    assert "Did bn change test accuracy, compared with plain, over optimizer.lr?" in words


def test_without_a_baseline_it_has_no_verdict():
    found = page(make_view(baseline=None, arms=("base",)))
    assert "helped" not in text_of(found)
    assert "Paired differences" not in found


def test_it_holds_the_charts_that_a_run_can_have_and_no_others():
    """A chart whose data are absent is no empty section."""
    titles = {name: f"{chart.help[0].upper()}{chart.help[1:]}" for name, chart in CHARTS.items()}
    plain, watched = page(make_view()), page(watched_view())
    assert titles["distributions"] not in plain
    assert titles["distributions"] in watched
    assert titles["curves"] in plain
    assert titles["looks"] not in plain


@pytest.mark.parametrize(
    ("num_points", "shown", "absent"),
    [(1, "differences", "forest"), (3, "differences", "forest"), (30, "forest", "differences")],
)
def test_differences_are_drawn_once(num_points, shown, absent):
    view = make_view(num_epochs=1, sweep={"optimizer.lr": [0.1 + number for number in range(num_points)]})
    found = page(view)
    assert f'id="run-1-{shown}"' in found
    assert f'id="run-1-{absent}"' not in found


def test_curves_are_drawn_against_epochs_steps_and_seconds():
    found = read(page(view_of_run(read_run(committed_run("bn_vs_plain")))))
    assert [attributes["value"][-1] for tag, attributes in found.tags if tag == "option"] == ["1", "2", "3"]
    assert "epochs steps seconds" in " ".join(found.words)


def test_each_chart_says_in_words_what_it_shows():
    found = read(page(make_view(lift=0.01)))
    alts = [attributes["data-alt"] for tag, attributes in found.tags if "data-alt" in attributes]
    assert len(alts) == 2
    assert all(text.startswith("bn helped: +") for text in alts)


def test_it_shows_the_digits_about_which_the_arms_disagree(tmp_path):
    view = view_of_run(read_run(write_run("digits", root=tmp_path, correct=True, noise=0.002)))
    found = read(page(view, images=lambda _: IMAGES))
    pictures = [attributes for tag, attributes in found.tags if tag == "img"]
    assert pictures
    assert all(one["src"].startswith("data:image/png;base64,") and one["alt"] for one in pictures)
    assert "Where bn and plain disagree" in " ".join(found.words)


def test_without_the_images_that_section_is_absent(tmp_path):
    view = view_of_run(read_run(write_run("digits", root=tmp_path, correct=True, noise=0.002)))
    assert "disagree" not in page(view)


def test_the_digits_are_those_that_more_seeds_of_one_arm_get_right(tmp_path):
    view = view_of_run(read_run(write_run("digits", root=tmp_path, correct=True, noise=0.002)))
    bn, plain = view.correct[0].sum(1)
    better, worse = disagreements(view, "bn", 5)
    assert better[0].arm_right - better[0].baseline_right == (bn - plain).max()
    assert worse[0].arm_right - worse[0].baseline_right == (bn - plain).min()
    assert better[0] == Example(better[0].index, bn[better[0].index], plain[better[0].index], 6)


def test_only_networks_that_were_trained_to_the_end_disagree(tmp_path):
    gone = [("bn", 0), ("bn", 1), ("plain", 2)]
    view = view_of_run(read_run(write_run("digits", root=tmp_path, correct=True, noise=0.002, diverged=gone)))
    assert {one.num_seeds for kind in disagreements(view, "bn", 5) for one in kind} == {3}


def test_of_many_arms_the_page_says_which_have_digits(tmp_path):
    arms = ("a", "b", "c", "d", "plain")
    view = view_of_run(read_run(write_run("digits", root=tmp_path, correct=True, noise=0.002, arms=arms)))
    words = text_of(page(view, images=lambda _: IMAGES))
    assert "Where c and plain disagree" in words
    assert "The first 3 of 4 arms." in words
    assert "Where d and plain disagree" not in words


def test_several_runs_begin_with_what_each_found_and_with_what_was_left_out():
    views = make_view(lift=0.01), make_view(name="other", id="other-20261123T025048Z-ba735e")
    words = text_of(page(*views, left_out=["runs/x: damaged run: summary.csv"]))
    assert words.index("2 runs") < words.index("left out: runs/x") < words.index("bn helped: +1.")
    assert words.count("Is the comparison fair?") == 2


HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}",
    '"><svg onload=alert(1)>',
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_in_a_run_stays_text(text):
    hostile = make_view(overrides=(text,), platform=text, config=None, git_commit=text)
    harmless = make_view(overrides=("x",), platform="x", config=None, git_commit="x")
    tags, others = (
        [tag for tag, _ in read(page(view, left_out=[line])).tags] for view, line in ((hostile, text), (harmless, "x"))
    )
    assert tags == others
    assert text.split()[0] in text_of(page(hostile))


@pytest.mark.parametrize("text", [*HOSTILE, "<!--", "\u2028"])
def test_nothing_in_a_chart_can_end_its_script(text):
    written = str(script_json({"arm": text}))
    assert json.loads(written) == {"arm": text}
    assert not re.search(r"<|\u2028", written)


def test_it_asks_for_nothing_outside():
    for _, attributes in read(page(make_view())).tags:
        assert not [value for name in ("src", "href") if (value := attributes.get(name) or "#")[0] not in "d#"]


def test_ten_runs_make_at_most_three_megabytes():
    views = [make_view(num_epochs=20, id=f"r{number}-20261123T025048Z-ba735d") for number in range(10)]
    assert len(page(*views)) < 3e6


def test_the_page_is_told_from_other_files_by_its_first_bytes():
    from bnreg.cli.common.pages import HEAD_BYTES, OURS

    assert OURS in page(make_view()).encode()[:HEAD_BYTES]
    assert bnreg.__version__ in page(make_view())


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's cache folder is empty, and every putting together of the libraries is counted."""
    calls = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(process, "draw_in_a_process", lambda *call: calls.append(call) or b"code")
    return tmp_path, calls


def code(packed):
    return gzip.decompress(base64.b64decode(packed))


def test_the_libraries_are_put_together_once(cache):
    _, calls = cache
    assert code(libraries()) == code(libraries()) == b"code"
    assert len(calls) == 1


@pytest.mark.parametrize("damage", [b"", b"no gzip", None])
def test_damaged_libraries_are_put_together_again(cache, damage):
    folder, calls = cache
    libraries()
    (file,) = folder.rglob("*.gz")
    file.write_bytes(file.read_bytes()[:-1] if damage is None else damage)
    assert code(libraries()) == b"code"
    assert len(calls) == 2


def test_a_cache_that_cannot_be_written_costs_only_time(cache):
    folder, calls = cache
    (folder / "bnreg").write_text("a file where the folder would be")
    assert code(libraries()) == code(libraries()) == b"code"
    assert len(calls) == 2


def test_curves_by_steps_and_seconds_have_the_same_values():
    """Only the axis differs: in steps 600 to an epoch, in seconds in proportion."""
    from bnreg.analysis.charts.clocks import by_clock, clocks

    view = view_of_run(read_run(committed_run("bn_vs_plain")))
    assert clocks(view) == ["epoch", "step", "seconds"]
    steps, seconds = by_clock(view, "step").metrics, by_clock(view, "seconds").metrics
    assert steps["test_accuracy"].equals(view.metrics["test_accuracy"])
    assert by_clock(view, "step").clock == "step"
    for arm, rows in seconds.groupby("arm"):
        own = [value for name, value in zip(view.summary["arm"], view.summary["seconds"], strict=True) if name == arm]
        assert rows["seconds"].max() == pytest.approx(sum(own) / len(own))
        assert np.allclose(rows["seconds"] / rows["step"], rows["seconds"].max() / rows["step"].max())


def test_claims_have_cards_in_the_order_of_their_names(bnreg, configs, tmp_path):
    for name in ("c11_deep_sigmoid", "c03_covariate_shift"):
        (run,) = (configs.parent / "runs/lecture").glob(f"{name}-*")
        shutil.copytree(run, tmp_path / "made" / run.name)
    done = bnreg("report", "--claims", "--runs", "made")
    assert (done.code, done.out, done.err) == (0, "report.html\n", "")
    found = read(Path("report.html").read_text())
    words = " ".join(found.words)
    assert [attributes["id"] for tag, attributes in found.tags if tag == "article"] == ["C3", "C11"]
    assert "C3 ▲ supported While a network trains" in words
    assert "others found Ioffe & Szegedy" in words
