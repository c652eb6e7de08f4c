"""format_table and align: numbers as people read them."""

import numpy as np
import pandas as pd
import pytest

from skorchless.comparison._table import align, format_size, format_table


def table(**columns):
    numbers = {
        "accuracy": [0.91774, 1.0],
        "log_loss": [0.28699, np.nan],
        "fit_seconds": [0.3141, 21.7],
        "predict_seconds": [0.00123, 0.2],
        "size_bytes": [32_785, 125_927_637],
    }
    return pd.DataFrame(numbers | columns, index=pd.Index(["adam", "a forest"], name="model"))


def test_the_table_is_aligned():
    assert align(format_table(table())).splitlines() == [
        "          accuracy  log loss  fit seconds  predict seconds  pickled size",
        "adam        0.9177    0.2870         0.31           0.0012       32.8 kB",
        "a forest    1.0000         -        21.70           0.2000      125.9 MB",
    ]


def test_the_scores_of_several_labels_have_their_names():
    scores = {"subset_accuracy": [0.5, 1.0], "f1_micro": [0.61234, 0.7], "f1_macro": [0.5, np.nan]}
    texts = format_table(pd.DataFrame(scores).join(table()["log_loss"].reset_index(drop=True)))
    assert texts.columns.tolist() == ["subset accuracy", "micro F1", "macro F1", "log loss"]
    assert texts["micro F1"].tolist() == ["0.6123", "0.7000"]
    assert texts["macro F1"].tolist() == ["0.5000", "-"]


def test_a_column_of_seconds_has_the_decimals_of_its_quickest_model():
    texts = format_table(table(fit_seconds=[0.000123, 2.0], predict_seconds=[123.4, 12.3]))
    assert texts["fit seconds"].tolist() == ["0.00012", "2.00000"]
    assert texts["predict seconds"].tolist() == ["123", "12"]


def test_a_clock_too_coarse_for_a_model_is_no_error():
    texts = format_table(table(fit_seconds=[0.0, 0.0]))
    assert texts["fit seconds"].tolist() == ["0.0000000"] * 2


def test_what_could_not_be_measured_is_a_dash():
    texts = format_table(table(log_loss=[np.nan, np.nan], size_bytes=[np.nan, 500]))
    assert texts["log loss"].tolist() == ["-", "-"]
    assert texts["pickled size"].tolist() == ["-", "0.5 kB"]


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0.0 kB"),
        (6_512, "6.5 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (125_927_637, "125.9 MB"),
        (2_500_000_000, "2.5 GB"),
        (2_500_000_000_000, "2500.0 GB"),
    ],
)
def test_sizes_have_the_largest_unit_that_fits(n_bytes, text):
    assert format_size(n_bytes) == text
