"""The command line: what goes to stdout and stderr, which exit code, what is checked first."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

import skorchless
from skorchless import cli
from skorchless.cli import main
from skorchless.comparison import Comparison, _save, compare, default_models

DIGITS = "digits: 1,347 training and 450 test samples, 64 features, 10 classes"
TABLE = pd.DataFrame(
    {
        "accuracy": [0.5],
        "log_loss": [0.5],
        "fit_seconds": [0.5],
        "predict_seconds": [0.5],
        "size_bytes": [1_000],
    },
    index=["adam"],
)


@pytest.fixture
def no_fits(monkeypatch):
    """Fail the test if it gets as far as a fit."""

    def fail(*_args, **_kwargs):
        pytest.fail("a model was fitted")

    monkeypatch.setattr(cli, "compare", fail)


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
        assert "--models must name some of adam, lbfgs, forest, got 'adam,tree'" in error

    def test_no_model_at_all(self, capsys):
        assert "--models must name some of" in self.error_of(capsys, "--models", ",")

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

    def test_a_data_home_for_the_digits(self, capsys):
        assert "--data-home is for mnist" in self.error_of(capsys, "--data-home", ".")

    def test_a_seed_that_is_none(self, capsys):
        with pytest.raises(SystemExit, match="2"):
            main(["compare", "--seed", "-1"])
        assert "must be from 0 to 4294967295, got -1" in capsys.readouterr().err


@pytest.mark.usefixtures("no_fits")
def test_missing_data_is_an_error_below_the_progress_line(capsys, monkeypatch):
    def fetch_mnist(data_home):
        raise OSError(f"MNIST's files are not in {data_home}\nand there is no network")

    monkeypatch.setattr(cli, "fetch_mnist", fetch_mnist)
    assert main(["compare", "mnist", "--data-home", "here"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "loading mnist ... ",
        "skorchless: error: MNIST's files are not in here and there is no network",
    ]


@pytest.mark.parametrize(
    "argv", [[], ["predict"], ["compare", "cifar"], ["compare", "--seed", "x"], ["compare", "-x"]]
)
def test_arguments_that_do_not_parse_exit_with_2(argv, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(argv)
    assert exit_info.value.code == 2
    assert "usage: skorchless" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["--version"])
    assert exit_info.value.code == 0
    assert capsys.readouterr().out == f"skorchless {skorchless.__version__}\n"


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


def test_without_arguments_the_three_models_are_compared_on_the_digits(capsys):
    assert main(["compare"]) == 0
    data, blank, header, *rows = capsys.readouterr().out.splitlines()
    assert data == DIGITS
    assert blank == ""
    assert header.endswith("accuracy  log loss  fit seconds  predict seconds  pickled size")
    assert [row.split()[0] for row in rows] == ["adam", "lbfgs", "forest"]
    accuracies = [float(row.split()[1]) for row in rows]
    # One epoch is 22 minibatches here, so that adam is far from its end.
    assert accuracies[0] < accuracies[1]
    assert min(accuracies[1:]) > 0.95


def test_progress_is_one_plain_line_for_a_model_on_stderr(capsys):
    main(["compare", "--models", "lbfgs,adam"])
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" done in ")[0] for line in lines] == [
        "fitting lbfgs (1 of 2) ...",
        "fitting adam (2 of 2) ...",
    ]
    assert all(line.endswith(" s") for line in lines)


@pytest.mark.parametrize("names", ["lbfgs,adam", "lbfgs adam", "lbfgs, adam"])
def test_models_are_chosen_by_name_in_the_order_given(capsys, names):
    main(["compare", "--models", names])
    rows = capsys.readouterr().out.splitlines()[3:]
    assert [row.split()[0] for row in rows] == ["lbfgs", "adam"]


def test_the_seed_repeats_a_comparison_and_another_changes_it(capsys):
    def scores(seed):
        main(["compare", "--models", "adam", "--seed", seed])
        return capsys.readouterr().out.splitlines()[-1].split()[:3]

    assert scores("0") == scores("0") != scores("1")


def test_the_command_compares_as_the_function_does(capsys):
    main(["compare", "--models", "adam", "--seed", "4"])
    models = {"adam": default_models(random_state=4)["adam"]}
    comparison = compare(*load_digits(return_X_y=True), models=models, random_state=4)
    printed = capsys.readouterr().out.splitlines()[-1].split()[:3]
    assert str(comparison).splitlines()[-1].split()[:3] == printed


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
    assert frame["model"].tolist() == ["adam"]
    assert f"{frame.loc[0, 'accuracy']:.4f}" in capsys.readouterr().out


def test_a_table_that_cannot_be_saved_is_still_printed(tmp_path, capsys, monkeypatch):
    def fail(*_args):
        raise OSError("No space left on device")

    monkeypatch.setattr(_save, "_write", fail)
    assert main(["compare", "--models", "adam", "--save", str(tmp_path / "t.csv")]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith("adam ")
    assert err.endswith("skorchless: error: No space left on device\n")


def test_an_interrupt_exits_with_130(capsys, monkeypatch):
    def interrupted(*_args, progress, **_kwargs):
        progress("fitting adam (1 of 3) ...")
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "compare", interrupted)
    assert main(["compare"]) == 130
    assert capsys.readouterr().err == "fitting adam (1 of 3) ... \n"


def test_the_module_runs_as_the_command():
    command = [sys.executable, "-m", "skorchless", "compare", "--models", "adam"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.startswith(DIGITS)
    assert done.stderr.startswith("fitting adam (1 of 1) ... done in ")
    assert "\r" not in done.stderr


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
        return Comparison(table=TABLE, models={})

    monkeypatch.setattr(cli, "fetch_mnist", fetch_mnist)
    monkeypatch.setattr(cli, "compare", compare)
    assert main(["compare", "mnist", "--data-home", "here"]) == 0
    assert asked == {"data_home": "here"}
    assert (seen["X"].max(), seen["X_test"].max()) == (0, 1)
    assert seen["X"].dtype == seen["X_test"].dtype == np.uint8
    assert (seen["y"], seen["y_test"]) == ([0, 1, 0, 1], [1, 1, 0, 0])


@pytest.mark.mnist
@pytest.mark.usefixtures("mnist")
def test_mnist_is_compared_in_the_lectures_split(capsys):
    assert main(["compare", "mnist", "--models", "adam"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(
        "mnist: 50,000 training and 10,000 test samples, 784 features, 10 classes\n"
    )
    name, accuracy, loss, *_ = out.splitlines()[-1].split()
    assert name == "adam"
    assert float(accuracy) >= 0.910
    assert float(loss) <= 0.305
    assert err.startswith("loading mnist ... done\nfitting adam (1 of 1) ... done in ")
