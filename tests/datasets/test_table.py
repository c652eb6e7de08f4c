"""Tables are read by the ending of their file, and what can not be read is said in a sentence."""

import gzip
import sys

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
def test_the_separator_is_told_by_the_header(tmp_path, separator):
    path = tmp_path / "t.csv"
    path.write_text(f"a{separator}b\n1{separator}x\n")
    assert read_table(path).to_dict("list") == {"a": [1], "b": ["x"]}


def test_one_column_and_a_byte_order_mark_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\ufeffa\n1\n", encoding="utf-8")
    assert read_table(path).to_dict("list") == {"a": [1]}


def test_dates_in_a_csv_file_are_dates_and_what_looks_like_some_is_text(tmp_path):
    frame = pd.DataFrame({"d": ["2024-01-31", None], "t": ["2024-01-31", "never"]})
    read = read_table(written(frame, tmp_path / "t.csv"))
    assert read["d"].dtype.kind == "M"
    assert read["d"][0] == pd.Timestamp("2024-01-31")
    assert read["t"].tolist() == ["2024-01-31", "never"]


def test_names_are_text(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame([[1, 2]], columns=[0, 1])
    assert read_table(written(frame, tmp_path / "t.parquet")).columns.tolist() == ["0", "1"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"", "the ending must be .csv, .csv.gz, .parquet or .feather"),
        ("t.csv", None, "No such file or directory"),
        ("t.csv", b"", "No columns to parse from file"),
        ("t.csv", b"a,b\n1,2,3,4\n1\n1,2,3,4,5,6\n", "Expected"),
        ("t.csv", b"a,b\n\xff\xfe,1\n", "codec can't decode"),
        ("t.csv.gz", b"no gzip", "Not a gzipped file"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n")[:-4], "ended before"),
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
