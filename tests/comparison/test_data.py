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
        ((TABLE[["id", "y"]],), {"target": "y"}, "no column is left to predict from. id: 200"),
        ((TABLE[["x", "y"]],), {"target": "Y"}, "no column 'Y'; did you mean 'y'"),
    ],
)
def test_what_does_not_go_together_is_said(args, options, message):
    with pytest.raises(ValueError, match=message):
        run(*args, **options)
