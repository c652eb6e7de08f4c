"""Files are told by their ending, streams by their first bytes; both may be compressed."""

import bz2
import gzip
import io
import lzma
import sys
import zipfile

import pandas as pd
import pytest

from skorchless._tables.files import load_table

TEXT = b"a,b\n1,x\n2,y\n"
EXPECTED = {"a": [1, 2], "b": ["x", "y"]}


def zipped(**members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def zst(data):
    pa = pytest.importorskip("pyarrow")
    packed = io.BytesIO()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(data)
        stream.flush()
        return packed.getvalue()


FILES = {
    ".csv": lambda: TEXT,
    ".txt": lambda: TEXT.replace(b",", b"|"),
    ".tsv": lambda: TEXT.replace(b",", b"\t"),
    ".csv.gz": lambda: gzip.compress(TEXT),
    ".csv.bz2": lambda: bz2.compress(TEXT),
    ".csv.xz": lambda: lzma.compress(TEXT),
    ".zip": lambda: zipped(**{"t.csv": TEXT}),
    ".csv.zip": lambda: zipped(**{"t.csv": TEXT}),
    ".jsonl": lambda: b'{"a": 1, "b": "x"}\n\n{"a": 2, "b": "y"}\n',
    ".jsonl.gz": lambda: gzip.compress(b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'),
}


@pytest.mark.parametrize("ending", FILES)
def test_a_file_and_a_stream_of_its_bytes_are_read_alike(tmp_path, ending):
    path, data = tmp_path / f"t{ending}", FILES[ending]()
    path.write_bytes(data)
    assert load_table(path)[0].to_dict("list") == EXPECTED
    assert load_table(io.BytesIO(data))[0].to_dict("list") == EXPECTED


@pytest.mark.parametrize("ending", [".parquet", ".feather", ".xlsx"])
def test_binary_formats_are_read_from_both(tmp_path, ending):
    pytest.importorskip("openpyxl" if ending == ".xlsx" else "pyarrow")
    path, frame = tmp_path / f"t{ending}", pd.DataFrame(EXPECTED)
    if ending == ".xlsx":
        frame.to_excel(path, index=False)
    else:
        getattr(frame, f"to_{ending[1:]}")(path)
    assert load_table(path)[0].to_dict("list") == EXPECTED
    assert load_table(io.BytesIO(path.read_bytes()))[0].to_dict("list") == EXPECTED


def test_zst_is_read(tmp_path):
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / "t.csv.zst"
    with pa.output_stream(str(path)) as stream:
        stream.write(TEXT)
    assert load_table(path)[0].to_dict("list") == EXPECTED


def test_hidden_members_of_an_archive_do_not_count(tmp_path):
    path = tmp_path / "t.zip"
    path.write_bytes(zipped(**{"t.csv": TEXT, "__MACOSX/t.csv": TEXT, ".hidden": TEXT}))
    assert load_table(path)[0].to_dict("list") == EXPECTED


def test_an_archive_of_several_files_names_them(tmp_path):
    path = tmp_path / "t.zip"
    path.write_bytes(zipped(**{"one.csv": TEXT, "two.csv": TEXT}))
    with pytest.raises(ValueError, match="one file in it, and has 'one.csv', 'two.csv'"):
        load_table(path)


def test_a_workbook_of_charts_alone_is_an_error(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    book.create_chartsheet("sales").add_chart(openpyxl.chart.BarChart())
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(ValueError, match="has charts and no sheet"):
        load_table(tmp_path / "t.xlsx")


def test_a_workbook_of_several_sheets_says_which_is_read(tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "t.xlsx"
    with pd.ExcelWriter(path) as book:
        for sheet in ("first", "second"):
            pd.DataFrame(EXPECTED).to_excel(book, sheet_name=sheet, index=False)
    frame, notes = load_table(path)
    assert frame.to_dict("list") == EXPECTED
    assert [note.text for note in notes] == ["of 2 sheets 'first' is read"]


def test_a_workbook_needs_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (tmp_path / "t.xlsx").write_bytes(b"")
    with pytest.raises(ImportError, match=r"need openpyxl; .* skorchless\[excel\]"):
        load_table(tmp_path / "t.xlsx")


def test_texts_of_the_users_are_missing_in_every_format(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": "-999", "b": "x"}\n{"a": "5", "b": "-999"}\n')
    frame, _ = load_table(path, na=["-999"])
    assert frame.isna().to_numpy().tolist() == [[True, False], [False, True]]
