"""Text of fields: encodings, what pandas must not decide, rows that do not fit."""

import io

import numpy as np
import pandas as pd
import pytest

from skorchless._tables.delimited import read_delimited


def read(data, **options):
    given = {"sep": None, "encoding": None, "header": None, "na": (), "untyped": ()}
    data = data if isinstance(data, bytes) else data.encode()
    frame, language, notes = read_delimited(lambda: io.BytesIO(data), **given | options)
    return frame, language, [note.text for note in notes]


def test_letters_beyond_utf_8_in_a_late_row_are_those_of_windows():
    frame, _, notes = read("a,b\n" + "x,1\n" * 50_000 + "ü,2\n", encoding=None)
    assert frame["a"].iloc[-1] == "ü"
    assert notes == []
    late = ("a,b\n" + "x,1\n" * 50_000 + "ü,2\n").encode("cp1252")
    frame, _, notes = read(late)
    assert frame["a"].iloc[-1] == "ü"
    assert notes == ["the text is no UTF-8 and is read as cp1252"]


def test_an_encoding_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match="it is no text in utf-8; name another encoding"):
        read("ü;1\n".encode("cp1252"), encoding="utf-8")


def test_a_column_that_is_text_in_one_place_is_text_as_it_stands_in_all():
    # pandas reads by pieces, and makes numbers of "01.50" in those that have nothing else.
    rows = "01.50,1\n" * 200_000
    frame, *_ = read("a,b\n" + rows + "x,1\n" + rows)
    assert set(frame["a"]) == {"01.50", "x"}


def test_decimal_commas_are_read_by_pandas_where_points_separate_no_fields():
    frame, language, _ = read("a;b\n1,5;x\n-0,25;y\n")
    assert frame["a"].tolist() == [1.5, -0.25]
    assert (language.separator, language.decimal) == (";", ",")


def test_points_stay_text_where_commas_are_decimal():
    frame, *_ = read("a;b\n1,5;1.234\n2,5;2.345\n")
    assert frame["b"].tolist() == ["1.234", "2.345"]


@pytest.mark.parametrize("fields", ["007", "1234567890123456789"])
def test_digits_that_a_number_would_lose_stay_text(fields):
    assert read(f"a,b\n{fields},1\n{fields},2\n")[0]["a"].tolist() == [fields] * 2


def test_an_untyped_column_stays_text():
    frame, *_ = read("y,x\n1.0,1\nNA,2\n", untyped=["y"])
    assert frame["y"].tolist() == ["1.0", "NA"]


def test_texts_that_the_user_names_are_missing():
    frame, *_ = read("a,b\n-999,1\n5,2\n", na=["-999"])
    np.testing.assert_array_equal(frame["a"], [np.nan, 5])


def test_rows_of_no_value_and_comments_are_left_out():
    frame, _, notes = read("a,b\n1,x\n,\n# of the logger\n2,y\n")
    assert frame["b"].tolist() == ["x", "y"]
    assert notes == ["lines that are no rows, 1, are left out"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n\n1,2,3\n", "line 4 has 3 fields where the header has 2"),
        ('a,b\n"x\ny",2\n1,2,3\n', "line 4 has 3 fields where the header has 2"),
        ("# c\na,b\n1,2\n1,2,3\n", "line 4 has 3 fields"),
    ],
)
def test_a_row_of_too_many_fields_is_named_by_its_line(text, message):
    with pytest.raises(ValueError, match=message):
        read(text)


def test_separators_too_many_at_the_end_of_a_row_are_nothing():
    frame, *_ = read("a,b\n1,2\n1,2,,,\n")
    assert frame.to_dict("list") == {"a": [1, 1], "b": [2, 2]}


def test_rules_below_the_header_and_headers_again_are_left_out():
    assert read("a | b\n---+---\n1 | x\n2 | y\n")[0]["b"].str.strip().tolist() == ["x", "y"]
    assert read("a,b\n1,x\na,b\n2,y\n")[0]["b"].tolist() == ["x", "y"]


@pytest.mark.parametrize("end", ["", '8,"w\n'])
def test_a_quote_that_is_not_closed_is_an_error(end):
    rows = "".join(f"{i},t{i}\n" for i in range(50))
    with pytest.raises(ValueError, match="row 51 has a quote that is not closed"):
        read("a,b\n" + rows + '7,"v\n' + rows + end)


def test_zeros_far_down_a_file_are_seen():
    rows = "".join(f"{i},x\n" for i in range(10_000, 30_000))
    assert read("zip,b\n" + rows + "01234,y\n")[0]["zip"].iloc[-1] == "01234"


def test_a_header_alone_is_a_table_without_rows():
    assert read("a,b\n")[0].shape == (0, 2)
    assert read("a,b\n", untyped=["b"])[0].shape == (0, 2)
    assert read("a,b\n\n\n", untyped=["b"])[0].shape == (0, 2)


def test_wide_tables_are_looked_at_without_pandas(monkeypatch):
    # A counter: a column of plain numbers is worth no call of the styles of people.
    def count(*_args):
        pytest.fail("a column of plain numbers was taken apart")

    monkeypatch.setattr("skorchless._tables.delimited.number_parts", count)
    rows = [[f"x{j}" for j in range(500)], *([["1.5"] * 500] * 3)]
    frame, *_ = read("\n".join(",".join(row) for row in rows))
    assert frame.shape == (3, 500)
    assert (frame.dtypes == np.float64).all()
    assert isinstance(frame, pd.DataFrame)
