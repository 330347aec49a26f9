"""Columns are named, or guessed if exactly one fits; a guess is always said."""

import pytest
from support.tables import ARMS, judged, tidy, wide

from bnreg.errors import UserError

WANDB = """\
"Name","State","Created","Runtime","optimizer","method","seed","test_acc","test_loss"
"rosy-1","finished","2026-01-01T00:00:00.000Z","61","adam","bn","0","0.96","0.12"
"rosy-2","finished","2026-01-01T00:00:00.000Z","62","adam","plain","0","0.95","0.15"
"rosy-3","crashed","2026-01-01T00:00:00.000Z","3","adam","bn","1","",""
"rosy-4","finished","2026-01-01T00:00:00.000Z","64","adam","plain","1","0.94","0.16"
"""
MLFLOW = """\
,run_id,status,params.lr,params.method,params.seed,metrics.acc,metrics.loss,tags.mlflow.runName
0,0a1b,FINISHED,0.1,bn,0,0.96,0.11,sly-ox
1,0a1c,FINISHED,0.1,plain,0,0.95,0.12,sly-ax
2,0a1d,FINISHED,0.1,bn,1,0.97,0.10,sly-ex
3,0a1e,FINISHED,0.1,plain,1,0.94,0.13,sly-ix
"""


def mistake(folder, content, **request):
    with pytest.raises(UserError) as raised:
        judged(folder, content, **request)
    (line,) = raised.value.lines
    return line.replace(f"{folder}/", "")


def found(judgement):
    columns = judgement.columns
    return columns.arm, columns.seed, columns.metric


def test_usual_names_are_guessed_and_said(tmp_path):
    judgement = judged(tmp_path, tidy())
    assert found(judgement) == ("method", "seed", "accuracy")
    assert judgement.assumed == [
        "guessed --seed seed --arm method --metric accuracy --baseline plain",
        "--higher-is-better, by the name accuracy",
        "--smallest-effect 0.002, the usual one of an accuracy",
    ]


def test_what_is_named_needs_no_guess(tmp_path):
    judgement = judged(
        tmp_path,
        tidy(header="a,b,c"),
        arm="a",
        seed="b",
        metric="c",
        baseline="plain",
        higher_is_better=True,
        smallest_effect="0.2pp",
    )
    assert judgement.assumed == []


@pytest.mark.parametrize("asked", ["Test Acc", "test_acc", "TEST-ACC", "testacc"])
def test_spaces_and_capitals_in_a_header_do_not_matter(tmp_path, asked):
    judgement = judged(tmp_path, tidy(header="My Method,Random Seed,Test Acc"), arm="my_method", metric=asked)
    assert found(judgement) == ("My Method", "Random Seed", "Test Acc")


def test_a_missing_column_names_those_there_are(tmp_path):
    assert mistake(tmp_path, tidy(), metric="acuracy") == (
        "--metric: results.csv: unknown column 'acuracy'; did you mean 'accuracy'? (choices: method, seed, accuracy)"
    )


def test_nothing_is_guessed_if_several_columns_fit_or_none(tmp_path):
    two_arms = tidy(header="method,model,accuracy")
    assert "--arm: results.csv: several columns could be meant (choices: method, model); give one" in mistake(
        tmp_path, two_arms
    )
    assert mistake(tmp_path, tidy(header="a,seed,accuracy")) == (
        "--arm: results.csv: which column names the arms, or is --wide missing? (columns: a, seed, accuracy)"
    )
    assert mistake(tmp_path, WANDB) == (
        "--metric: results.csv: which column has the values to compare? (columns: Runtime, test_acc, test_loss)"
    )
    assert mistake(tmp_path, tidy().replace("plain", "relu")) == (
        "--baseline: which arm are the others compared with? (choices: bn, elu, relu)"
    )


def test_a_column_has_one_role(tmp_path):
    assert "a column can have one role only" in mistake(tmp_path, tidy(), arm="method", metric="method")


def test_an_unknown_baseline_and_a_lonely_arm_are_refused(tmp_path):
    assert mistake(tmp_path, tidy(), baseline="plan") == (
        "--baseline plan: not an arm; did you mean 'plain'? (choices: bn, elu, plain)"
    )
    assert "has only one arm (choices: bn)" in mistake(tmp_path, tidy({"bn": ARMS["bn"]}), arm="method")


def test_an_export_of_wandb_is_read_with_its_states(tmp_path):
    with pytest.raises(UserError, match=r"results.csv:4: test_acc: is empty"):
        judged(tmp_path, WANDB, metric="test_acc")
    judgement = judged(tmp_path, WANDB, metric="test_acc", where="State=finished")
    assert found(judgement) == ("method", "seed", "test_acc")
    assert [one.evidence.num_pairs for one in judgement.judged] == [1]


def test_an_export_of_mlflow_is_read_by_the_last_parts_of_its_names(tmp_path):
    judgement = judged(tmp_path, MLFLOW, metric="acc", where="lr=0.1 and status=FINISHED")
    assert found(judgement) == ("params.method", "params.seed", "metrics.acc")
    assert [one.evidence.num_pairs for one in judgement.judged] == [2]


def test_the_arms_of_a_wide_table_are_its_numbers_or_those_named(tmp_path):
    assert [one.side for one in judged(tmp_path, wide(), wide=True).samples] == ["bn", "elu", "plain"]
    assert [one.side for one in judged(tmp_path, wide(), wide=True, arm="bn, plain").samples] == ["bn", "plain"]
    assert "--wide needs at least two columns of numbers" in mistake(tmp_path, tidy(), wide=True)


def test_a_filter_that_matches_nothing_says_why(tmp_path):
    assert mistake(tmp_path, tidy(), where="method=plian") == (
        "--where 'method=plian': matches none of the 24 rows: "
        "no method is plian; did you mean 'plain'? (choices: bn, elu, plain)"
    )


@pytest.mark.parametrize(
    ("name", "higher", "is_share"),
    [
        ("accuracy", True, True),
        ("val_acc", True, True),
        ("metrics.testAcc", True, True),
        ("F1", True, True),
        ("BLEU", True, False),
        ("test_loss", False, False),
        ("cross-entropy", False, False),
        ("error rate", False, True),
        ("top-1 error", False, True),
        ("score_loss", None, False),
        ("x", None, False),
        ("classes", None, False),
    ],
)
def test_the_direction_is_that_of_the_name_and_said(tmp_path, name, higher, is_share):
    judgement = judged(tmp_path, tidy(header=f"method,seed,{name}"))
    assert (judgement.shown.higher_is_better, judgement.shown.is_share) == (higher, is_share)
    said = {True: "--higher-is-better, by", False: "--lower-is-better, by", None: "does not tell which direction"}
    assert sum(said[higher] in line for line in judgement.assumed) == 1


def test_points_as_a_unit_make_a_share_of_any_metric_between_0_and_1(tmp_path):
    content = tidy(header="method,seed,x")
    judgement = judged(tmp_path, content, higher_is_better=True, smallest_effect="0.2pp")
    assert judgement.judged[0].evidence.smallest_effect == pytest.approx(0.002)
    with pytest.raises(UserError, match=r"as a share that is 30 percentage points; write 0.3pp or 30pp"):
        judged(tmp_path, tidy(), smallest_effect="0.3")
    with pytest.raises(UserError, match=r"--smallest-effect 1pp: test_loss: no share from 0 to 1"):
        judged(tmp_path, tidy({"bn": (3.0, 4.0), "plain": (3.5, 4.5)}, "method,seed,test_loss"), smallest_effect="1pp")
