"""Where samples and labels come from: arrays, frames with both, files; what is said of them."""

import io

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from skorchless.comparison import compare

N = 200
RNG = np.random.default_rng(0)
X = RNG.normal(size=N)
TABLE = pd.DataFrame(
    {
        "id": [f"k{i}" for i in range(N)],
        "x": X.round(3),
        "color": RNG.choice(["red", "green"], N),
        "y": np.where(X + RNG.normal(size=N) > 0, "yes", "no"),
    }
)
ID_IS_LEFT_OUT = "id: 200 different texts in 200 rows, left out"


def ignore(_line):
    """Take a line of progress; without it, losses would be warnings."""


def run(*args, **options):
    return compare(*args, **{"models": ["lbfgs"], "random_state": 0, "progress": ignore} | options)


def accuracy(*args, **options):
    return run(*args, **options).table.loc["lbfgs", "accuracy"]


def test_a_file_a_frame_and_samples_beside_labels_are_the_same(tmp_path):
    path = tmp_path / "t.csv"
    TABLE.to_csv(path, index=False)
    expected = accuracy(TABLE, target="y")
    assert accuracy(str(path), target="y") == accuracy(path, target="y") == expected
    assert accuracy(io.BytesIO(path.read_bytes()), target="y") == expected
    assert accuracy(TABLE.drop(columns="y"), TABLE["y"]) == expected


def test_frames_of_other_packages_are_the_same():
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    expected = accuracy(TABLE, target="y")
    assert accuracy(pyarrow.Table.from_pandas(TABLE), target="y") == expected
    assert accuracy(polars.from_pandas(TABLE), target="y") == expected


def test_notes_say_what_was_left_out_and_conditions_what_was_read():
    comparison = run(TABLE, target="y")
    assert comparison.notes == (ID_IS_LEFT_OUT,)
    facts = comparison.conditions
    assert (facts["target"], facts["numbers"], facts["categories"]) == ("y", "x", "color")
    assert ID_IS_LEFT_OUT in comparison._repr_html_()


def test_without_progress_losses_are_a_warning():
    with pytest.warns(UserWarning, match=ID_IS_LEFT_OUT):
        run(TABLE, target="y", progress=None)


def test_with_progress_every_remark_is_a_line_before_the_fits():
    lines = []
    run(TABLE, target="y", progress=lines.append)
    assert lines[:2] == [
        ID_IS_LEFT_OUT,
        "150 training and 50 test samples, 2 features, 2 classes",
    ]
    assert lines[2].startswith("fitting lbfgs")


@pytest.mark.parametrize("drop", ["id", ["id"], ["id", "color"], "id,color"])
def test_dropped_columns_are_not_learnt_from(drop):
    comparison = run(TABLE, target="y", drop=drop)
    assert comparison.notes == ()
    assert comparison.X_test.shape[1] == (2 if drop in ("id", ["id"]) else 1)


def test_texts_are_numbers_in_frames_as_in_files():
    texts = TABLE.assign(x=TABLE["x"].astype(str).str.replace(".", ","))
    assert accuracy(texts, target="y") == accuracy(TABLE, target="y")


def test_models_of_the_users_get_all_columns_and_types_of_a_table():
    model = LogisticRegression()
    frame = TABLE.drop(columns="id")
    models = {"mine": LogisticRegression}
    with pytest.raises(ValueError, match="must be an unfitted classifier"):
        run(frame, target="y", models=models)
    numbers = TABLE[["x", "y"]].assign(x=TABLE["x"].astype(str))
    assert "mine" in run(numbers, target="y", models={"mine": model}).models


def test_numbers_are_classes_where_the_user_says_so():
    stars = TABLE.assign(y=np.arange(N) % 10 / 2)
    with pytest.raises(ValueError, match="in Python classes=True"):
        run(stars, target="y")
    assert len(run(stars, target="y", classes=True).classes) == 10


LABELS = TABLE.assign(warm=np.where(X > 0.5, "Yes", "no"), big=(X**2 > 1).astype(int)).drop(
    columns=["id", "y"]
)


def labels_run(*args, **options):
    return run(*args, **{"models": ["DecisionTreeClassifier"]} | options)


@pytest.mark.parametrize(
    "target", [["warm", "big"], ("warm", "big"), "warm,big", "warm, big", ["warm,big"]]
)
def test_several_targets_are_labels_of_each_row(target):
    comparison = labels_run(LABELS, target=target)
    assert comparison.classes.tolist() == ["warm", "big"]
    assert comparison.X_test.columns.tolist() == ["x", "color"]
    rows = comparison.X_test.index
    expected = np.column_stack([X[rows] > 0.5, LABELS["big"][rows]])
    np.testing.assert_array_equal(comparison.y_test, expected)
    assert comparison.notes == ("warm: 'Yes' is 1, 'no' is 0",)
    facts = comparison.conditions
    assert (facts["target"], facts["labels"]) == ("warm, big", "2")


def test_several_targets_of_a_file_and_labels_beside_a_frame_are_the_same(tmp_path):
    path = tmp_path / "t.csv"
    LABELS.to_csv(path, index=False, sep=";", decimal=",")
    features, labels = LABELS[["x", "color"]], LABELS[["warm", "big"]]
    expected = labels_run(LABELS, target=["warm", "big"])
    for found in (
        labels_run(path, target=["warm", "big"]),
        labels_run(features, labels),
        labels_run(features, labels.assign(warm=X > 0.5)),
        labels_run(features, np.column_stack([X > 0.5, labels["big"]])),
    ):
        np.testing.assert_array_equal(found.y_test, expected.y_test)
        scores = found.table.iloc[:, :4]
        pd.testing.assert_frame_equal(scores, expected.table.iloc[:, :4])
    assert found.classes.tolist() == [0, 1]


def test_a_name_with_a_comma_is_one_target():
    frame = LABELS.rename(columns={"warm": "warm, today"})
    assert labels_run(frame, target="warm, today").y_test.ndim == 1
    comparison = labels_run(frame, target=["warm, today", "big"])
    assert comparison.classes.tolist() == ["warm, today", "big"]
    with pytest.raises(ValueError, match="no column 'wet'. There is"):
        labels_run(frame, target="big,wet")


def test_one_target_in_a_list_is_that_target():
    assert accuracy(TABLE, target=["y"]) == accuracy(TABLE, target="y")


def test_labels_of_several_columns_are_left_as_they_are_in_a_file(tmp_path):
    path = tmp_path / "t.csv"
    LABELS.replace({"warm": {"no": "NA"}}).to_csv(path, index=False)
    assert labels_run(path, target=["warm", "big"]).notes == ("warm: 'Yes' is 1, 'NA' is 0",)


def test_what_is_lost_with_several_labels_is_said():
    frame = LABELS.assign(warm=LABELS["warm"].mask(np.arange(N) % 20 == 0), copy=LABELS["big"])
    with pytest.warns(UserWarning, match="10 rows without a label are left out\ncopy: it tells"):
        comparison = labels_run(frame, target=["warm", "big"], progress=None)
    assert comparison.conditions["samples"] == "142 to train, 48 to test"


def test_a_label_that_training_samples_never_have_is_told():
    Y = np.column_stack([X > 0, np.arange(N) >= 150])
    with pytest.warns(UserWarning, match="1: always 0 in training: there is nothing to learn"):
        comparison = labels_run(
            *(X[:150, None], Y[:150]), X_test=X[150:, None], y_test=Y[150:], progress=None
        )
    scores = comparison.label_table.loc[(1, "DecisionTreeClassifier")]
    assert (scores["share"], scores["recall"]) == (1.0, 0.0)


def test_read_params_reach_the_reader(tmp_path):
    path = tmp_path / "t.csv"
    TABLE.replace({"color": {"red": "n/k"}}).to_csv(path, index=False, sep="|")
    options = {"read_params": {"sep": "|", "na": ["n/k"]}, "target": "y"}
    assert run(path, **options).X_test["color"].isna().any()
    with pytest.raises(ValueError, match="read_params are for files"):
        run(TABLE, **options)


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ((TABLE,), {}, "target must say which column has the labels, by --target: 'id', 'x'"),
        ((np.zeros((4, 1)),), {}, "y must have the labels of X, or target name their column"),
        ((TABLE, TABLE["y"]), {"target": "y"}, "y and target are two places for the labels"),
        ((np.zeros((4, 1)),), {"target": "y"}, "target names a column of a frame or a file"),
        ((TABLE,), {"target": "y", "drop": ["y"]}, "drop names 'y', which is the target"),
        ((np.zeros((4, 1)), [0, 1, 0, 1]), {"drop": ["a"]}, "drop names columns of a table"),
        ((LABELS,), {"target": []}, r"target must name at least one column, got \[\]"),
        ((LABELS,), {"target": ["warm", "big"], "drop": "big"}, "drop names 'big', which is the"),
        (
            (LABELS,),
            {"target": "warm,big", "drop": "big"},
            "drop names 'big', which is the target",
        ),
        ((LABELS,), {"target": ["warm", "x"]}, "column 'x' must have two values .*, and has 1"),
        ((TABLE[["id", "y"]],), {"target": "y"}, "no column is left to predict from. id: 200"),
        ((TABLE[["x", "y"]],), {"target": "Y"}, "no column 'Y'; did you mean 'y'"),
    ],
)
def test_what_does_not_go_together_is_said(args, options, message):
    with pytest.raises(ValueError, match=message):
        run(*args, **options)
