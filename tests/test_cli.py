"""The command line: what goes to stdout and stderr, which exit code, what is checked first."""

import os
import subprocess
import sys
import warnings
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch

import skorchless
from skorchless.cli import _compare, main
from skorchless.comparison import _comparison, _save, compare, default_models

DIGITS = "1,347 training and 450 test samples, 64 features, 10 classes"
TITLES = {"digits": "Models of digits, side by side", "a file": "Predicting label of table.csv"}
HEADER_OF_LABELS = (
    "subset accuracy  micro F1  macro F1  log loss  fit seconds  predict seconds  pickled size"
)
HEADER = "accuracy  log loss  fit seconds  predict seconds  pickled size"


@pytest.fixture
def no_fits(monkeypatch):
    """Fail the test if it gets as far as a fit."""

    def fail(*_args, **_kwargs):
        pytest.fail("a model was fitted")

    monkeypatch.setattr("skorchless.comparison._compare._fit_and_measure", fail)


@pytest.fixture
def terminal(capsys, monkeypatch):
    """Let stderr, which capsys has taken, pass for a terminal."""
    # Of the class: capsys has another object at every phase of a test.
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _self: True)


@pytest.fixture
def table(tmp_path):
    """Return the path of a table with numbers, categories, gaps and labels that depend on both."""
    rng = np.random.default_rng(0)
    number, color = rng.normal(size=400), rng.choice(["red", "green"], 400)
    label = np.where(number + 3 * (color == "red") + rng.logistic(size=400) > 1.5, "yes", "no")
    frame = pd.DataFrame({"number": number, "color": color, "price": number, "label": label})
    frame.loc[::10, "number"] = None
    frame.loc[::11, "color"] = None
    frame.loc[:3, "label"] = None
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.mark.usefixtures("no_fits")
class TestMistakes:
    """A user's mistake is one sentence on stderr and exit code 2, before any fit."""

    @staticmethod
    def error_of(capsys, *argv):
        assert main(["compare", *argv]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("skorchless: error: ")
        assert err.count("\n") == 1
        return err

    def test_an_unknown_model_lists_the_known_ones(self, capsys):
        error = self.error_of(capsys, "--models", "adam,tree")
        assert "models must name some of adam, lbfgs, forest or scikit-learn's" in error
        assert "got 'tree'" in error

    def test_no_model_at_all(self, capsys):
        assert "models must name some of" in self.error_of(capsys, "--models", ",")

    def test_an_unknown_device_lists_the_known_ones(self, capsys):
        error = self.error_of(capsys, "--models", "forest", "--device", "cuda:99")
        assert "device='cuda:99' is not available; this machine has: cpu" in error

    def test_an_unknown_ending(self, capsys):
        error = self.error_of(capsys, "--save", "table.xlsx")
        assert "the ending must be .csv, .parquet or .feather" in error

    def test_a_missing_pyarrow(self, capsys, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        assert "skorchless[arrow]" in self.error_of(capsys, "--save", "table.parquet")

    def test_a_missing_folder(self, capsys, tmp_path):
        assert "no folder" in self.error_of(capsys, "--save", str(tmp_path / "no" / "t.csv"))

    def test_an_ending_that_is_no_report(self, capsys):
        error = self.error_of(capsys, "--report", "report.pdf")
        assert "the ending must be .html or .htm" in error

    def test_data_that_are_neither_known_nor_a_file(self, capsys):
        error = self.error_of(capsys, "cifar")
        assert "'cifar' is neither digits nor mnist nor a file" in error

    def test_a_file_that_is_not_there(self, capsys, tmp_path):
        error = self.error_of(capsys, str(tmp_path / "no.csv"), "--target", "label")
        assert "No such file or directory" in error

    def test_a_file_that_is_no_table(self, capsys, tmp_path):
        path = tmp_path / "table.csv"
        path.write_bytes(b"")
        assert "cannot read" in self.error_of(capsys, str(path), "--target", "label")

    def test_a_file_without_a_target_lists_its_columns(self, capsys, table):
        error = self.error_of(capsys, str(table))
        assert "by --target: 'number', 'color', 'price', 'label'" in error

    def test_a_column_that_is_not_there(self, capsys, table):
        error = self.error_of(capsys, str(table), "--target", "size")
        assert "there is no column 'size'. There is 'number', 'color', 'price', 'label'" in error

    def test_a_target_among_several_of_other_than_two_values(self, capsys, table):
        error = self.error_of(capsys, str(table), "--target", "label,price")
        assert "column 'price' must have two values to be one of several labels" in error

    def test_a_regression(self, capsys, table):
        error = self.error_of(capsys, str(table), "--target", "price")
        assert "that is a regression, and these models predict classes" in error

    def test_a_wrong_model_is_told_before_a_file_is_read(self, capsys, monkeypatch):
        module = "skorchless.comparison._data.load_table"
        monkeypatch.setattr(module, lambda *_args, **_kwargs: pytest.fail("the file was read"))
        self.error_of(capsys, "huge.csv", "--target", "label", "--models", "tree")

    def test_a_target_for_the_digits(self, capsys):
        assert "--target is for files" in self.error_of(capsys, "--target", "label")

    @pytest.mark.parametrize("option", ["--save", "--report"])
    def test_a_result_that_would_replace_the_data(self, capsys, table, option):
        data = table.rename(table.with_suffix(".csv" if option == "--save" else ".html"))
        before = data.read_bytes()
        error = self.error_of(capsys, str(data), "--target", "label", option, str(data))
        assert f"{option} would replace" in error
        assert data.read_bytes() == before

    def test_an_infinite_number(self, capsys, tmp_path):
        path = tmp_path / "table.csv"
        path.write_text("size,y\n" + "1,a\ninf,b\n" * 20)
        error = self.error_of(capsys, str(path), "--target", "y")
        assert "column 'size' has a number that is infinite" in error

    @pytest.mark.parametrize(
        "option",
        ["--drop=a", "--classes", "--na=x", "--sep=;", "--encoding=cp1252", "--no-header"],
    )
    def test_options_of_files_for_the_digits(self, capsys, option):
        assert f"{option.split('=')[0]} is for files" in self.error_of(capsys, option)

    def test_a_column_to_drop_that_is_not_there(self, capsys, table):
        error = self.error_of(capsys, str(table), "--target", "label", "--drop", "Price")
        assert "drop names 'Price', which no column is called; did you mean 'price'?" in error

    def test_a_fault_of_the_program_says_that_it_is_one(self, capsys, table, monkeypatch):
        def fail(*_args):
            raise KeyError("here")

        monkeypatch.setattr("skorchless.comparison._compare.describe_conditions", fail)
        error = self.error_of(capsys, str(table), "--target", "label")
        assert "a fault of skorchless, not of the data: KeyError: 'here'. Please report" in error
        assert main(["compare", str(table), "--target", "label", "--traceback"]) == 2
        assert "Traceback (most recent call last)" in capsys.readouterr().err

    def test_too_little_memory(self, capsys, table, monkeypatch):
        def fail(*_args):
            raise MemoryError

        monkeypatch.setattr("skorchless.comparison._compare.describe_conditions", fail)
        error = self.error_of(capsys, str(table), "--target", "label")
        assert "there is not enough memory" in error

    def test_a_data_home_for_the_digits(self, capsys):
        assert "--data-home is for mnist" in self.error_of(capsys, "--data-home", ".")

    def test_a_seed_that_is_none(self, capsys):
        with pytest.raises(SystemExit, match="2"):
            main(["compare", "--seed", "-1"])
        assert "must be from 0 to 4294967295, got '-1'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--targt", "y"], "did you mean --target?"),
        (["--separator", ";"], "did you mean --sep?"),
        (["--sep", ";;"], "must be one character, tab or blank, got ';;'"),
        (["--encoding", "nope"], "must be an encoding such as utf-8, cp1252 or shift-jis"),
        (["--encoding", "hex"], "must be an encoding such as utf-8, cp1252 or shift-jis"),
        (["--test-size", "1.5"], "must be a share between 0 and 1 or a number of rows"),
        (["--test-size", "none"], "must be a share between 0 and 1 or a number of rows"),
    ],
)
def test_a_wrong_option_names_the_right_one(capsys, argv, message):
    with pytest.raises(SystemExit, match="2"):
        main(["compare", "t.csv", *argv])
    assert message in capsys.readouterr().err


def test_a_pipe_is_told_on_stderr_how_a_file_was_read(capsys, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x;y\n" + "1,5;a\n2,5;b\n?;a\n" * 20)
    assert main(["compare", str(path), "--target", "y", "--models", "lbfgs"]) == 0
    out, err = capsys.readouterr()
    assert [row.split()[0] for row in out.splitlines()[1:]] == ["lbfgs", "commonest"]
    assert err.splitlines() == [
        "x: decimal commas; 20 of 60 values are '?' and count as missing",
        "t.csv: 45 training and 15 test samples, 1 feature, 2 classes",
    ]


def test_a_table_may_come_from_a_pipe(table):
    command = [sys.executable, "-m", "skorchless", "compare", "-", "--target", "label"]
    done = subprocess.run(
        [*command, "--models", "lbfgs", "--drop", "price,color", "--test-size", "100"],
        input=table.read_text(),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.splitlines()[1].startswith("lbfgs ")
    assert "296 training and 100 test samples, 1 feature, 2 classes" in done.stderr


def test_the_options_of_files_reach_the_reader(capsys, tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes("1^ü^-9\n2^x^3\n".encode("cp1252") * 30)
    options = ["--no-header", "--sep", "^", "--encoding", "cp1252", "--na", "-9", "--classes"]
    argv = ["compare", str(path), "--target", "column 1", "--models", "lbfgs", *options]
    assert main(argv) == 0
    assert "45 training and 15 test samples, 2 features, 2 classes" in capsys.readouterr().err


@pytest.mark.parametrize(
    "target", [["--target", "label,color"], ["--target", "label", "--target", "color"]]
)
def test_several_targets_are_labels(capsys, tmp_path, table, target):
    report, saved = tmp_path / "report.html", tmp_path / "scores.csv"
    options = ["--models", "lbfgs", "--report", str(report), "--save", str(saved)]
    assert main(["compare", str(table), *target, *options]) == 0
    out, err = capsys.readouterr()
    header, *rows = out.splitlines()
    assert header.split("  ", 1)[1].strip() == HEADER_OF_LABELS
    assert [row.split()[0] for row in rows] == ["lbfgs", "commonest"]
    assert "label: 'yes' is 1, 'no' is 0" in err
    assert "color: 'red' is 1, 'green' is 0" in err
    assert "2 features, 2 labels" in err
    page = report.read_text(encoding="utf-8")
    assert "<h1>Predicting label, color of table.csv</h1>" in page
    assert '<tr><th scope="row">color</th>' in page
    frame = pd.read_csv(saved)
    assert frame.columns[:4].tolist() == ["model", "subset_accuracy", "f1_micro", "f1_macro"]
    assert f"{frame.loc[0, 'f1_macro']:.4f}" == rows[0].split()[3]


def test_a_library_that_can_not_be_loaded_is_a_sentence(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "skorchless.cli._compare", None)
    assert main(["compare"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("skorchless: error: import of skorchless.cli._compare halted")


@pytest.mark.usefixtures("no_fits", "terminal")
def test_missing_data_is_an_error_below_the_progress_line(capsys, monkeypatch):
    def fetch_mnist(data_home):
        raise OSError(f"MNIST's files are not in {data_home}\nand there is no network")

    monkeypatch.setattr(_compare, "fetch_mnist", fetch_mnist)
    assert main(["compare", "mnist", "--data-home", "here"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "loading mnist ... ",
        "skorchless: error: MNIST's files are not in here and there is no network",
    ]


@pytest.mark.parametrize(
    "argv", [[], ["predict"], ["compare", "--seed", "x"], ["compare", "-x"], ["compare", "a", "b"]]
)
def test_arguments_that_do_not_parse_exit_with_2(argv, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(argv)
    assert exit_info.value.code == 2
    assert "usage: skorchless" in capsys.readouterr().err


def run_module(*argv):
    """Run the module as a command, its output into pipes."""
    command = [sys.executable, "-m", "skorchless", *argv]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


def test_version(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["--version"])
    assert exit_info.value.code == 0
    others = f"torch {version('torch')}, scikit-learn {sklearn.__version__}"
    assert capsys.readouterr().out == f"skorchless {skorchless.__version__} ({others})\n"


@pytest.mark.parametrize(
    ("argv", "word"), [(["--help"], "compare"), (["compare", "--help"], "forest")]
)
def test_help_fits_a_terminal(argv, word, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as exit_info:
        main(argv)
    assert exit_info.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: skorchless")
    assert word in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_help_describes_the_models_that_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    listed = capsys.readouterr().out.partition("models:\n")[2].splitlines()
    assert [line.split()[0] for line in listed[:-1]] == [*default_models()]
    assert listed[-1].startswith("and any classifier of scikit-learn, such as ")


@pytest.mark.parametrize(
    "line",
    [
        *("--version", "--help", "compare --help", "predict", "compare --no", "compare --seed x"),
        *("compare --save table.xlsx", "compare --target label", "compare a.csv --save a.csv"),
    ],
)
def test_what_needs_no_data_is_answered_by_the_standard_library_alone(line):
    code = """
import sys
before = {*sys.modules}  # site may have loaded something
from skorchless.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
loaded = {name.partition(".")[0] for name in {*sys.modules} - before}
print(loaded - sys.stdlib_module_names)
"""
    command = [sys.executable, "-c", code, *line.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "{'skorchless'}"


def test_without_arguments_the_three_models_are_compared_on_the_digits(capsys):
    assert main(["compare"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split("  ", 1)[1].strip() == HEADER
    assert [row.split()[0] for row in rows] == ["adam", "lbfgs", "forest", "commonest"]
    accuracies = [float(row.split()[1]) for row in rows[:-1]]
    assert min(accuracies) > 0.94


@pytest.mark.usefixtures("terminal")
def test_a_terminal_shows_the_data_and_a_line_for_each_model_as_it_is_fitted(capsys):
    main(["compare", "--models", "lbfgs,adam"])
    data, *lines, blank = capsys.readouterr().err.splitlines()
    assert (data, blank) == (DIGITS, "")
    assert [line.split(" done in ")[0] for line in lines] == [
        "fitting lbfgs (1 of 2) ...",
        "fitting adam (2 of 2) ...",
    ]
    assert all(line.endswith(" s") for line in lines)


def test_a_pipe_gets_the_table_and_nothing_else():
    done = run_module("compare", "--models", "adam")
    header, row, _ = done.stdout.splitlines()
    assert header.split("  ", 1)[1].strip() == HEADER
    assert row.startswith("adam ")
    assert done.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX terminal")
def test_a_real_terminal_shows_progress_before_the_table():
    leader, follower = os.openpty()
    command = [sys.executable, "-m", "skorchless", "compare", "--models", "adam"]
    with subprocess.Popen(command, stdout=follower, stderr=follower) as process:
        assert process.wait(timeout=120) == 0
    os.close(follower)
    shown = os.read(leader, 10_000).decode().splitlines()
    os.close(leader)
    assert shown[0] == DIGITS
    assert shown[1].startswith("fitting adam (1 of 1) ... done in ")
    assert shown[2] == ""
    assert shown[3].endswith(HEADER)
    assert shown[4].startswith("adam ")


@pytest.mark.parametrize("names", ["lbfgs,adam", "lbfgs adam", "lbfgs, adam"])
def test_models_are_chosen_by_name_in_the_order_given(capsys, names):
    main(["compare", "--models", names])
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["lbfgs", "adam", "commonest"]


def test_the_seed_repeats_a_comparison_and_another_changes_it(capsys):
    def scores(seed):
        main(["compare", "--models", "adam", "--seed", seed])
        return capsys.readouterr().out.splitlines()[1].split()[:3]

    assert scores("0") == scores("0") != scores("1")


def test_the_command_compares_as_the_function_does(capsys):
    main(["compare", "--models", "adam", "--seed", "4"])
    models = {"adam": default_models(random_state=4, n_samples=1347)["adam"]}
    comparison = compare(*load_digits(return_X_y=True), models=models, random_state=4)
    printed = capsys.readouterr().out.splitlines()[1].split()[:3]
    assert str(comparison).splitlines()[1].split()[:3] == printed


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".feather"])
def test_save_writes_the_table_in_machine_units(tmp_path, capsys, ending):
    if ending != ".csv":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"table{ending}"
    assert main(["compare", "--models", "adam", "--save", str(path)]) == 0
    frame = getattr(pd, f"read_{ending[1:]}")(path)
    assert frame.columns.tolist() == (
        ["model", "accuracy", "log_loss", "fit_seconds", "predict_seconds", "size_bytes"]
    )
    assert frame["model"].tolist() == ["adam", "commonest class"]
    assert f"{frame.loc[0, 'accuracy']:.4f}" in capsys.readouterr().out


def test_a_table_that_cannot_be_saved_is_still_printed(tmp_path, capsys, monkeypatch):
    def fail(*_args):
        raise OSError("No space left on device")

    monkeypatch.setattr(_save, "_write", fail)
    assert main(["compare", "--models", "adam", "--save", str(tmp_path / "t.csv")]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines()[1].startswith("adam ")
    assert err.endswith("skorchless: error: No space left on device\n")


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".feather"])
def test_a_file_is_compared_by_its_column_of_labels(tmp_path, capsys, table, ending):
    pytest.importorskip("pyarrow")
    frame, path = pd.read_csv(table).drop(columns="price"), tmp_path / f"sales{ending}"
    write = frame.to_csv if "csv" in ending else getattr(frame, f"to_{ending[1:]}")
    write(path, **{"index": False} if "csv" in ending else {})
    assert main(["compare", str(path), "--target", "label"]) == 0
    rows = [row.split() for row in capsys.readouterr().out.splitlines()[1:]]
    assert [row[0] for row in rows] == ["adam", "lbfgs", "forest", "commonest"]
    # The best that can be known of these labels is 0.83; the commoner one has 0.51.
    assert float(rows[1][1]) > 0.7


@pytest.mark.usefixtures("terminal")
def test_the_samples_of_a_file_are_its_rows_with_a_label(capsys, table):
    main(["compare", str(table), "--target", "label", "--models", "lbfgs"])
    loading, left_out, data, *_ = capsys.readouterr().err.splitlines()
    assert loading == "loading table.csv ... done"
    assert left_out == "4 rows without a label are left out"
    assert data == "table.csv: 297 training and 99 test samples, 3 features, 2 classes"


@pytest.mark.parametrize("data", ["digits", "a file"])
def test_a_report_has_the_table_and_the_name_of_the_data(tmp_path, capsys, table, data):
    path = tmp_path / "report.html"
    of_data = ["digits"] if data == "digits" else [str(table), "--target", "label"]
    assert main(["compare", *of_data, "--models", "lbfgs", "--report", str(path)]) == 0
    page = path.read_text(encoding="utf-8")
    title = (
        "Models of digits, side by side" if data == "digits" else "Predicting label of table.csv"
    )
    assert f"<h1>{title}</h1>" in page
    accuracy = capsys.readouterr().out.splitlines()[1].split()[1]
    assert f"<td>{accuracy}</td>" in page
    assert ("as images" in page) == (data == "digits")
    of_file = {
        *("<dt>target</dt>\n<dd>label</dd>", "<dt>numbers</dt>\n<dd>number, price</dd>"),
        *("<dt>categories</dt>\n<dd>color</dd>", "<li>4 rows without a label are left out</li>"),
    }
    assert {text for text in of_file if text in page} == (of_file if data == "a file" else set())


def test_a_report_that_cannot_be_written_does_not_cost_the_table(tmp_path, capsys, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(_comparison, "write_whole", fail)
    assert main(["compare", "--models", "adam", "--report", str(tmp_path / "r.html")]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines()[1].startswith("adam ")
    assert err == "skorchless: error: No space left on device\n"


def test_a_table_that_cannot_be_saved_does_not_cost_the_report(tmp_path, capsys, monkeypatch):
    def fail(*_args):
        raise OSError("No space left on device")

    monkeypatch.setattr(_save, "_write", fail)
    report = tmp_path / "r.html"
    paths = ["--save", str(tmp_path / "t.csv"), "--report", str(report)]
    assert main(["compare", "--models", "adam", *paths]) == 2
    assert "<h1>" in report.read_text(encoding="utf-8")
    assert capsys.readouterr().err == "skorchless: error: No space left on device\n"


def test_a_warning_is_a_line_on_stderr(capsys, monkeypatch):
    def compare(*_args, **_kwargs):
        warnings.warn("not\nconverged", ConvergenceWarning, stacklevel=1)
        raise OSError("and no more")

    monkeypatch.setattr(_compare, "compare", compare)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        main(["compare"])
    assert capsys.readouterr().err == (
        "skorchless: warning: not converged\nskorchless: error: and no more\n"
    )


@pytest.mark.usefixtures("terminal")
def test_an_interrupt_exits_with_130(capsys, monkeypatch):
    def interrupted(*_args, progress, **_kwargs):
        progress("fitting adam (1 of 3) ...")
        raise KeyboardInterrupt

    monkeypatch.setattr(_compare, "compare", interrupted)
    assert main(["compare"]) == 130
    assert capsys.readouterr().err == "fitting adam (1 of 3) ... \n"


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX pipe")
def test_a_reader_that_leaves_gets_no_traceback():
    command = [sys.executable, "-m", "skorchless", "compare", "--models", "adam"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=120) == 2


def test_mnist_is_fitted_on_its_training_and_tested_on_its_validation_samples(monkeypatch):
    asked, seen = {}, {}

    def fetch_mnist(**options):
        asked.update(options)
        names = ("data", "data_valid", "data_test")
        pixels = {name: np.full((4, 3), i, np.uint8) for i, name in enumerate(names)}
        return Bunch(**pixels, target=[0, 1, 0, 1], target_valid=[1, 1, 0, 0], target_test=[])

    def compare(X, y, **options):
        seen.update(options, X=X, y=y)
        return skorchless.comparison.compare(*load_digits(return_X_y=True), models=["lbfgs"])

    monkeypatch.setattr(_compare, "fetch_mnist", fetch_mnist)
    monkeypatch.setattr(_compare, "compare", compare)
    assert main(["compare", "mnist", "--data-home", "here"]) == 0
    assert asked == {"data_home": "here"}
    assert (seen["X"].max(), seen["X_test"].max()) == (0, 1)
    assert seen["X"].dtype == seen["X_test"].dtype == np.uint8
    assert seen["image_shape"] == (28, 28)
    assert (seen["y"], seen["y_test"]) == ([0, 1, 0, 1], [1, 1, 0, 0])


@pytest.mark.mnist
@pytest.mark.usefixtures("mnist", "terminal")
def test_mnist_is_compared_in_the_lectures_split(capsys):
    assert main(["compare", "mnist", "--models", "adam"]) == 0
    out, err = capsys.readouterr()
    name, accuracy, loss, *_ = out.splitlines()[1].split()
    assert name == "adam"
    assert float(accuracy) >= 0.910
    assert float(loss) <= 0.305
    assert err.startswith(
        "loading mnist ... done\n"
        "50,000 training and 10,000 test samples, 784 features, 10 classes\n"
        "fitting adam (1 of 1) ... done in "
    )
