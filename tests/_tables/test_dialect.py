"""Separators, quotes and headers by the first lines; tests/datasets/corpus.py has whole files."""

import pytest

from skorchless._tables.dialect import resolve_dialect

TABLE = [["a", "b"], ["1", "x"], ["2", "y"], ["3", "z"]]


def text(separator, rows=TABLE):
    return "".join(separator.join(row) + "\n" for row in rows)


def dialect(sample, separator=None, *, has_header=None):
    return resolve_dialect(sample, separator, has_header)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", ":", "^", "~", " "])
def test_every_separator_is_found_or_taken_as_given(separator):
    assert dialect(text(separator)).separator == separator
    assert dialect(text(separator), separator).names == ("a", "b")


def test_the_given_separator_decides():
    assert dialect("a;b,c\n1;2,3\n", ",").names == ("a;b", "c")


def test_a_line_of_excels_decides():
    assert dialect("sep=|\na,b|c\n1,2|3\n").names == ("a,b", "c")


def test_decimal_commas_do_not_separate():
    rows = [["5,5", "1,5"], ["2,5", "3,5"], ["4,5", "5,5"]]
    assert dialect(text(";", rows)).separator == ";"


def test_times_and_sentences_do_not_separate():
    assert dialect("at,n\n12:30:00,1\n13:30:00,2\n").separator == ","
    assert dialect("said\nthe red house\nno\nthe green house\n").width == 1


@pytest.mark.parametrize(
    ("above", "n_lines"), [("", 1), ("Report\n\n", 3), ("# of 2024\n", 2), ("Sales,,\n", 2)]
)
def test_lines_above_the_header_are_counted(above, n_lines):
    found = dialect(above + text(","))
    assert found.names == ("a", "b")
    assert found.n_lines_above == n_lines


@pytest.mark.parametrize(
    ("header", "has_header"),
    [
        (["1.5", "u"], False),
        (["5", "u"], False),
        (["a", "b"], True),
        (["2019", "b"], False),
    ],
)
def test_a_first_line_with_numbers_over_numbers_is_data(header, has_header):
    assert dialect(text(",", [header, *TABLE[1:]])).has_header == has_header


def test_whole_numbers_in_order_are_names():
    rows = [["0", "1", "2"], ["5", "6", "7"], ["3", "4", "5"]]
    assert dialect(text(",", rows)).names == ("0", "1", "2")


def test_the_user_says_whether_there_is_a_header():
    assert dialect(text(","), has_header=False).names == ("column 1", "column 2")
    assert dialect("1.5,u\n2.5,v\n", has_header=True).names == ("1.5", "u")


def test_a_hash_alone_is_the_name_of_a_column():
    assert dialect("#,b\n1,x\n2,y\n").names == ("#", "b")


def test_blanks_and_tabs_of_any_number_separate_and_quotes_hold():
    found = dialect('8   307.0  70\t"chevrolet chevelle"\n4   97.0   71\t"datsun"\n' * 3)
    assert (found.separator, found.width) == (" ", 4)


def test_a_first_line_whose_words_stand_in_their_columns_again_is_data():
    rows = [["p", "x"], *([["e", "x"], ["p", "y"]] * 15)]
    assert not dialect(text(",", rows)).has_header


def test_another_format_is_named():
    with pytest.raises(ValueError, match="format of libsvm: read it by"):
        dialect("+1 1:0.7 2:0.5\n-1 1:0.3\n")


def test_names_behind_a_hash_are_names():
    assert dialect("# c\n#a,b\n1,2\n3,4\n").names == ("a", "b")


def test_quotes_and_escapes():
    assert dialect("a,b\n'x, y',1\n'z, u',2\n").quote == "'"
    assert dialect('a,b\n"say \\"x, y\\"",1\n"z",2\n').escape == "\\"
    assert dialect('a, b\n"x, y", "1"\n"z", "2"\n').skips_blanks


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ("", "it is empty"),
        (" \n\n", "it is empty"),
        ("\1\2\3,\n", "no text"),
        ("# c\n", "comments"),
    ],
)
def test_what_is_no_table_is_said(sample, message):
    with pytest.raises(ValueError, match=message):
        dialect(sample)
