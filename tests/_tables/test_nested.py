"""Lists of one length and records become columns; other values are named in a sentence."""

import numpy as np
import pandas as pd
import pytest

from skorchless._tables.columns import type_columns
from skorchless._tables.nested import is_nested


def columns_of(values):
    frame, _ = type_columns(pd.DataFrame({"a": [1.5] * len(values), "v": pd.Series(values)}))
    return frame.drop(columns="a").to_dict("list")


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_lists_of_one_length_are_as_many_columns(kind):
    assert columns_of([kind([1.5, 2.0]), kind([3.0, 4.0])]) == {
        "v[0]": [1.5, 3.0],
        "v[1]": [2.0, 4.0],
    }


def test_arrays_of_two_dimensions_are_flat():
    found = columns_of([np.arange(6).reshape(2, 3)] * 2)
    assert [values[0] for values in found.values()] == [0, 1, 2, 3, 4, 5]


def test_lists_of_text_are_typed_like_other_columns():
    assert columns_of([["1,5", "x"], ["2,5", "y"]]) == {"v[0]": [1.5, 2.5], "v[1]": ["x", "y"]}


def test_records_are_their_fields_and_their_lists():
    found = columns_of([{"x": 1, "at": [1.0, 2.0]}, {"x": 2, "at": [3.0, 4.0]}])
    assert found == {"v.x": [1, 2], "v.at[0]": [1.0, 3.0], "v.at[1]": [2.0, 4.0]}


def test_a_missing_list_is_missing_in_each_column():
    found = columns_of([[1.0, 2.0], None, [3.0, 4.0]])
    np.testing.assert_array_equal(found["v[1]"], [2.0, np.nan, 4.0])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1], [1, 2, 3]], "'v' has lists of different lengths, 1 to 3: leave it out"),
        ([b"a", b"b"], "'v' has values of a kind that no model takes: bytes"),
        ([[1], {"a": 1}], "'v' has values of a kind that no model takes: dict, list"),
    ],
)
def test_other_values_are_named_in_a_sentence(values, message):
    with pytest.raises(ValueError, match=message):
        columns_of(values)


def test_texts_and_numbers_are_not_nested():
    assert not is_nested(pd.Series(["[1, 2]", None], dtype=object))
    assert not is_nested(pd.Series([1.0, 2.0]))
    assert not is_nested(pd.Series([None, None], dtype=object))


def test_columns_that_would_be_called_as_others_are_an_error():
    frame = pd.DataFrame({"v": [[1.0], [2.0]], "v[0]": [3.0, 4.0]})
    with pytest.raises(
        ValueError, match=r"two columns are called 'v\[0\]', one of them within 'v'"
    ):
        type_columns(frame)
