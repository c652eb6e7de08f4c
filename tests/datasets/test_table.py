"""Tables are read by the ending of their file, and what cannot be read is said in a sentence."""

import datetime
import gzip
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from skorchless.datasets._table import read_table

FRAME = pd.DataFrame(
    {"n": [1.5, np.nan, 3.0], "i": [1, 2, 3], "c": ["x", None, "ü, y"]}, index=[0, 1, 2]
)


def written(frame, path):
    {
        ".csv": lambda: frame.to_csv(path, index=False),
        ".gz": lambda: frame.to_csv(path, index=False),
        ".parquet": lambda: frame.to_parquet(path),
        ".feather": lambda: frame.to_feather(path),
    }[path.suffix.lower()]()
    return path


@pytest.mark.parametrize("name", ["t.csv", "T.CSV", "t.csv.gz", "t.parquet", "t.feather"])
def test_a_table_reads_back(tmp_path, name):
    pytest.importorskip("pyarrow")
    pd.testing.assert_frame_equal(read_table(written(FRAME, tmp_path / name)), FRAME)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("header", ["a{}b", '"a"{}"b"', "\n\na{}b"])
def test_the_separator_is_told_by_the_header(tmp_path, separator, header):
    path = tmp_path / "t.csv"
    path.write_text(f"{header.format(separator)}\n1{separator}x\n")
    assert read_table(path).to_dict("list") == {"a": [1], "b": ["x"]}


def test_commas_in_a_quoted_name_do_not_separate(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('"a, b, c";y\n1;x\n')
    assert read_table(path).columns.tolist() == ["a, b, c", "y"]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_make_numbers(tmp_path, separator):
    path = tmp_path / "t.csv"
    path.write_text(
        f"a{separator}b{separator}c\n1,5{separator}2{separator}x,y\n-0,25{separator}{separator}z\n"
    )
    read = read_table(path)
    np.testing.assert_array_equal(read[["a", "b"]], [[1.5, 2], [-0.25, np.nan]])
    assert read["c"].tolist() == ["x,y", "z"]


def test_a_column_has_one_type_however_long_it_is(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n" * 200_000 + "A,2\n" * 100_000)
    assert set(read_table(path)["a"]) == {"1", "A"}
    path.write_text("a,b\n" + "1,2\n" * 300_000 + "A,2\n")
    read = read_table(path)
    assert read["a"].isna().tolist() == [False] * 300_000 + [True]
    assert read.attrs["notes"] == ["a: 1 of 300,001 values is 'A' and counts as missing"]


def test_a_separator_at_the_end_of_rows_shifts_no_column(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,y\n1,a,\n2,b,\n")
    assert read_table(path).to_dict("list") == {"id": [1, 2], "y": ["a", "b"]}
    path.write_text("id,y\n1,a,more\n2,b,\n")
    with pytest.raises(ValueError, match="line 2 has 3 fields where the header has 2"):
        read_table(path)


def test_one_column_and_a_byte_order_mark_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\ufeffa\n1\n", encoding="utf-8")
    assert read_table(path).to_dict("list") == {"a": [1]}


@pytest.mark.parametrize(
    ("text", "date"),
    [
        *(("2024-01-31", "2024-01-31"), ("2024-01-31T12:30:00", "2024-01-31")),
        *(("1621-01-01", "1621-01-01"), ("9999-12-31", "9999-12-31")),
        *(("31.01.2024", "2024-01-31"), ("1.2.2024", "2024-02-01")),
    ],
)
def test_dates_in_a_csv_file_are_dates(tmp_path, text, date):
    read = read_table(written(pd.DataFrame({"d": [text, None]}), tmp_path / "t.csv"))
    assert read["d"].dtype.kind == "M"
    assert str(read["d"][0].date()) == date
    assert read["d"].isna()[1]


@pytest.mark.parametrize("other", ["never", "2024-01-31 or so", "now", "2024"])
def test_what_only_looks_like_dates_is_text(tmp_path, other):
    frame = pd.DataFrame({"t": ["2024-01-31", other], "n": ["now", "today"], "e": [None, None]})
    read = read_table(written(frame, tmp_path / "t.csv"))
    assert read["t"].tolist() == ["2024-01-31", other]
    assert read["n"].tolist() == ["now", "today"]
    assert read["e"].isna().all()
    assert read["e"].dtype.kind != "M"


def test_dates_and_decimals_of_parquet_are_dates_and_numbers(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(
        {"d": [datetime.date(9999, 12, 31), None], "n": [Decimal("1.50"), None]}, dtype=object
    )
    read = read_table(written(frame, tmp_path / "t.parquet"))
    assert read["d"].dtype.kind == "M"
    assert read["d"][0].year == 9999
    np.testing.assert_array_equal(read["n"], [1.5, np.nan])


def test_a_named_index_is_a_column(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key"))
    assert read_table(written(frame, tmp_path / "t.parquet")).columns.tolist() == ["key", "a"]


def test_names_are_text(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame([[1, 2]], columns=[0, 1])
    assert read_table(written(frame, tmp_path / "t.parquet")).columns.tolist() == ["0", "1"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.doc", b"", "the ending must be .csv, .tsv, .txt, .data, .jsonl, .json, .xlsx, .par"),
        ("t.xlsx", b"", "File is not a zip file"),
        ("t.zip", b"", "File is not a zip file"),
        ("t.jsonl", b'{"a": 1}\n{', "line 2 is no JSON: Expecting property name"),
        ("t.csv", None, "No such file or directory"),
        ("t.csv", b"", "it is empty"),
        ("t.csv", b"a,b\n1,2,3,4\n1,2\n3,4\n", "line 2 has 4 fields"),
        ("t.csv", bytes(range(256)), "it is no text"),
        ("t.csv.gz", b"no gzip", "Not a gzipped file"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-4], "ended before"),
        (
            "t.csv.gz",
            gzip.compress(b"a,b\n" * 999, mtime=0)[:12] + bytes(30),
            "invalid|incorrect|ended",
        ),
        ("t.parquet", b"no parquet", "Parquet"),
        ("t.feather", b"no feather" * 9, "Not a Feather|Arrow"),
    ],
)
def test_what_can_not_be_read_is_said_in_a_sentence(tmp_path, name, content, message):
    pytest.importorskip("pyarrow")
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((ValueError, OSError), match=message) as error:
        read_table(path)
    assert str(error.value).startswith(f"cannot read {str(path)!r}: ")
    assert "\n" not in str(error.value)


def test_a_folder_is_no_table(tmp_path):
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(OSError, match="cannot read .*: Is a directory"):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize("ending", [".parquet", ".feather"])
def test_a_missing_pyarrow_is_named_with_what_installs_it(tmp_path, monkeypatch, ending):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"need pyarrow; .* skorchless\[arrow\]"):
        read_table(tmp_path / f"t{ending}")


@pytest.mark.parametrize("target", ["a", ["a"], ["a", "b"]])
def test_targets_are_left_as_they_stand(tmp_path, target):
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n007,NA,1\n008,5,NA\n")
    frame = read_table(path, target=target)
    assert frame["a"].tolist() == ["007", "008"]
    assert set(frame["b"].dropna()) == ({"NA", "5"} if "b" in target else {5})
