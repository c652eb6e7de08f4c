"""Nasty table files, and beside each file what its owner means by it.

`test_corpus` reads them. The meaning is written down by hand, never taken from a reader.
"""

import datetime
import decimal
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import pandas as pd

SOMETHING = None  # as mentions: a note may be there, and need not

Value = str | int | float | bool | datetime.datetime | None


@dataclass(frozen=True)
class Either:
    """Readings of one column that are equally right; the file does not tell them apart."""

    first: list[Value]
    second: list[Value]


@dataclass(frozen=True, eq=False)
class TableFile:
    """A file and its meaning.

    Attributes
    ----------
    name : str
        Id of the test.
    content : str, bytes or DataFrame
        What the file holds; a frame is written as Parquet.
    columns : dict from str to list, or None
        The columns in their order. Numbers are int or float, words for yes and no are bool,
        dates and times are datetimes (in UTC where the file has offsets), None is missing.
    encoding : str
        Of a content that is text.
    ending : str
        Of the file's name, compression included.
    mentions : tuple of str, or None
        The columns that a note has to name, and no others. Empty: there are no notes.
        None: whether there are notes is left open.
    error : tuple of str, or None
        Words in the sentence that says why the file cannot be read.
    """

    name: str
    content: str | bytes | pd.DataFrame
    columns: dict[str, list[Value] | Either] | None = None
    encoding: str = "utf-8"
    ending: str = ".csv"
    mentions: tuple[str, ...] | None = ()
    error: tuple[str, ...] | None = None


WHO = ("Ann", "Bob", "Cleo", "Dan", "Eve", "Fay", "Gus")


def column(
    name: str,
    meaning: dict[str, Value] | Sequence[tuple[str, Value]],
    *,
    header: str = "x",
    separator: str = ",",
    repeat: int = 1,
    ending: str = ".csv",
    mentions: tuple[str, ...] | None = (),
) -> TableFile:
    """A file of the text column "who" and one column, given as pairs of field and meaning."""
    pairs = list(meaning.items() if isinstance(meaning, dict) else meaning) * repeat
    who = list(islice(cycle(WHO), len(pairs)))
    fields = [f'"{text}"' if separator in text else text for text, _ in pairs]
    lines = [separator.join(pair) for pair in [("who", header), *zip(who, fields, strict=True)]]
    values = [value for _, value in pairs]
    return TableFile(
        name,
        "\n".join(lines) + "\n",
        {"who": who, header: values},
        ending=ending,
        mentions=mentions,
    )


def either(name: str, fields: Sequence[str], first: list, second: list, **options) -> TableFile:
    """A file of the text column "who" and one column with two right readings."""
    file = column(name, [(field, None) for field in fields], **options)
    header = options.get("header", "x")
    columns = {"who": file.columns["who"], header: Either(first, second)}
    return TableFile(name, file.content, columns, mentions=file.mentions)


def on(year, month, day, hour=0, minute=0, second=0, microsecond=0):
    return datetime.datetime(year, month, day, hour, minute, second, microsecond)


# What six rows with the separator , mean in the files about dialect, lines and encodings.
CITIES = {
    "who": ["Ann", "Bob", "Cleo", "Dan", "Eve", "Fay"],
    "x": [1.5, 2, -0.25, 10, 3.75, 0],
    "city": ["Rome", "Oslo", "Rome", "Bonn", "Oslo", "Bonn"],
}
CITIES_LINES = [
    "who,x,city",
    *("Ann,1.5,Rome", "Bob,2,Oslo", "Cleo,-0.25,Rome"),
    *("Dan,10,Bonn", "Eve,3.75,Oslo", "Fay,0,Bonn"),
]
CITIES_TEXT = "\n".join(CITIES_LINES) + "\n"
# The same as an export from Germany has it.
GERMAN = {
    "wer": ["Änne", "Bob", "Cleo", "Jürgen", "Eve", "Zoë"],
    "x": [1.5, 2, -0.25, 10, 3.75, 0],
    "stadt": ["Köln", "Oslo", "Köln", "Zürich", "Oslo", "Zürich"],
}
GERMAN_LINES = [
    "wer;x;stadt",
    *("Änne;1,5;Köln", "Bob;2;Oslo", "Cleo;-0,25;Köln"),
    *("Jürgen;10;Zürich", "Eve;3,75;Oslo", "Zoë;0;Zürich"),
]
GERMAN_TEXT = "\n".join(GERMAN_LINES) + "\n"


def cities(name: str, content: str | bytes, **options) -> TableFile:
    """A file that means `CITIES`."""
    return TableFile(name, content, CITIES, **options)


def german(name: str, content: str | bytes, **options) -> TableFile:
    """A file that means `GERMAN`, which has decimal commas."""
    return TableFile(name, content, GERMAN, mentions=("x",), **options)


DIALECT = [
    cities("separator_comma", CITIES_TEXT),
    cities("separator_semicolon", CITIES_TEXT.replace(",", ";")),
    cities("separator_tab", CITIES_TEXT.replace(",", "\t")),
    cities("separator_bar", CITIES_TEXT.replace(",", "|")),
    cities("separator_colon", CITIES_TEXT.replace(",", ":")),
    cities("separator_caret", CITIES_TEXT.replace(",", "^")),
    cities("separator_comma_and_a_blank", CITIES_TEXT.replace(",", ", ")),
    cities(
        "separator_runs_of_blanks",
        "who      x  city\nAnn    1.5  Rome\nBob      2  Oslo\nCleo -0.25  Rome\n"
        "Dan     10  Bonn\nEve   3.75  Oslo\nFay      0  Bonn\n",
        ending=".txt",
    ),
    cities(
        "quotes_round_everything",
        "".join(
            ",".join(f'"{field}"' for field in line.split(",")) + "\n" for line in CITIES_LINES
        ),
    ),
    TableFile(
        "quotes_round_separators",
        'who,place\nAnn,"Rome, Italy"\nBob,"Oslo, Norway"\nCleo,Bonn\n'
        'Dan,"Nice, France"\nEve,"Rome, Italy"\nFay,Bonn\n',
        {
            "who": ["Ann", "Bob", "Cleo", "Dan", "Eve", "Fay"],
            "place": [
                *("Rome, Italy", "Oslo, Norway", "Bonn"),
                *("Nice, France", "Rome, Italy", "Bonn"),
            ],
        },
    ),
    TableFile(
        "quotes_round_separators_single",
        "who,n,place\nAnn,1,'Rome, Italy'\nBob,2,'Oslo, Norway'\nCleo,3,'Bonn, Germany'\n"
        "Dan,4,'Nice, France'\nEve,5,'Rome, Italy'\nFay,6,'Bonn, Germany'\n",
        {
            "who": ["Ann", "Bob", "Cleo", "Dan", "Eve", "Fay"],
            "n": [1, 2, 3, 4, 5, 6],
            "place": [
                *("Rome, Italy", "Oslo, Norway", "Bonn, Germany"),
                *("Nice, France", "Rome, Italy", "Bonn, Germany"),
            ],
        },
    ),
    TableFile(
        "quotes_round_line_breaks",
        'who,said,n\nAnn,"first\nsecond",1\nBob,no,2\nCleo,"a\n\nb",3\nDan,"x, y\nz",4\n'
        "Eve,no,5\nFay,so,6\n",
        {
            "who": ["Ann", "Bob", "Cleo", "Dan", "Eve", "Fay"],
            "said": ["first\nsecond", "no", "a\n\nb", "x, y\nz", "no", "so"],
            "n": [1, 2, 3, 4, 5, 6],
        },
    ),
    TableFile(
        "quotes_doubled",
        'who,said,n\nAnn,"the ""old"" house",1\nBob,"""quoted""",2\nCleo,plain,3\n'
        'Dan,"a ""b"", c",4\nEve,plain,5\nFay,"""",6\n',
        {
            "who": ["Ann", "Bob", "Cleo", "Dan", "Eve", "Fay"],
            "said": ['the "old" house', '"quoted"', "plain", 'a "b", c', "plain", '"'],
            "n": [1, 2, 3, 4, 5, 6],
        },
    ),
    TableFile(
        "quotes_behind_backslashes",
        'who,said,n\nAnn,"say \\"a, b\\"",1\nBob,"say \\"c\\"",2\nCleo,plain,3\n'
        'Dan,"\\"d, e\\", he said",4\nEve,plain,5\nFay,"f, g",6\n',
        {
            "who": ["Ann", "Bob", "Cleo", "Dan", "Eve", "Fay"],
            "said": ['say "a, b"', 'say "c"', "plain", '"d, e", he said', "plain", "f, g"],
            "n": [1, 2, 3, 4, 5, 6],
        },
    ),
    TableFile(
        "a_quote_that_means_inches",
        'part,size,n\npipe,5" wide,1\nrod,7" wide,2\ncap,flat,3\n'
        'pipe,9" wide,4\nrod,flat,5\ncap,12" wide,6\n',
        {
            "part": ["pipe", "rod", "cap", "pipe", "rod", "cap"],
            "size": ['5" wide', '7" wide', "flat", '9" wide', "flat", '12" wide'],
            "n": [1, 2, 3, 4, 5, 6],
        },
    ),
    TableFile(
        "apostrophes_are_no_quotes",
        "who,said,n\nO'Neil,it's late,1\nAnn,five o'clock,2\nBob,no,3\n"
        "D'Arcy,let's go,4\nEve,no,5\nFay,the dogs' home,6\n",
        {
            "who": ["O'Neil", "Ann", "Bob", "D'Arcy", "Eve", "Fay"],
            "said": ["it's late", "five o'clock", "no", "let's go", "no", "the dogs' home"],
            "n": [1, 2, 3, 4, 5, 6],
        },
    ),
    TableFile(
        "names_with_commas_between_semicolons",
        "name, first;income, EUR;debt, EUR\nAnn;1200;30\nBob;800;0\nCleo;950;12\n"
        "Dan;1100;7\nEve;700;90\nFay;640;15\n",
        {
            "name, first": ["Ann", "Bob", "Cleo", "Dan", "Eve", "Fay"],
            "income, EUR": [1200, 800, 950, 1100, 700, 640],
            "debt, EUR": [30, 0, 12, 7, 90, 15],
        },
    ),
    TableFile(
        "commas_in_every_row_between_semicolons",
        "x1;x2;n\n1,5;2,25;1\n0,5;3,5;2\n-1,25;4,75;3\n2,5;0,25;4\n3,5;1,5;5\n4,25;6,5;6\n",
        {
            "x1": [1.5, 0.5, -1.25, 2.5, 3.5, 4.25],
            "x2": [2.25, 3.5, 4.75, 0.25, 1.5, 6.5],
            "n": [1, 2, 3, 4, 5, 6],
        },
        mentions=("x1", "x2"),
    ),
    TableFile(
        "sentences_between_tabs",
        "n\tsaid\n1\tred, then green; late, again\n2\tno\n3\tone, two\n"
        "4\ta; b, c, d\n5\tno\n6\tup, down; left\n",
        {
            "n": [1, 2, 3, 4, 5, 6],
            "said": [
                *("red, then green; late, again", "no", "one, two"),
                *("a; b, c, d", "no", "up, down; left"),
            ],
        },
        ending=".tsv",
    ),
    TableFile(
        "bars_in_text_between_commas",
        "n,tags\n1,a|b\n2,a|c\n3,b|c\n4,a|b\n5,c|d\n6,a|d\n",
        {"n": [1, 2, 3, 4, 5, 6], "tags": ["a|b", "a|c", "b|c", "a|b", "c|d", "a|d"]},
    ),
    TableFile(
        "json_in_a_column",
        'n,extra\n1,"{""a"": 1, ""b"": [1, 2]}"\n2,"{""a"": 2, ""b"": []}"\n3,{}\n'
        '4,"{""a"": 4, ""b"": [3]}"\n5,{}\n6,"{""a"": 6, ""b"": [5, 6]}"\n',
        {
            "n": [1, 2, 3, 4, 5, 6],
            "extra": [
                *('{"a": 1, "b": [1, 2]}', '{"a": 2, "b": []}', "{}"),
                *('{"a": 4, "b": [3]}', "{}", '{"a": 6, "b": [5, 6]}'),
            ],
        },
    ),
    TableFile(
        "a_field_of_100,000_letters",
        "who,x\nAnn,1\nBob,2\nso " + "long " * 20_000 + "a name,3\nDan,4\nEve,5\nFay,6\n",
        {
            "who": ["Ann", "Bob", "so " + "long " * 20_000 + "a name", "Dan", "Eve", "Fay"],
            "x": [1, 2, 3, 4, 5, 6],
        },
    ),
]

ENCODING = [
    german("utf_8", GERMAN_TEXT),
    german("utf_8_with_a_mark", GERMAN_TEXT, encoding="utf-8-sig"),
    german("utf_16_little_endian", b"\xff\xfe" + GERMAN_TEXT.encode("utf-16-le")),
    german("utf_16_big_endian", b"\xfe\xff" + GERMAN_TEXT.encode("utf-16-be")),
    cities("utf_16_tabs_as_excel_writes", CITIES_TEXT.replace(",", "\t"), encoding="utf-16"),
    TableFile("windows_1252", GERMAN_TEXT, GERMAN, encoding="cp1252", mentions=SOMETHING),
    TableFile(
        "windows_1252_far_below",
        "who,x\n" + "Ann,1\n" * 30_000 + "Zoë,2\n",
        {"who": ["Ann"] * 30_000 + ["Zoë"], "x": [1] * 30_000 + [2]},
        encoding="cp1252",
        mentions=SOMETHING,
    ),
    TableFile(
        "japanese_in_utf_8",
        "名前,値\n東京,1\n大阪,2\n東京,3\n京都,4\n大阪,5\n京都,6\n",
        {"名前": ["東京", "大阪", "東京", "京都", "大阪", "京都"], "値": [1, 2, 3, 4, 5, 6]},
    ),
    cities("line_ends_of_windows", CITIES_TEXT.replace("\n", "\r\n")),
    cities("line_ends_of_old_macs", CITIES_TEXT.replace("\n", "\r")),
    cities("line_ends_mixed", "\r\n".join(CITIES_LINES[:3]) + "\n" + "\n".join(CITIES_LINES[3:])),
    cities("no_line_end_at_the_end", CITIES_TEXT.rstrip("\n")),
    cities("nul_bytes_at_the_end", CITIES_TEXT + "\0" * 64, mentions=SOMETHING),
]

NUMBERS = [
    column(
        "decimal_commas_and_a_whole_number",
        {"1,5": 1.5, "2": 2.0, "-0,25": -0.25, "10": 10.0, "3,75": 3.75, "0": 0.0},
        separator=";",
        mentions=("x",),
    ),
    column(
        "decimal_commas_signs_and_exponents",
        {"1,5E-05": 1.5e-05, "+0,5": 0.5, "-2,25": -2.25, ",5": 0.5, "3": 3, "0,125 ": 0.125},
        separator=";",
        mentions=("x",),
    ),
    column(
        "decimal_commas_between_tabs",
        {"1,5": 1.5, "2": 2, "-0,25": -0.25, "10": 10, "": None, "0,75": 0.75},
        separator="\t",
        ending=".tsv",
        mentions=("x",),
    ),
    column(
        "decimal_commas_in_quotes",
        {"1,5": 1.5, "2": 2, "-0,25": -0.25, "10,25": 10.25, "3,75": 3.75, "0": 0},
        mentions=("x",),
    ),
    column(
        "decimal_points_between_semicolons",
        {"1.5": 1.5, "2": 2, "-0.25": -0.25, "10": 10, "3.75": 3.75, "0": 0},
        separator=";",
    ),
    column(
        "decimal_points_without_a_digit",
        {".5": 0.5, "5.": 5, "-.25": -0.25, "1.0": 1, "0.125": 0.125, "7": 7},
    ),
    column(
        "three_decimals_in_every_row",
        {"1.234": 1.234, "2.500": 2.5, "9.120": 9.12, "3.045": 3.045, "7.777": 7.777, "": None},
    ),
    column(
        "thousands_dots_decimal_commas",
        {
            "1.234,56": 1234.56,
            "12.345,00": 12345,
            "999,9": 999.9,
            "-1.000.000,5": -1000000.5,
            "0,01": 0.01,
            "50": 50,
        },
        separator=";",
        mentions=("x",),
    ),
    column(
        "thousands_commas_decimal_points",
        {
            "1,234.56": 1234.56,
            "12,345.00": 12345,
            "999.9": 999.9,
            "-1,000,000.5": -1000000.5,
            "0.01": 0.01,
            "50": 50,
        },
        mentions=SOMETHING,
    ),
    column(
        "thousands_blanks",
        {"1 234": 1234, "12 345": 12345, "999": 999, "-1 000 000": -1000000, "0": 0, "50": 50},
        separator=";",
        mentions=SOMETHING,
    ),
    column(
        "thousands_no_break_blanks",
        {
            "1\xa0234,5": 1234.5,
            "12\xa0345": 12345,
            "999,25": 999.25,
            "-1\xa0000\xa0000": -1000000,
            "0": 0,
            "50,75": 50.75,
        },
        separator=";",
        mentions=("x",),
    ),
    column(
        "thousands_narrow_no_break_blanks",
        {
            "1\u202f234,5": 1234.5,
            "12\u202f345": 12345,
            "999,25": 999.25,
            "-1\u202f000\u202f000": -1000000,
            "0": 0,
            "50,75": 50.75,
        },
        separator=";",
        mentions=("x",),
    ),
    column(
        "thousands_apostrophes",
        {
            "1'234.50": 1234.5,
            "12'345.00": 12345,
            "999.90": 999.9,
            "-1'000'000.00": -1000000,
            "0.05": 0.05,
            "50.00": 50,
        },
        separator=";",
        mentions=SOMETHING,
    ),
    column(
        "thousands_curly_apostrophes",
        {
            "1\u2019234.50": 1234.5,
            "12\u2019345.00": 12345,
            "999.90": 999.9,
            "-1\u2019000\u2019000.00": -1000000,
            "0.05": 0.05,
            "50.00": 50,
        },
        mentions=SOMETHING,
    ),
    column(
        "thousands_commas_told_by_one_row",
        {
            "1,234": 1234,
            "2,500": 2500,
            "12,345,678": 12345678,
            "3,045": 3045,
            "7,777": 7777,
            "1,001": 1001,
        },
        mentions=SOMETHING,
    ),
    column(
        "thousands_commas_told_by_short_numbers",
        {"1,234": 1234, "250": 250, "12,345": 12345, "3,045": 3045, "45": 45, "110,001": 110001},
        mentions=SOMETHING,
    ),
    column(
        "decimal_commas_told_by_one_row",
        {
            "1,234": 1.234,
            "2,500": 2.5,
            "0,125": 0.125,
            "3,045": 3.045,
            "7,777": 7.777,
            "1,001": 1.001,
        },
        mentions=("x",),
    ),
    either(
        "thousands_or_decimal_commas",
        ["1,234", "2,500", "9,120", "3,045", "7,777", "1,001"],
        [1234, 2500, 9120, 3045, 7777, 1001],
        [1.234, 2.5, 9.12, 3.045, 7.777, 1.001],
        mentions=("x",),
    ),
    TableFile(
        "decimal_commas_told_by_another_column",
        "x;z\n1,234;12,5\n2,500;7,25\n9,120;3,5\n3,045;1,75\n7,777;8\n1,001;0,5\n",
        {"x": [1.234, 2.5, 9.12, 3.045, 7.777, 1.001], "z": [12.5, 7.25, 3.5, 1.75, 8, 0.5]},
        mentions=("x", "z"),
    ),
    TableFile(
        "thousands_commas_told_by_another_column",
        "x;z\n1,234;12.5\n2,500;7.25\n9,120;3.5\n3,045;1.75\n7,777;8\n1,001;0.5\n",
        {"x": [1234, 2500, 9120, 3045, 7777, 1001], "z": [12.5, 7.25, 3.5, 1.75, 8, 0.5]},
        mentions=("x",),
    ),
    TableFile(
        "thousands_dots_told_by_another_column",
        "x;z\n1.234;12,5\n2.500;7,25\n9.120;3,5\n3.045;1,75\n7.777;8\n1.001;0,5\n",
        {"x": [1234, 2500, 9120, 3045, 7777, 1001], "z": [12.5, 7.25, 3.5, 1.75, 8, 0.5]},
        mentions=("x", "z"),
    ),
    column(
        "signs",
        {"+1.5": 1.5, "-2": -2, "\u22123.25": -3.25, "4": 4, "+0": 0, "\u22120.5": -0.5},
        mentions=SOMETHING,
    ),
    column(
        "minus_behind",
        {"12.50-": -12.5, "3.00": 3, "0.75-": -0.75, "100.00": 100, "8.25": 8.25, "1.00-": -1},
        mentions=SOMETHING,
    ),
    column(
        "exponents",
        {"1.5E-05": 1.5e-05, "2e3": 2000, "1E+06": 1e6, "3.25": 3.25, "-4.0e-1": -0.4, "7": 7},
    ),
    column(
        "percent_signs",
        {"12 %": 12.0, "7.5%": 7.5, "100 %": 100, "0 %": 0, "33.3%": 33.3, "-50%": -50},
        mentions=("x",),
    ),
    column(
        "percent_signs_and_decimal_commas",
        {"12 %": 12.0, "7,5 %": 7.5, "100 %": 100, "0 %": 0, "33,3 %": 33.3, "50 %": 50},
        separator=";",
        mentions=("x",),
    ),
    column(
        "euro_signs_before",
        {"€ 1.200,50": 1200.5, "€ 85,00": 85, "€ 3,99": 3.99, "€ -40,00": -40, "€ 0": 0, "": None},
        separator=";",
        mentions=("x",),
    ),
    column(
        "euro_signs_behind",
        {"1.200,50 €": 1200.5, "85 €": 85, "3,99 €": 3.99, "-40,00€": -40, "0 €": 0, "": None},
        separator=";",
        mentions=("x",),
    ),
    column(
        "dollars",
        {"$1,200": 1200, "$85": 85, "$1,150.75": 1150.75, "-$40": -40, "$0": 0, "$3,000,000": 3e6},
        mentions=("x",),
    ),
    column(
        "pounds",
        {"£1,200.50": 1200.5, "£85": 85, "£0.99": 0.99, "£40": 40, "£12": 12, "£7.25": 7.25},
        mentions=("x",),
    ),
    column(
        "currency_codes_behind",
        {
            "12 USD": 12,
            "7.5 USD": 7.5,
            "1,250 USD": 1250,
            "0 USD": 0,
            "3 USD": 3,
            "99.9 USD": 99.9,
        },
        mentions=("x",),
    ),
    column(
        "currency_codes_before",
        {"EUR 12": 12, "EUR 7.5": 7.5, "EUR 250": 250, "EUR 0": 0, "EUR 3": 3, "EUR 99.9": 99.9},
        mentions=("x",),
    ),
    column(
        "parentheses_are_negatives",
        {"(1,200)": -1200, "350": 350, "(75.5)": -75.5, "1,000": 1000, "0": 0, "(2)": -2},
        mentions=("x",),
    ),
    column(
        "blanks_around_numbers",
        {"  1.5 ": 1.5, " 2": 2, "-0.25  ": -0.25, "10": 10, " 3.75": 3.75, "0 ": 0},
        mentions=SOMETHING,
    ),
    column(
        "units_behind",
        {"12 kg": 12, "7.5 kg": 7.5, "80 kg": 80, "0 kg": 0, "3 kg": 3, "64.25 kg": 64.25},
        mentions=("x",),
    ),
    column(
        "units_behind_without_a_blank",
        {"180cm": 180, "175.5cm": 175.5, "99cm": 99, "201cm": 201, "160cm": 160, "155cm": 155},
        mentions=("x",),
    ),
    column(
        "units_and_decimal_commas",
        {"1,5 kg": 1.5, "7 kg": 7, "80,25 kg": 80.25, "0,5 kg": 0.5, "3 kg": 3, "": None},
        separator=";",
        mentions=("x",),
    ),
    column(
        "units_that_differ_are_text",
        {
            "12 kg": "12 kg",
            "500 g": "500 g",
            "3 kg": "3 kg",
            "250 g": "250 g",
            "7 kg": "7 kg",
            "80 g": "80 g",
        },
        mentions=SOMETHING,
    ),
    column("whole_numbers", {"1": 1, "20": 20, "-3": -3, "0": 0, "400": 400, "5": 5}),
    column("whole_numbers_and_gaps", {"1": 1, "20": 20, "": None, "0": 0, "400": 400, "5": 5}),
    column("zeros_and_ones", {"0": 0, "1": 1}, repeat=3),
    column("years", {"2019": 2019, "2020": 2020, "2021": 2021, "1999": 1999}, repeat=2),
    column("seconds_since_1970", {f"17065{i}4800": 1_706_504_800 + 10_000 * i for i in range(8)}),
    column(
        "ids_of_18_digits",
        {f"10000000000000000{i}": 100_000_000_000_000_000 + i for i in range(1, 8)},
        mentions=SOMETHING,
    ),
    column(
        "ids_of_25_digits",
        {f"123456789012345678901234{i}": f"123456789012345678901234{i}" for i in range(8)},
        mentions=SOMETHING,
    ),
    column(
        "ids_of_18_digits_that_start_with_zeros",
        {f"00100000000000000{i}": f"00100000000000000{i}" for i in range(1, 8)},
        mentions=SOMETHING,
    ),
]

DATES = [
    column(
        "iso_days",
        {
            "2024-01-31": on(2024, 1, 31),
            "2024-02-01": on(2024, 2, 1),
            "1999-12-31": on(1999, 12, 31),
            "2024-02-29": on(2024, 2, 29),
            "2030-07-04": on(2030, 7, 4),
            "": None,
        },
    ),
    column(
        "iso_days_outside_four_centuries",
        {
            "1621-01-01": on(1621, 1, 1),
            "9999-12-31": on(9999, 12, 31),
            "2024-02-01": on(2024, 2, 1),
            "1066-10-14": on(1066, 10, 14),
            "2024-03-01": on(2024, 3, 1),
            "": None,
        },
    ),
    column(
        "iso_times_with_t",
        {
            "2024-01-31T12:30:00": on(2024, 1, 31, 12, 30),
            "2024-02-01T00:00:00": on(2024, 2, 1),
            "2024-02-01T23:59:59": on(2024, 2, 1, 23, 59, 59),
        },
        repeat=2,
    ),
    column(
        "iso_times_with_a_blank",
        {
            "2024-01-31 12:30:00": on(2024, 1, 31, 12, 30),
            "2024-02-01 00:00:00.250": on(2024, 2, 1, 0, 0, 0, 250_000),
            "2024-02-01 23:59:59.5": on(2024, 2, 1, 23, 59, 59, 500_000),
        },
        repeat=2,
        mentions=SOMETHING,
    ),
    column(
        "iso_times_in_utc",
        {
            "2024-01-31T12:30:00Z": on(2024, 1, 31, 12, 30),
            "2024-02-01T00:00:00Z": on(2024, 2, 1),
            "2024-02-01T23:59:59Z": on(2024, 2, 1, 23, 59, 59),
        },
        repeat=2,
        mentions=SOMETHING,
    ),
    column(
        "iso_times_with_several_offsets",
        {
            "2024-03-30T12:00:00+01:00": on(2024, 3, 30, 11),
            "2024-03-31T12:00:00+02:00": on(2024, 3, 31, 10),
            "2024-04-01T00:30:00+02:00": on(2024, 3, 31, 22, 30),
            "2024-04-01T00:30:00-05:00": on(2024, 4, 1, 5, 30),
        },
        repeat=2,
        mentions=SOMETHING,
    ),
    column(
        "days_and_points",
        {
            "31.01.2024": on(2024, 1, 31),
            "1.2.2024": on(2024, 2, 1),
            "03.04.2024": on(2024, 4, 3),
            "29.02.2024": on(2024, 2, 29),
            "24.12.1999": on(1999, 12, 24),
            "": None,
        },
        separator=";",
        mentions=SOMETHING,
    ),
    column(
        "days_and_points_all_below_13",
        {
            "01.02.2024": on(2024, 2, 1),
            "03.04.2024": on(2024, 4, 3),
            "12.11.2024": on(2024, 11, 12),
            "05.06.2023": on(2023, 6, 5),
            "07.08.2023": on(2023, 8, 7),
            "02.01.2024": on(2024, 1, 2),
        },
        separator=";",
        mentions=SOMETHING,
    ),
    column(
        "days_and_points_of_two_digit_years",
        {
            "31.01.24": on(2024, 1, 31),
            "01.02.24": on(2024, 2, 1),
            "03.04.24": on(2024, 4, 3),
            "24.12.99": on(1999, 12, 24),
            "15.06.23": on(2023, 6, 15),
            "07.08.23": on(2023, 8, 7),
        },
        separator=";",
        mentions=SOMETHING,
    ),
    column(
        "days_points_and_times",
        {
            "31.01.2024 08:15": on(2024, 1, 31, 8, 15),
            "01.02.2024 23:59": on(2024, 2, 1, 23, 59),
            "03.04.2024 00:00": on(2024, 4, 3),
            "24.12.1999 12:30": on(1999, 12, 24, 12, 30),
        },
        separator=";",
        repeat=2,
        mentions=SOMETHING,
    ),
    column(
        "days_before_months_told_by_one_row",
        {
            "03/04/2024": on(2024, 4, 3),
            "01/02/2024": on(2024, 2, 1),
            "25/12/2023": on(2023, 12, 25),
            "07/08/2023": on(2023, 8, 7),
            "10/11/2023": on(2023, 11, 10),
            "02/01/2024": on(2024, 1, 2),
        },
        mentions=SOMETHING,
    ),
    column(
        "months_before_days_told_by_one_row",
        {
            "03/04/2024": on(2024, 3, 4),
            "01/02/2024": on(2024, 1, 2),
            "12/25/2023": on(2023, 12, 25),
            "7/8/2023": on(2023, 7, 8),
            "10/11/2023": on(2023, 10, 11),
            "2/1/2024": on(2024, 2, 1),
        },
        mentions=SOMETHING,
    ),
    either(
        "days_or_months_first",
        ["03/04/2024", "01/02/2024", "12/11/2023", "07/08/2023", "10/11/2023", "02/01/2024"],
        [
            *(on(2024, 4, 3), on(2024, 2, 1), on(2023, 11, 12)),
            *(on(2023, 8, 7), on(2023, 11, 10), on(2024, 1, 2)),
        ],
        [
            *(on(2024, 3, 4), on(2024, 1, 2), on(2023, 12, 11)),
            *(on(2023, 7, 8), on(2023, 10, 11), on(2024, 2, 1)),
        ],
        header="sold",
        mentions=("sold",),
    ),
    column(
        "years_first_with_slashes",
        {
            "2024/01/31": on(2024, 1, 31),
            "2024/02/01": on(2024, 2, 1),
            "2023/12/05": on(2023, 12, 5),
            "2024/02/29": on(2024, 2, 29),
        },
        repeat=2,
        mentions=SOMETHING,
    ),
    column(
        "eight_digits_called_date",
        {
            "20240131": on(2024, 1, 31),
            "20240201": on(2024, 2, 1),
            "20231205": on(2023, 12, 5),
            "20240229": on(2024, 2, 29),
        },
        header="date",
        repeat=2,
        mentions=SOMETHING,
    ),
    column(
        "eight_digits_that_are_no_dates",
        {"20240131": 20240131, "20249931": 20249931, "31415926": 31415926, "10000000": 10**7},
        header="part",
        repeat=2,
    ),
    column(
        "month_names_in_the_middle",
        {
            "3 Jan 2024": on(2024, 1, 3),
            "14 Feb 2024": on(2024, 2, 14),
            "1 December 2023": on(2023, 12, 1),
            "30 May 2023": on(2023, 5, 30),
        },
        repeat=2,
        mentions=SOMETHING,
    ),
    column(
        "month_names_first",
        {
            "Jan 3, 2024": on(2024, 1, 3),
            "Feb 14, 2024": on(2024, 2, 14),
            "December 1, 2023": on(2023, 12, 1),
            "May 30, 2023": on(2023, 5, 30),
        },
        repeat=2,
        mentions=SOMETHING,
    ),
    column(
        "month_names_and_two_digit_years",
        {
            "03-Mar-24": on(2024, 3, 3),
            "14-Feb-24": on(2024, 2, 14),
            "01-DEC-23": on(2023, 12, 1),
            "30-May-99": on(1999, 5, 30),
        },
        repeat=2,
        mentions=SOMETHING,
    ),
    column(
        "month_names_in_german",
        {
            "3. März 2024": on(2024, 3, 3),
            "14. Februar 2024": on(2024, 2, 14),
            "1. Dezember 2023": on(2023, 12, 1),
            "30. Mai 2023": on(2023, 5, 30),
        },
        separator=";",
        repeat=2,
        mentions=SOMETHING,
    ),
    column(
        "times_before_and_after_noon",
        {
            "1/25/2024 2:30 PM": on(2024, 1, 25, 14, 30),
            "1/26/2024 12:05 AM": on(2024, 1, 26, 0, 5),
            "2/3/2024 12:00 PM": on(2024, 2, 3, 12),
            "2/4/2024 9:15 AM": on(2024, 2, 4, 9, 15),
        },
        repeat=2,
        mentions=SOMETHING,
    ),
    column(
        "dates_and_one_stray_text",
        [(f"2024-01-{i:02d}", on(2024, 1, i)) for i in range(1, 31)]
        + [("soon", None)]
        + [(f"2024-03-{i:02d}", on(2024, 3, i)) for i in range(1, 31)],
        mentions=("x",),
    ),
    column(
        "dates_and_many_stray_texts_are_text",
        [(f"2024-01-{i:02d}", f"2024-01-{i:02d}") for i in range(1, 31)]
        + [(f"soon {i}", f"soon {i}") for i in range(10)],
        mentions=SOMETHING,
    ),
]

# A word of each pair, with its meaning.
TRUE_AND_FALSE = [("true", "false"), ("TRUE", "FALSE"), ("True", "False")]
YES_AND_NO = [
    *(("yes", "no"), ("Yes", "No"), ("y", "n"), ("t", "f"), ("T", "F"), ("on", "off")),
    *(("ja", "nein"), ("wahr", "falsch"), ("WAHR", "FALSCH")),
    *(("oui", "non"), ("vrai", "faux"), ("sí", "no")),
]

BOOLEANS = [
    *(
        column(f"boolean_{yes}_{no}", {yes: True, no: False}, repeat=3, header="paid")
        for yes, no in TRUE_AND_FALSE
    ),
    *(
        column(
            f"boolean_{yes}_{no}",
            {yes: True, no: False},
            repeat=3,
            header="paid",
            mentions=SOMETHING,
        )
        for yes, no in YES_AND_NO
    ),
    column(
        "booleans_and_gaps",
        [("yes", True), ("no", False), ("", None), ("yes", True), ("no", False), ("no", False)],
        header="paid",
        mentions=SOMETHING,
    ),
    column(
        "booleans_in_two_spellings",
        [("Yes", True), ("no", False), ("yes", True), ("No", False), ("YES", True), ("no", False)],
        header="paid",
        mentions=SOMETHING,
    ),
    column(
        "country_codes_are_no_booleans",
        {code: code for code in ("no", "de", "fr", "se", "fi", "at")},
        header="country",
    ),
    column("sexes_are_no_booleans", {"m": "m", "f": "f"}, header="sex", repeat=3),
]

NUMBERED = {"1.5": 1.5, "2": 2, "-0.25": -0.25, "10": 10}
QUIET_MARKS = ("NA", "N/A", "null", "NULL", "None", "nan", "NaN")
LOUD_MARKS = (
    *("n.a.", "-", "?", "\\N", "#DIV/0!", "#N/A", ".", "*"),
    *("unknown", "missing", "(blank)"),
)

MISSING_MARKS = [
    *(
        column(f"mark_{mark!a}_among_numbers", {**NUMBERED, mark: None}, repeat=2, mentions=kind)
        for marks, kind in ((QUIET_MARKS, SOMETHING), (LOUD_MARKS, ("x",)))
        for mark in marks
    ),
    column(
        "marks_in_half_of_the_rows",
        [("1.5", 1.5), ("?", None), ("2", 2), ("?", None), ("?", None), ("10", 10), ("?", None)],
        mentions=("x",),
    ),
    column(
        "every_mark_in_one_column",
        {**NUMBERED, **dict.fromkeys((*QUIET_MARKS, *LOUD_MARKS, ""), None)},
        mentions=("x",),
    ),
    column(
        "marks_among_decimal_commas",
        {"1,5": 1.5, "-": None, "2": 2, "k.A.": None, "-0,25": -0.25, "10": 10}
        | {f"{i},5": i + 0.5 for i in range(20, 55)},
        separator=";",
        mentions=("x",),
    ),
    column(
        "marks_among_dates",
        [
            *(("2024-01-31", on(2024, 1, 31)), ("-", None), ("2024-02-01", on(2024, 2, 1))),
            *(("n.a.", None), ("unknown", None), ("2024-02-02", on(2024, 2, 2))),
        ],
        mentions=("x",),
    ),
    column(
        "marks_among_booleans",
        [
            *(("true", True), ("?", None), ("false", False)),
            *(("?", None), ("unknown", None), ("true", True)),
        ],
        mentions=("x",),
    ),
    column(
        "a_blank_among_numbers",
        {"1.5": 1.5, " ": None, "2": 2, "   ": None, "-0.25": -0.25, "10": 10},
        mentions=SOMETHING,
    ),
    column(
        "a_mark_with_a_blank_before",
        {"1.5": 1.5, " NA": None, "2": 2, "NA ": None, "-0.25": -0.25, "10": 10},
        mentions=SOMETHING,
    ),
    column(
        "a_row_of_units",
        [("(kg)", None)] + [(f"{i}.5", i + 0.5) for i in range(40)],
        mentions=("x",),
    ),
    column(
        "2_stray_texts_in_60_rows",
        [(str(i), i) for i in range(30)]
        + [("see below", None), ("broken", None)]
        + [(str(i), i) for i in range(30, 58)],
        mentions=("x",),
    ),
    column(
        "10_stray_texts_in_60_rows_are_text",
        [(str(i), str(i)) for i in range(50)] + [(f"run {i}", f"run {i}") for i in range(10)],
        mentions=SOMETHING,
    ),
    column(
        "namibia_and_other_words_in_text",
        {"DE": "DE", "NA": "NA", "": None, "null": "null", "None": "None", "nan": "nan", "?": "?"},
    ),
    column(
        "levels_of_which_one_is_none",
        {"None": "None", "Low": "Low", "High": "High"},
        header="alert",
        repeat=3,
    ),
    TableFile(
        "a_column_without_a_value",
        "who,note,x\nAnn,,1\nBob,,2\nCleo,,3\nDan,,4\nEve,,5\nFay,,6\n",
        {
            "who": ["Ann", "Bob", "Cleo", "Dan", "Eve", "Fay"],
            "note": [None] * 6,
            "x": [1, 2, 3, 4, 5, 6],
        },
        mentions=SOMETHING,
    ),
]


def text(name: str, *fields: str, **options) -> TableFile:
    """A column whose fields are text as they stand."""
    return column(name, {field: field for field in fields}, mentions=SOMETHING, **options)


TEXT = [
    text("postcodes", "01234", "99999", "00501", "10115", "80331", "04109"),
    text(
        "telephone_numbers", "030 1234567", "+49 89 123", "0211/998", "+1 555 0100", "110", "112"
    ),
    text("versions", "1.2.3", "1.10.0", "2.0.1", "1.2.4", "3.0.0", "0.9.12"),
    text("addresses_of_computers", *(f"192.168.{i}.1" for i in (0, 1, 10, 100, 200, 255))),
    text("ranges", "10-20", "20-30", "30-40", "40-50", "50-60", "0-10"),
    text("scores", "2:1", "0:0", "3:2", "1:1", "4:0", "0:1"),
    text("numbers_of_books", *(f"978-3-16-14841{i}-0" for i in range(6))),
    text("codes_that_look_like_exponents", "A12", "1E5", "B07", "2E3", "C9", "12D"),
    text("hexadecimal_digits", "0012ab", "ff00e1", "123456", "00ffee", "9e1000", "abcdef"),
    text("sizes", "S", "M", "L", "XL", "36", "38"),
    text("names_of_months", "May", "June", "July", "March", "April", "August"),
    text("classes_with_signs", ">50K", "<=50K", ">100K", "<=10K", "=50K", "50K+"),
    text("free_text_with_numbers", *(f"bought {i} for {i},99" for i in range(6))),
    column("words", {"red": "red", "green": "green", "blue": "blue"}, repeat=3),
    column("words_with_blanks_inside", {"New York": "New York", "Rome": "Rome"}, repeat=3),
]

STRUCTURE = [
    cities("a_title_above", "Report of 2024\n" + CITIES_TEXT, mentions=SOMETHING),
    cities("a_title_and_a_blank_line", "Report of 2024\n\n" + CITIES_TEXT, mentions=SOMETHING),
    cities(
        "titles_with_separators",
        "Sales by region\nCreated: 2024-05-01, by Ann\n\n" + CITIES_TEXT,
        mentions=SOMETHING,
    ),
    cities(
        "a_title_as_excel_writes_it", "Report of 2024,,\n,,\n" + CITIES_TEXT, mentions=SOMETHING
    ),
    cities("comments_above", "# made on Monday\n# v. 3\n" + CITIES_TEXT, mentions=SOMETHING),
    cities("percent_comments_above", "% units: m, s\n% 12\n" + CITIES_TEXT, mentions=SOMETHING),
    cities(
        "a_comment_between",
        "\n".join([*CITIES_LINES[:4], "# sensor restarted", *CITIES_LINES[4:]]) + "\n",
        mentions=SOMETHING,
    ),
    cities("a_line_for_excel", "sep=;\n" + CITIES_TEXT.replace(",", ";")),
    cities(
        "a_line_for_excel_with_a_bar", "sep=|\r\n" + "\r\n".join(CITIES_LINES).replace(",", "|")
    ),
    cities("blank_lines_above", "\n\n" + CITIES_TEXT),
    cities("blank_lines_between", "\n\n".join(CITIES_LINES) + "\n"),
    cities("blank_lines_below", CITIES_TEXT + "\n\n\n"),
    cities("lines_of_separators_below", CITIES_TEXT + ",,\n,,\n", mentions=SOMETHING),
    cities("a_count_of_rows_below", CITIES_TEXT + "\n(6 rows affected)\n", mentions=SOMETHING),
    TableFile(
        "no_header",
        "5.1,3.5,a\n4.9,3.0,b\n4.7,3.2,a\n4.6,3.1,b\n5.0,3.6,a\n5.4,3.9,b\n",
        {
            "column 1": [5.1, 4.9, 4.7, 4.6, 5.0, 5.4],
            "column 2": [3.5, 3.0, 3.2, 3.1, 3.6, 3.9],
            "column 3": ["a", "b", "a", "b", "a", "b"],
        },
        mentions=SOMETHING,
    ),
    TableFile(
        "no_header_and_gaps",
        "5.1,,a\n4.9,3.0,b\n4.7,3.2,a\n4.6,?,b\n5.0,3.6,a\n5.4,3.9,b\n",
        {
            "column 1": [5.1, 4.9, 4.7, 4.6, 5.0, 5.4],
            "column 2": [None, 3.0, 3.2, None, 3.6, 3.9],
            "column 3": ["a", "b", "a", "b", "a", "b"],
        },
        mentions=SOMETHING,
    ),
    TableFile(
        "no_header_of_decimal_commas",
        "a;5,1;7\nb;4,9;8\na;4,7;9\nb;4,6;7\na;5,0;8\nb;5,4;9\n",
        {
            "column 1": ["a", "b", "a", "b", "a", "b"],
            "column 2": [5.1, 4.9, 4.7, 4.6, 5.0, 5.4],
            "column 3": [7, 8, 9, 7, 8, 9],
        },
        mentions=SOMETHING,
    ),
    TableFile(
        "a_header_of_numbers",
        "0,1,2\n5.1,3.5,1\n4.9,3.0,2\n4.7,3.2,1\n4.6,3.1,2\n5.0,3.6,1\n5.4,3.9,2\n",
        {
            "0": [5.1, 4.9, 4.7, 4.6, 5.0, 5.4],
            "1": [3.5, 3.0, 3.2, 3.1, 3.6, 3.9],
            "2": [1, 2, 1, 2, 1, 2],
        },
        mentions=SOMETHING,
    ),
    TableFile(
        "a_header_of_years",
        "country,2019,2020,2021\nDE,1.5,2.5,3.5\nFR,1.25,2.25,3.25\nIT,1,2,3\n"
        "ES,1.75,2.75,3.75\nAT,0.5,0.25,0.75\nPL,4,5,6\n",
        {
            "country": ["DE", "FR", "IT", "ES", "AT", "PL"],
            "2019": [1.5, 1.25, 1, 1.75, 0.5, 4],
            "2020": [2.5, 2.25, 2, 2.75, 0.25, 5],
            "2021": [3.5, 3.25, 3, 3.75, 0.75, 6],
        },
        mentions=SOMETHING,
    ),
    TableFile(
        "text_everywhere_below_a_header",
        "colour,size\nred,big\nblue,small\nred,small\nblue,big\nred,big\nblue,small\n",
        {
            "colour": ["red", "blue", "red", "blue", "red", "blue"],
            "size": ["big", "small", "small", "big", "big", "small"],
        },
    ),
    cities("separators_at_the_ends", CITIES_TEXT.replace("\n", ",\n"), mentions=SOMETHING),
    cities(
        "separators_at_the_ends_of_rows",
        CITIES_LINES[0] + "\n" + "".join(f"{line},\n" for line in CITIES_LINES[1:]),
        mentions=SOMETHING,
    ),
    cities(
        "separators_at_the_end_of_one_row",
        CITIES_TEXT.replace("10,Bonn", "10,Bonn,,"),
        mentions=SOMETHING,
    ),
    TableFile(
        "short_rows",
        "who,x,city\nAnn,1.5,Rome\nBob,2\nCleo\nDan,10,Bonn\nEve,3.75,Oslo\nFay,0,Bonn\n",
        {
            "who": ["Ann", "Bob", "Cleo", "Dan", "Eve", "Fay"],
            "x": [1.5, 2, None, 10, 3.75, 0],
            "city": ["Rome", None, None, "Bonn", "Oslo", "Bonn"],
        },
        mentions=SOMETHING,
    ),
    TableFile("one_column_of_numbers", "x\n1.5\n2\n-0.25\n10\n", {"x": [1.5, 2, -0.25, 10]}),
    TableFile(
        "one_column_of_words", "colour\nred\nblue\nred\n", {"colour": ["red", "blue", "red"]}
    ),
    TableFile(
        "one_column_of_sentences",
        "said\nthe red house\na blue one\nthe green house\nno\nthe red house\nyes it is\n",
        {
            "said": [
                *("the red house", "a blue one", "the green house"),
                *("no", "the red house", "yes it is"),
            ]
        },
    ),
    TableFile("two_rows", "who;x\nAnn;1.5\nBob;2\n", {"who": ["Ann", "Bob"], "x": [1.5, 2]}),
    TableFile("one_row", "who,x\nAnn,1.5\n", {"who": ["Ann"], "x": [1.5]}),
    TableFile(
        "600_columns_of_decimal_commas",
        ";".join(f"x{j}" for j in range(600))
        + "\n"
        + "".join(";".join(f"{j},{i}5" for j in range(600)) + "\n" for i in range(6)),
        {f"x{j}": [float(f"{j}.{i}5") for i in range(6)] for j in range(600)},
        mentions=SOMETHING,
    ),
    cities(
        "row_numbers_without_a_name",
        "".join(f"{'' if i == 0 else i - 1},{line}\n" for i, line in enumerate(CITIES_LINES)),
        mentions=SOMETHING,
    ),
    cities(
        "row_names_in_quotes_without_a_name",
        '"","who","x","city"\n'
        + "".join(
            f'"{i}","{who}",{x},"{city}"\n'
            for i, (who, x, city) in enumerate(zip(*CITIES.values(), strict=True), 1)
        ),
        mentions=SOMETHING,
    ),
    TableFile(
        "blanks_around_names",
        "who , x , city\nAnn,1.5,Rome\nBob,2,Oslo\nCleo,-0.25,Rome\n"
        "Dan,10,Bonn\nEve,3.75,Oslo\nFay,0,Bonn\n",
        CITIES,
    ),
    TableFile(
        "a_name_that_stands_twice",
        "returned,x,returned\nyes,1,yes\nno,2,no\nyes,3,yes\nno,4,no\nyes,5,yes\nno,6,no\n",
        error=("returned",),
    ),
    TableFile(
        "a_row_with_a_field_too_many",
        CITIES_TEXT.replace("10,Bonn", "10,Bonn,Berlin"),
        error=("line 5",),
    ),
    TableFile(
        "a_row_with_a_field_too_many_below_a_title",
        "Report of 2024\n\n" + CITIES_TEXT.replace("10,Bonn", "10,Bonn,Berlin"),
        error=("line 7",),
    ),
    TableFile("nothing", "", error=("empty",)),
    TableFile("nothing_but_blank_lines", "\n\n  \n", error=("empty",)),
    TableFile("a_picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 4, error=()),
]

ENDINGS = [
    cities("tabs_in_tsv", CITIES_TEXT.replace(",", "\t"), ending=".tsv"),
    cities("commas_in_txt", CITIES_TEXT, ending=".txt"),
    cities("tabs_in_txt", CITIES_TEXT.replace(",", "\t"), ending=".txt"),
    cities("gzip", CITIES_TEXT, ending=".csv.gz"),
    cities("gzip_of_tabs", CITIES_TEXT.replace(",", "\t"), ending=".tsv.gz"),
    cities("zip", CITIES_TEXT, ending=".zip"),
    german("zip_of_decimal_commas", GERMAN_TEXT, ending=".zip"),
    TableFile(
        "json_lines",
        '{"who": "Ann", "x": 1.5, "ok": true}\n{"who": "Bob", "x": 2, "ok": false}\n'
        '{"who": "Cleo", "x": null, "ok": true}\n{"who": "Dan", "x": 10, "ok": false}\n'
        '{"who": null, "x": 3.75, "ok": true}\n{"who": "NA", "x": 0, "ok": true}\n',
        {
            "who": ["Ann", "Bob", "Cleo", "Dan", None, "NA"],
            "x": [1.5, 2, None, 10, 3.75, 0],
            "ok": [True, False, True, False, True, True],
        },
        ending=".jsonl",
    ),
    TableFile(
        "json_lines_of_objects_and_gaps",
        '{"n": 1, "at": {"x": 1.5, "y": 2}}\n{"n": 2, "at": {"x": 2.5, "y": 3}}\n'
        '{"n": 3, "at": {"x": 3.5}, "said": "late"}\n{"n": 4, "at": {"x": 4.5, "y": 5}}\n',
        {
            "n": [1, 2, 3, 4],
            "at.x": [1.5, 2.5, 3.5, 4.5],
            "at.y": [2, 3, None, 5],
            "said": [None, None, "late", None],
        },
        ending=".jsonl",
        mentions=SOMETHING,
    ),
]

PARQUET = [
    TableFile(
        "parquet_plain",
        pd.DataFrame({"who": ["Ann", None, "NA"], "x": [1.5, None, 2], "ok": [True, False, True]}),
        {"who": ["Ann", None, "NA"], "x": [1.5, None, 2], "ok": [True, False, True]},
        ending=".parquet",
    ),
    TableFile(
        "parquet_nullable",
        pd.DataFrame(
            {
                "n": pd.array([1, None, 3], "Int64"),
                "ok": pd.array([True, None, False], "boolean"),
                "who": pd.array(["Ann", None, "Cleo"], "string"),
                "colour": pd.Categorical(["red", None, "blue"]),
            }
        ),
        {
            "n": [1, None, 3],
            "ok": [True, None, False],
            "who": ["Ann", None, "Cleo"],
            "colour": ["red", None, "blue"],
        },
        ending=".parquet",
    ),
    TableFile(
        "parquet_objects",
        pd.DataFrame(
            {
                "price": [decimal.Decimal("1.50"), None, decimal.Decimal("20.25")],
                "day": [datetime.date(9999, 12, 31), None, datetime.date(2024, 1, 31)],
                "at": [on(2024, 1, 31, 12, 30), None, on(2024, 2, 1)],
            },
            dtype=object,
        ),
        {
            "price": [1.5, None, 20.25],
            "day": [on(9999, 12, 31), None, on(2024, 1, 31)],
            "at": [on(2024, 1, 31, 12, 30), None, on(2024, 2, 1)],
        },
        ending=".parquet",
    ),
    TableFile(
        "parquet_offsets",
        pd.DataFrame(
            {
                "at": pd.to_datetime(["2024-03-30T11:00Z", "2024-03-31T10:00Z"]).tz_convert(
                    datetime.timezone(datetime.timedelta(hours=2))
                )
            }
        ),
        {"at": [on(2024, 3, 30, 11), on(2024, 3, 31, 10)]},
        ending=".parquet",
        mentions=SOMETHING,
    ),
    TableFile(
        "parquet_structs",
        pd.DataFrame({"n": [1, 2], "point": [{"x": 1.5, "y": 2}, {"x": -1.5, "y": 3}]}),
        {"n": [1, 2], "point.x": [1.5, -1.5], "point.y": [2, 3]},
        ending=".parquet",
        mentions=SOMETHING,
    ),
    TableFile(
        "parquet_text_of_decimal_commas",
        pd.DataFrame({"x": ["1,5", "2", None, "-0,25"], "y": ["a", "b", "a", "b"]}),
        {"x": [1.5, 2, None, -0.25], "y": ["a", "b", "a", "b"]},
        ending=".parquet",
        mentions=("x",),
    ),
]

CORPUS = [
    *(DIALECT + ENCODING + NUMBERS + DATES + BOOLEANS),
    *(MISSING_MARKS + TEXT + STRUCTURE + ENDINGS + PARQUET),
]
