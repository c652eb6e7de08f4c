"""check_save_path: a path that cannot be written is told before the work is done."""

import os
import sys

import pytest

from skorchless._files import TABLE_ENDINGS, check_save_path


@pytest.mark.parametrize("name", ["table", "table.xlsx", "table.csv.gz", ""])
def test_an_unknown_ending_is_an_error_that_names_the_known_ones(tmp_path, name):
    with pytest.raises(ValueError, match="the ending must be .csv, .parquet or .feather"):
        check_save_path(tmp_path / name, TABLE_ENDINGS)


@pytest.mark.parametrize("ending", [".parquet", ".feather"])
def test_a_missing_pyarrow_is_named_with_what_installs_it(tmp_path, monkeypatch, ending):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"need pyarrow; .* skorchless\[arrow\]"):
        check_save_path(tmp_path / f"table{ending}", TABLE_ENDINGS)


def test_csv_needs_no_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    check_save_path(tmp_path / "table.csv", TABLE_ENDINGS)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        check_save_path(tmp_path / "nowhere" / "table.csv", TABLE_ENDINGS)


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "table.csv").mkdir()
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        check_save_path(tmp_path / "table.csv", TABLE_ENDINGS)


def test_a_folder_without_write_permission_is_an_error(tmp_path, monkeypatch):
    # Asked of the operating system, which grants root everything.
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(PermissionError, match="is not writable"):
        check_save_path(tmp_path / "table.csv", TABLE_ENDINGS)
