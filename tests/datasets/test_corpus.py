"""Every file of the corpus is read as its owner means it, and a fault costs no accuracy."""

import datetime
import gzip
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from datasets import corpus

from skorchless.comparison import compare
from skorchless.datasets import read_table

GOOD = [file for file in corpus.CORPUS if file.error is None]
BAD = [file for file in corpus.CORPUS if file.error is not None]


def written(file, folder):
    """The path of the file that a `TableFile` describes."""
    path = folder / f"t{file.ending}"
    if isinstance(file.content, pd.DataFrame):
        pytest.importorskip("pyarrow")
        file.content.to_parquet(path)
        return path
    content = file.content
    data = content if isinstance(content, bytes) else content.encode(file.encoding)
    if file.ending.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("t.csv", data)
    else:
        path.write_bytes(gzip.compress(data) if file.ending.endswith(".gz") else data)
    return path


def kind_of_values(values):
    """What the owner means by the values of a column: None where there are none."""
    kinds = {bool: "boolean", int: "number", float: "number", str: "text"}
    kinds[datetime.datetime] = "date"
    found = {kinds[type(value)] for value in values if value is not None}
    assert len(found) <= 1
    return found.pop() if found else None


def kind_of_column(read):
    if pd.api.types.is_bool_dtype(read.dtype):
        return "boolean"
    if pd.api.types.is_numeric_dtype(read.dtype):
        return "number"
    return "date" if read.dtype.kind == "M" else "text"


def in_utc(read):
    """Dates without a time zone, those with one in UTC."""
    return read if read.dt.tz is None else read.dt.tz_convert("UTC").dt.tz_localize(None)


def differences(read, values):
    """The first rows in which a column does not have its values, or its kind if that differs."""
    if len(read) != len(values):
        return f"{len(read)} rows instead of {len(values)}"
    kind = kind_of_values(values)
    if kind is not None and kind_of_column(read) != kind:
        return f"{kind_of_column(read)} ({read.dtype}) instead of {kind}: {read.tolist()[:6]}"
    column = in_utc(read) if kind == "date" else read
    pairs = [
        (None if pd.isna(got) else got, wanted)
        for got, wanted in zip(column.tolist(), values, strict=True)
    ]
    return "; ".join(f"{got!r} instead of {wanted!r}" for got, wanted in pairs if got != wanted)


def what_is_wrong(read, meaning):
    """An empty text where the column means what its owner does."""
    if not isinstance(meaning, corpus.Either):
        return differences(read, meaning)
    found = [differences(read, values) for values in (meaning.first, meaning.second)]
    return "" if "" in found else " / ".join(found)


def names_of(notes, columns):
    """The columns that the notes speak of."""
    return {
        column
        for column in columns
        if any(re.search(rf"(?<!\w){re.escape(column)}(?!\w)", note) for note in notes)
    }


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.name)
def test_a_file_means_what_its_owner_does(tmp_path, file):
    read = read_table(written(file, tmp_path))
    assert read.columns.tolist() == list(file.columns)
    wrong = {name: what_is_wrong(read[name], meaning) for name, meaning in file.columns.items()}
    assert {name: text for name, text in wrong.items() if text} == {}


@pytest.mark.parametrize(
    "file", [file for file in GOOD if file.mentions is not None], ids=lambda file: file.name
)
def test_the_notes_name_the_columns_that_are_not_plain(tmp_path, file):
    notes = read_table(written(file, tmp_path)).attrs["notes"]
    assert all(isinstance(note, str) and "\n" not in note for note in notes)
    if file.mentions:
        assert set(file.mentions) <= names_of(notes, file.columns)
        others = set(file.columns) - set(file.mentions)
        assert [note for note in notes if note.startswith(tuple(f"{n}:" for n in others))] == []
    else:
        assert notes == []


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.name)
def test_what_can_not_be_read_is_said_in_a_sentence(tmp_path, file):
    path = written(file, tmp_path)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        read_table(path)
    sentence = str(error.value).replace(str(path), "")
    assert "\n" not in sentence
    assert len(sentence) < 300
    for words in file.error:
        assert words in sentence


@pytest.mark.parametrize(
    ("encoding", "places"),
    [
        ("cp1252", ["Köln", "Zürich"]),
        ("cp1250", ["Łódź", "Győr"]),
        ("shift-jis", ["東京", "大阪"]),
    ],
)
def test_an_encoding_that_is_guessed_is_said(tmp_path, encoding, places):
    path = tmp_path / "t.csv"
    path.write_text(
        "place,n\n" + "".join(f"{place},{i}\n" for i, place in enumerate(places * 3)),
        encoding=encoding,
    )
    try:
        read = read_table(path)
    except ValueError as error:
        assert "encoding" in str(error)  # noqa: PT017
    else:
        assert any("UTF-8" in note or encoding in note for note in read.attrs["notes"])


def test_the_note_counts_the_values_that_count_as_missing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "income,y\n" + "".join(f"{'?' if i % 300 == 7 else i},a\n" for i in range(2_000))
    )
    read = read_table(path)
    assert read["income"].isna().sum() == 7
    (note,) = read.attrs["notes"]
    assert "income" in note
    assert "7 of 2,000" in note
    assert "?" in note


def test_ids_of_18_digits_stay_exact_beside_a_gap(tmp_path):
    path = tmp_path / "t.csv"
    ids = [100_000_000_000_000_000 + i for i in range(1, 8)]
    path.write_text("who,x\n" + "".join(f"Ann,{i}\n" for i in ids) + "Bob,\n")
    read = read_table(path)["x"]
    assert [int(value) for value in read[:-1]] == ids
    assert pd.isna(read.iloc[-1])


@pytest.mark.parametrize("size", [None, 3], ids=["lists", "lists_of_a_fixed_size"])
def test_lists_of_one_length_are_that_many_columns(tmp_path, size):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    vectors = [[1.5, 2.0, -3.0], [0.5, 4.0, 6.25], [0.0, 1.0, 2.0]]
    kind = pa.list_(pa.float64()) if size is None else pa.list_(pa.float64(), size)
    table = pa.table({"y": ["a", "b", "a"], "v": pa.array(vectors, kind)})
    parquet.write_table(table, tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet")
    assert read.columns[0] == "y"
    assert all(name.startswith("v") for name in read.columns[1:])
    np.testing.assert_array_equal(read[read.columns[1:]].to_numpy(float), vectors)


def test_lists_of_several_lengths_are_spoken_of_by_their_columns_name(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"y": ["a", "b", "a"], "basket": [[1, 2], [], [3]]})
    frame.to_parquet(tmp_path / "t.parquet")
    try:
        read = read_table(tmp_path / "t.parquet")
    except ValueError as error:
        assert "basket" in str(error)  # noqa: PT017
    else:
        assert read.columns.tolist() == ["y"]
        assert names_of(read.attrs["notes"], ["basket"])


N_ROWS = 2_000


@pytest.fixture(scope="module")
def sales():
    """Rows of label, profit, day and shop; the label follows from profit, day and shop."""
    rng = np.random.default_rng(0)
    z, noise = rng.normal(size=(2, N_ROWS))
    days = rng.integers(0, 365, N_ROWS)
    shops = rng.integers(0, 3, N_ROWS)
    logits = 1.5 * z + (days - 182) / 100 + np.array([-1, 0, 1])[shops] + 0.5 * noise
    return [
        (
            "high" if logit > 0 else "low",
            round(1_500 * float(value), 2),
            datetime.date(2024, 1, 1) + datetime.timedelta(days=int(day)),
            ("Rome", "Oslo", "Bonn")[shop],
        )
        for logit, value, day, shop in zip(logits, z, days, shops, strict=True)
    ]


def plain(value):
    return f"{value:.2f}"


def german(value):
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def table(
    rows,
    separator=",",
    number=plain,
    day=str,
    label=str,
    shop=str,
    every=lambda _, text: text,
):
    """The text of a file; `every` may change the profit of row i."""
    lines = ["y,profit,sold,shop".replace(",", separator)]
    for i, (y, profit, sold, place) in enumerate(rows):
        fields = [label(y), every(i, number(profit)), day(sold), shop(place)]
        lines.append(separator.join(f'"{f}"' if separator in f else f for f in fields))
    return "\n".join(lines) + "\n"


FAULTS = {
    "one_question_mark": lambda rows: table(rows, every=lambda i, text: "?" if i == 7 else text),
    "errors_of_a_spreadsheet": lambda rows: table(
        rows, every=lambda i, text: "#DIV/0!" if i % 100 == 7 else text
    ),
    "stray_texts": lambda rows: table(
        rows, every=lambda i, text: f"see {i}" if i % 100 == 7 else text
    ),
    "a_row_of_units": lambda rows: table(rows).replace("\n", "\n,(EUR),,\n", 1),
    "decimal_commas": lambda rows: table(
        rows, ";", number=lambda value: f"{value:.2f}".rstrip("0").rstrip(".").replace(".", ",")
    ),
    "thousands_dots": lambda rows: table(rows, ";", number=german),
    "thousands_commas": lambda rows: table(rows, number=lambda value: f"{value:,.2f}"),
    "euro_signs": lambda rows: table(rows, ";", number=lambda value: f"€ {german(value)}"),
    "negatives_in_parentheses": lambda rows: table(
        rows, number=lambda value: f"({-value:,.2f})" if value < 0 else f"{value:,.2f}"
    ),
    "percent_signs": lambda rows: table(rows, number=lambda value: f"{value:.2f} %"),
    "days_and_points": lambda rows: table(rows, ";", day=lambda day: f"{day:%d.%m.%Y}"),
    "months_before_days": lambda rows: table(rows, day=lambda day: f"{day:%m/%d/%Y}"),
    "month_names": lambda rows: table(rows, day=lambda day: f"{day:%d-%b-%y}"),
    "a_title_and_comments": lambda rows: f"Sales of 2024\n# made on Monday\n\n{table(rows)}",
    "a_line_for_excel": lambda rows: f"sep=;\n{table(rows, ';')}",
    "utf_16_and_tabs": lambda rows: table(rows, "\t").encode("utf-16"),
    "a_total_below": lambda rows: table(rows) + f"Total,{sum(row[1] for row in rows):.2f},,\n",
    "separators_at_the_ends": lambda rows: table(rows).replace("\n", ",,\n"),
    "a_label_that_is_none": lambda rows: table(
        rows, label=lambda y: {"low": "None", "high": "NA"}[y]
    ),
    "labels_that_are_booleans": lambda rows: table(
        rows, label=lambda y: {"low": "nein", "high": "ja"}[y]
    ),
}


def accuracy(path):
    return compare(path, target="y", models=["lbfgs"], random_state=0).table.loc[
        "lbfgs", "accuracy"
    ]


@pytest.fixture(scope="module")
def accuracy_without_a_fault(sales, tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "t.csv"
    path.write_text(table(sales), encoding="utf-8")
    found = accuracy(path)
    assert found > 0.85
    return found


@pytest.mark.filterwarnings("ignore::UserWarning")  # how the file was read
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_no_accuracy(tmp_path, sales, accuracy_without_a_fault, fault):
    content = FAULTS[fault](sales)
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert accuracy(path) == pytest.approx(accuracy_without_a_fault, abs=0.02)
