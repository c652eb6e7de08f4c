"""Between two iterations: the table of `verbose`, callbacks, stopping on request."""

import warnings

import numpy as np
import pytest
from recorder import Recorder
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.callback._callback_context import CallbackContext
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV

X, Y = load_iris(return_X_y=True)
SOLVERS = ["lbfgs", "adam", "sgd"]


def classifier(solver, **parameters):
    max_iter = 100 if solver == "lbfgs" else 4
    parameters = {"max_iter": max_iter, "random_state": 0, **parameters}
    return TorchLogisticClassifier(solver=solver, **parameters)


@pytest.mark.parametrize("solver", SOLVERS)
def test_callbacks_are_told_of_every_iteration(solver):
    recorder = Recorder()
    clf = classifier(solver).set_callbacks(recorder).fit(X, Y)
    iterations = [
        (event, "iteration", i) for i in range(clf.n_iter_) for event in ("begin", "end")
    ]
    assert recorder.events == [
        *("setup", ("begin", "fit", 0)),
        *iterations,
        *(("end", "fit", 0), "teardown"),
    ]
    np.testing.assert_array_equal(recorder.coefs["fit", 0], clf.coef_)


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_iteration_begins_with_the_model_that_the_one_before_left(solver):
    recorder = Recorder()
    clf = classifier(solver).set_callbacks(recorder).fit(X, Y)
    assert len(recorder.first_coefs) == clf.n_iter_ > 2
    np.testing.assert_array_equal(recorder.first_coefs["iteration", 0], np.zeros((3, 4)))
    for i in range(1, clf.n_iter_):
        before = recorder.coefs["iteration", i - 1]
        np.testing.assert_array_equal(recorder.first_coefs["iteration", i], before)
        np.testing.assert_array_equal(before, quiet_fit(solver, max_iter=i).coef_)


def quiet_fit(solver, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier(solver, **parameters).fit(X, Y)


def test_a_warm_start_begins_with_the_model_of_the_fit_before():
    clf = TorchLogisticClassifier(warm_start=True).fit(X, Y)
    before, recorder = clf.coef_, Recorder()
    clf.set_params(C=0.1).set_callbacks(recorder).fit(X, Y)
    np.testing.assert_array_equal(recorder.first_coefs["iteration", 0], before)


@pytest.mark.parametrize("solver", SOLVERS[1:])
def test_callbacks_are_told_of_the_end_of_no_fit_whose_weights_are_infinite(solver):
    recorder = Recorder()
    clf = classifier(solver, learning_rate_init=1e308).set_callbacks(recorder)
    with pytest.raises(ValueError, match="Scale the features, or lower learning_rate"):
        clf.fit(X, Y)
    assert ("end", "iteration", 3) in recorder.events
    assert ("end", "fit", 0) not in recorder.events
    assert recorder.events[-1] == "teardown"


def test_weights_beyond_single_precision_are_told_without_a_learning_rate():
    clf = TorchLogisticClassifier(warm_start=True, C=np.inf, tol=1e3).fit(X, Y)
    clf.coef_[0] = 1e39  # as features of 1e-39 may have them
    before, recorder = clf.coef_.copy(), Recorder()
    with pytest.raises(ValueError, match=r"Scale the features, or pass dtype='float64'\.$"):
        clf.set_callbacks(recorder).fit((1e-40 * X).astype(np.float32), Y)
    np.testing.assert_array_equal(clf.coef_, before)
    assert ("end", "fit", 0) not in recorder.events


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_callback_that_asks_to_stop_stops_the_fit_without_a_warning(solver):
    clf = classifier(solver).set_callbacks(Recorder(stop_after=2)).fit(X, Y)
    assert clf.n_iter_ == 2
    assert clf.loss_curve_.shape == (2,)


@pytest.mark.parametrize("solver", SOLVERS)
def test_scoring_monitor_logs_every_iteration(solver):
    monitor = ScoringMonitor(scoring="accuracy")
    clf = classifier(solver).set_callbacks(monitor).fit(X, Y)
    log = monitor.get_logs().data_as_pandas
    scores = log.loc[log["task_name"] == "iteration", "accuracy"]
    assert len(scores) == clf.n_iter_
    assert scores.iloc[-1] == clf.score(X, Y)


def test_callbacks_work_inside_a_pipeline():
    recorder = Recorder(stop_after=3)
    clf = TorchLogisticClassifier().set_callbacks(recorder)
    make_pipeline(StandardScaler(), clf).fit(X, Y)
    assert [e for e in recorder.events if e[0] == "end"][-1][1] == "fit"
    assert len([e for e in recorder.events if e[:2] == ("end", "iteration")]) == 3


def test_a_callback_that_raises_leaves_the_fit_before_whole():
    class Broken(Recorder):
        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("broken callback")

    clf = TorchLogisticClassifier().fit(X, Y)
    before = clf.coef_.copy()
    broken = Broken()
    with pytest.raises(RuntimeError, match="broken callback"):
        clf.set_callbacks(broken).fit(X[:, :2], Y)
    assert broken.events[-1] == "teardown"
    np.testing.assert_array_equal(clf.coef_, before)
    assert clf.n_features_in_ == 4


def test_without_callbacks_no_context_is_made(monkeypatch):
    def refuse(*_arguments, **_options):
        pytest.fail("a context for nobody")

    monkeypatch.setattr(CallbackContext, "_from_estimator", refuse)
    monkeypatch.setattr(CallbackContext, "_from_parent", refuse)
    assert TorchLogisticClassifier().set_callbacks().fit(X, Y).n_iter_ > 1
    TorchLogisticClassifierCV(Cs=2, cv=2).fit(X, Y)
    with pytest.raises(pytest.fail.Exception):
        TorchLogisticClassifier().set_callbacks(Recorder()).fit(X, Y)


def test_iterations_are_tasks_of_a_search_whose_callbacks_are_not_told_of_them():
    class Tree(Recorder):
        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            self.names = [task.task_name for task in context]

    tree = Tree()
    search = GridSearchCV(TorchLogisticClassifier(), {"C": [1.0]}, cv=2).set_callbacks(tree)
    search.fit(X, Y)
    assert tree.names.count("iteration") > search.best_estimator_.n_iter_


def test_verbose_prints_one_row_an_iteration(capsys):
    clf = TorchLogisticClassifier(solver="adam", max_iter=3, verbose=1).fit(X, Y)
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["iter", "objective", "seconds"]
    assert [int(row.split()[0]) for row in rows] == [1, 2, 3]
    np.testing.assert_allclose([float(row.split()[1]) for row in rows], clf.loss_curve_, atol=1e-5)
    assert len({len(line) for line in (header, *rows)}) == 1


def test_verbose_shows_validation_loss_and_accuracy(capsys):
    clf = TorchLogisticClassifier(verbose=1).fit(X, Y, X_val=X, y_val=Y)
    header, *rows = capsys.readouterr().out.splitlines()
    names = ("iter", "objective", "valid", "loss", "valid", "acc", "seconds", "solver")
    assert header.split() == [*names]
    *cells, method = rows[-1].split()
    _, _, loss, accuracy, _ = map(float, cells)
    assert method == clf.solver_ == "newton"
    proba = clf.predict_proba(X)
    assert loss == pytest.approx(-np.log(proba[np.arange(len(Y)), Y]).mean(), abs=1e-5)
    assert accuracy == pytest.approx(clf.score(X, Y), abs=1e-5)


def test_a_quiet_fit_prints_nothing(capsys):
    TorchLogisticClassifier().fit(X, Y)
    assert capsys.readouterr() == ("", "")


def test_names_of_a_frame_cause_no_warning_in_a_scoring_monitor():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    monitor = ScoringMonitor(scoring="accuracy")
    TorchLogisticClassifier().set_callbacks(monitor).fit(frame, Y)
    assert len(monitor.get_logs().data) > 1


def test_the_reference_records_as_many_scores():
    # The callbacks of LogisticRegression itself: an iteration is logged in the same way.
    monitor = ScoringMonitor(scoring="accuracy")
    LogisticRegression(max_iter=1000).set_callbacks(monitor).fit(X, Y)
    ours = ScoringMonitor(scoring="accuracy")
    TorchLogisticClassifier().set_callbacks(ours).fit(X, Y)
    assert monitor.get_logs().data_as_pandas.columns.tolist() == (
        ours.get_logs().data_as_pandas.columns.tolist()
    )


@pytest.mark.parametrize("solver", SOLVERS)
def test_progress_bar_runs_to_its_end(solver, capsys):
    pytest.importorskip("rich")
    model = make_pipeline(StandardScaler(), classifier(solver)).set_callbacks(ProgressBar())
    model.fit(X, Y)
    assert "TorchLogisticClassifier - fit" in capsys.readouterr().out


@pytest.mark.slow  # two worker processes
@pytest.mark.parametrize("solver", SOLVERS)
def test_callbacks_work_in_a_pipeline_in_a_grid_search_on_two_processes(solver, capsys):
    pytest.importorskip("rich")
    monitor = ScoringMonitor(scoring="accuracy")
    clf = classifier(solver).set_callbacks(monitor)
    pipeline = make_pipeline(StandardScaler(), clf)
    Cs = [0.1, 1.0]
    search = GridSearchCV(pipeline, {"torchlogisticclassifier__C": Cs}, cv=3, n_jobs=2)
    search.set_callbacks(ProgressBar()).fit(X, Y)
    out = capsys.readouterr().out
    # A row for each candidate on each fold and for the refit, besides the search itself.
    assert out.count("Pipeline - fit") == 2 * 3 + 1
    assert out.count("100%") == 2 * 3 + 1 + 2
    log = monitor.get_logs().data_as_pandas
    of_fits = log[log["task_name"] == "fit"]
    assert len(of_fits) == 2 * 3 + 1
    # The last fit alone is still there to be asked.
    assert search.score(X, Y) in of_fits["accuracy"].tolist()
    assert (log["task_name"] == "iteration").sum() >= search.best_estimator_[-1].n_iter_
