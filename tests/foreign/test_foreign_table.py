"""Tables of other tools are read in any usual dialect, and every mistake in them is named by its line."""

import re

import pytest
from support.tables import ARMS, LIGHTNING, judged, tidy, wide

from bnreg.errors import UserError
from bnreg.foreign.table import read_table

PERCENT = {arm: [round(100 * value, 1) for value in values] for arm, values in ARMS.items()}
PERCENT_SIGNS = {arm: [f"{value}%" for value in values] for arm, values in PERCENT.items()}


def lines(folder, content, **request):
    """The mistakes in a file, without the folder's name."""
    with pytest.raises(UserError) as raised:
        judged(folder, content, **request)
    return [line.replace(f"{folder}/", "") for line in raised.value.lines]


def values(judgement):
    return {one.side: tuple(one.values("").values()) for one in judgement.samples}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (tidy().encode(), []),
        (tidy().encode("utf-8-sig"), []),
        (tidy().encode("utf-16"), ["the encoding is UTF-16"]),
        (tidy().replace("\n", "\r\n").encode(), []),
        (tidy(separator=";").encode(), ["cells are separated by semicolons"]),
        (tidy(separator="\t").encode(), ["cells are separated by tabs"]),
        (
            tidy(separator=";", decimal=",").encode(),
            ["cells are separated by semicolons", "numbers are with a decimal comma: 0,961 is 0.961"],
        ),
        (re.sub(r"(0\.\d+)$", r'"\1 "', tidy(), flags=re.MULTILINE).encode(), []),
        (tidy(PERCENT_SIGNS).encode(), ["numbers are in percent: 96.1% is 0.961"]),
        (tidy(PERCENT).encode(), ["accuracy is in percent: 96.4 is read as 0.964"]),
    ],
    ids=["plain", "BOM", "UTF-16", "CRLF", "semicolons", "tabs", "decimal comma", "quotes", "percent signs", "percent"],
)
def test_the_same_results_are_read_from_every_dialect(tmp_path, content, said):
    judgement = judged(tmp_path, content)
    assert {arm: pytest.approx(one) for arm, one in values(judgement).items()} == ARMS
    by_name = ("guessed", "--higher", "--smallest")
    assert [line for line in judgement.assumed if not line.startswith(by_name)] == said


def test_a_share_among_percentages_is_not_read_silently(tmp_path):
    content = tidy(PERCENT).replace("bn,3,96.0", "bn,3,0.96")
    assert "accuracy is in percent: 0.96 is read as 0.0096" in judged(tmp_path, content).assumed


def test_another_encoding_is_said(tmp_path):
    judgement = judged(tmp_path, tidy().replace("plain", "größe").encode("latin-1"), baseline="größe")
    assert "not UTF-8, so it is read as Latin-1" in judgement.assumed


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty; expected a header and a row for each result"),
        ("\n\n", "is empty; expected a header and a row for each result"),
        ("method,seed,accuracy\n", "has a header and no rows"),
        (b"PK\x03\x04 sheet", "is an Excel workbook or a zip archive, not text; export it as CSV"),
        (b"PAR1\0\0", "is a Parquet file, not text; export it as CSV"),
        (b"a\0b\n", "is not a text file; export it as CSV"),
    ],
)
def test_a_file_that_is_no_table_says_what_it_is(tmp_path, content, said):
    assert lines(tmp_path, content) == [f"results.csv: {said}"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv: No such file"):
        read_table(tmp_path / "none.csv")


def test_data_instead_of_a_header_are_recognised(tmp_path):
    (line,) = lines(tmp_path, tidy().partition("\n")[2])
    assert line == (
        "results.csv:1: expected names of columns, such as arm, seed, accuracy, but found 'bn', '0', '0.961'"
    )


def test_the_arms_of_a_wide_table_may_be_numbers(tmp_path):
    content = wide({"0.1": ARMS["bn"], "0.01": ARMS["plain"]})
    judgement = judged(tmp_path, content, wide=True, baseline="0.01")
    assert values(judgement) == {"0.1": ARMS["bn"], "0.01": ARMS["plain"]}


def test_a_name_that_two_columns_have_is_refused(tmp_path):
    content = "arm,seed,acc,acc\nbn,0,0.9,0.8\nplain,0,0.8,0.7\n"
    assert lines(tmp_path, content) == ["results.csv:1: columns 3 and 4 are both called 'acc'"]


def test_every_bad_cell_is_named_by_its_line(tmp_path):
    content = tidy().replace("bn,1,0.958", "bn,1,oops").replace("bn,2,0.963", "bn,2,").replace("bn,3,0.96", "bn,3,nan")
    content = content.replace("elu,4,", ",4,").replace("elu,5,", "elu,,").replace("elu,6,", "elu,7,")
    assert lines(tmp_path, content) == [
        "results.csv:3: accuracy: expected a number, got 'oops'",
        "results.csv:4: accuracy: is empty",
        "results.csv:5: accuracy: is nan",
        "results.csv:14: method: is empty",
        "results.csv:15: seed: is empty",
        "results.csv:17: elu, seed 7: has a value already, in results.csv:16".replace(f"{tmp_path}/", ""),
        "a run without a value: --nan-is-diverged counts it as diverged, --where leaves it out",
    ]


def test_a_line_is_that_of_the_file_whatever_is_between(tmp_path):
    """Blank lines, and cells of several lines."""
    content = tidy().replace("bn,1,0.958", '\n"bn\n",1,oops')
    assert lines(tmp_path, content) == ["results.csv:4: accuracy: expected a number, got 'oops'"]


def test_rows_that_are_too_short_or_too_long_are_named(tmp_path):
    content = tidy().replace("bn,1,0.958", "bn,1").replace("bn,2,0.963", "bn,2,0.963,9")
    assert lines(tmp_path, content) == [
        "results.csv:3: 2 cells, but the header has 3",
        "results.csv:4: 4 cells, but the header has 3",
    ]


def test_of_many_mistakes_the_first_are_listed(tmp_path):
    content = re.sub(r"0\.\d+$", "?", tidy(), flags=re.MULTILINE)
    found = lines(tmp_path, content, metric="accuracy")
    assert (len(found), found[0], found[-1]) == (
        9,
        "results.csv:2: accuracy: expected a number, got '?'",
        "and 16 more",
    )


def test_a_training_log_is_recognised_and_its_last_values_can_be_taken(tmp_path):
    """As Lightning's CSVLogger writes them: metrics on alternate rows."""
    (line,) = lines(tmp_path, LIGHTNING, metric="val_acc")
    assert line == (
        "results.csv: has several rows for each arm and seed, by 'epoch', as a training log has; --last takes the last "
        "value of each, or aggregate it first"
    )
    judgement = judged(tmp_path, LIGHTNING, metric="val_acc", last=True)
    assert values(judgement) == {"bn": (0.90,), "plain": (0.85,)}


def test_a_run_that_diverged_is_counted_if_the_user_says_so(tmp_path):
    content = tidy().replace("bn,1,0.958", "bn,1,nan").replace("bn,2,0.963", "bn,2,")
    (bn, _) = judged(tmp_path, content, nan_is_diverged=True).judged
    assert (bn.evidence.num_pairs, bn.evidence.divergence.num_arm, bn.evidence.divergence.num_baseline) == (6, 2, 0)


def test_an_empty_cell_of_a_wide_table_is_a_seed_that_the_arm_lacks(tmp_path):
    judgement = judged(tmp_path, wide().replace("1,0.958,", "1,,"), wide=True)
    (bn, _) = judgement.judged
    assert [judgement.seeds[seed] for seed in bn.evidence.pairs.unmatched_seeds] == ["1"]


def test_a_large_file_is_read_row_by_row_once(tmp_path):
    """A hundred thousand rows of a log."""
    rows = "\n".join(
        f"{arm},{seed},{step},{ARMS[arm][seed]}" for arm in ARMS for seed in range(8) for step in range(4200)
    )
    judgement = judged(tmp_path, f"arm,seed,step,acc\n{rows}\n", last=True)
    assert values(judgement) == ARMS


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (
            'method,seed,reward\nbn,0,"1,500"\nplain,0,990\n',
            "results.csv:2: reward: '1,500' may be 1500 or 1.500; write it without a comma",
        ),
        (
            tidy().replace(".", ","),
            (
                "results.csv:1: has 3 cells, but every row below has 4: expected a header of the columns' names, and "
                "no decimal comma where commas separate the cells"
            ),
        ),
        (
            f"# made by hand\n{tidy()}",
            (
                "results.csv:1: has 1 cell, but every row below has 3: expected a header of the columns' names, and "
                "no decimal comma where commas separate the cells"
            ),
        ),
        (
            tidy(separator=" "),
            ("results.csv:1: has only one column, 'method seed accuracy'; expected commas, semicolons, tabs or bars"),
        ),
        (
            "method,seed,accuracy\nbn,0,0.9\nbn,1,0.8\n",
            "results.csv: has only one arm, 'bn' in column 'method': nothing to compare",
        ),
        (wide(), "--arm: results.csv: which column names the arms, or is --wide missing? "),
    ],
    ids=["thousands", "decimal commas", "a comment", "blanks", "one arm", "wide"],
)
def test_a_table_of_another_shape_is_one_mistake(tmp_path, content, mistake):
    (line,) = lines(tmp_path, content)
    assert line.startswith(mistake)


def test_a_comma_is_decimal_where_no_other_reading_is_possible(tmp_path):
    """Semicolons separate cells because commas do not; and no thousands are separated in 0,961 or 1,25."""
    for content in (
        "method;seed;reward\nbn;0;1,500\nplain;0;1,250\n",
        'method,seed,reward\nbn,0,"1,500"\nplain,0,"1,25"\n',
    ):
        assert values(judged(tmp_path, content)) == {"bn": (1.5,), "plain": (1.25,)}


def test_the_line_with_which_excel_names_the_separator_is_no_header(tmp_path):
    assert values(judged(tmp_path, f"sep=;\n{tidy(separator=';')}")) == ARMS
    (line,) = lines(tmp_path, f"sep=;\n{tidy(separator=';')}bn;9;high\n")
    assert line == "results.csv:27: accuracy: expected a number, got 'high'"


@pytest.mark.parametrize("name", ["id", "run_id", "Run ID", "index", "Unnamed: 0", ""])
def test_numbers_of_rows_are_neither_an_arm_nor_a_metric(tmp_path, name):
    assert values(judged(tmp_path, wide().replace("seed", name), wide=True)) == ARMS
    rows = tidy().splitlines()
    numbered = [f"{number},{row}" for number, row in enumerate(rows[1:])]
    assert judged(tmp_path, "\n".join([f"{name},{rows[0]}", *numbered])).columns.metric == "accuracy"


def test_columns_that_are_asked_for_twice_are_named(tmp_path):
    assert lines(tmp_path, wide(), wide=True, arm="bn,bn") == ["a column can have one role only (--arm bn, --arm bn)"]


@pytest.mark.parametrize(("value", "shown"), [("961", "961"), ("-0.5", "-0.5")])
def test_an_accuracy_that_is_none_is_said_and_has_no_usual_smallest_effect(tmp_path, value, shown):
    judgement = judged(tmp_path, tidy().replace("0.961", value))
    expected = f"accuracy is read as plain numbers, because {shown} is neither a share nor a percentage"
    assert expected in judgement.assumed
    assert judgement.judged[0].evidence.smallest_effect is None


@pytest.mark.parametrize("clock", ["nan", "two", "inf"])
def test_an_epoch_that_is_no_number_has_no_place_in_a_log(tmp_path, clock):
    content = f"arm,seed,epoch,acc\nbn,0,1,0.8\nbn,0,{clock},0.7\nplain,0,1,0.6\nplain,0,,0.5\n"
    assert lines(tmp_path, content, last=True) == [f"results.csv:3: epoch: expected a number, got '{clock}'"]
    assert values(judged(tmp_path, content.replace(clock, "2"), last=True)) == {"bn": (0.7,), "plain": (0.6,)}
