"""Between two iterations of a batch: who has finished, the table of `verbose`, callbacks."""

import sys

import numpy as np
import pytest
import torch
from recorder import Recorder
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skorchless import TorchLogisticClassifierCV
from skorchless._engine.solvers.base import Status
from skorchless.estimators._fit.loop import FitResult, full_batch_message

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
GRID = {"Cs": [1e-3, 1.0, 1e3], "cv": 2}


def test_each_candidate_is_a_task_that_ends_when_it_has_finished():
    recorder = Recorder()
    clf = TorchLogisticClassifierCV(**GRID).set_callbacks(recorder).fit(X, Y)
    assert recorder.events[:2] == ["setup", ("begin", "fit", 0)]
    assert recorder.events[-2:] == [("end", "fit", 0), "teardown"]
    assert recorder.max_subtasks["fit", 0] == 6
    tasks = recorder.events[2:-2]
    assert {name for _, name, _ in tasks} == {"candidate"}
    ended = [number for event, _, number in tasks if event == "end"]
    assert sorted(ended) == list(range(6))
    n_iter = clf.n_iter_.ravel()
    assert (np.diff(n_iter[ended]) >= 0).all()
    for m in range(6):
        path = clf.coefs_paths_.reshape(6, 3, 5)[m]
        np.testing.assert_array_equal(recorder.coefs["candidate", m], path[:, :-1])
        np.testing.assert_array_equal(recorder.first_coefs["candidate", m], np.zeros((3, 4)))
    np.testing.assert_array_equal(recorder.coefs["fit", 0], clf.coef_)


def test_candidates_that_max_iter_ends_are_reported_too():
    recorder = Recorder()
    clf = TorchLogisticClassifierCV(**GRID, max_iter=2, tol=0.0, refit=False).set_callbacks(
        recorder
    )
    with pytest.warns(match="for 6 of 6 candidates"):
        clf.fit(X, Y)
    assert (clf.n_iter_ == 2).all()
    assert len(recorder.coefs) == 7  # and the fit itself


def test_a_callback_that_asks_to_stop_ends_the_search_with_what_there_is():
    clf = TorchLogisticClassifierCV(**GRID, max_iter=1000, tol=1e-8)
    whole = clf.fit(X, Y).n_iter_.max()
    stopped = clf.set_callbacks(Recorder(stop_after=1)).fit(X, Y)  # without a warning
    assert stopped.n_iter_.max() < whole
    assert np.isfinite(stopped.scores_).all()
    # No iteration more: the model is the mean of the best penalty's folds.
    best = (stopped.Cs_ == stopped.C_).argmax()
    paths = stopped.coefs_paths_[:, 0, best, :, :-1]
    np.testing.assert_allclose(stopped.coef_, paths.mean(0))
    assert accuracy_score(Y, stopped.predict(X)) > 0.8


def test_scoring_monitor_scores_each_candidate():
    monitor = ScoringMonitor(scoring="accuracy")
    TorchLogisticClassifierCV(**GRID).set_callbacks(monitor).fit(X, Y)
    log = monitor.get_logs(select="most_recent").data_as_pandas
    assert (log.task_name == "candidate").sum() == 6


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_a_progress_bar_shows_candidates_finished(in_pipeline, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    clf = TorchLogisticClassifierCV(**GRID)
    model = make_pipeline(StandardScaler(), clf) if in_pipeline else clf
    model.set_callbacks(ProgressBar()).fit(X, Y)
    shown = capfd.readouterr().out
    assert "TorchLogisticClassifierCV - fit" in shown
    assert "100%" in shown


def test_a_progress_bar_is_at_the_share_of_candidates_finished(monkeypatch):
    shares = []
    monitor = pytest.importorskip("sklearn.callback._progressbar").RichProgressMonitor
    on_task_end = monitor._on_task_end

    def watched(self, task_info):
        on_task_end(self, task_info)
        shares.append(self.root_rich_task.progress)

    monkeypatch.setattr(monitor, "_on_task_end", watched)
    TorchLogisticClassifierCV(**GRID).set_callbacks(ProgressBar()).fit(X, Y)
    assert shares == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1.0, 1.0])


def test_verbose_prints_a_row_for_each_iteration_of_the_batch(capsys):
    clf = TorchLogisticClassifierCV(**GRID, verbose=1).fit(X, Y)
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["iter", "finished", "of", "violation", "seconds", "solver"]
    assert len({len(line) for line in (header, *rows)}) == 1
    cells = np.array([row.split()[:-1] for row in rows], dtype=float)
    assert {row.split()[-1] for row in rows} == {clf.solver_}
    assert len(rows) == clf.n_iter_.max()
    finished = [(clf.n_iter_ <= number).sum() for number in range(1, len(rows) + 1)]
    np.testing.assert_array_equal(cells[:, 1], finished)
    assert (cells[:, 2] == 6).all()
    assert cells[-1, 3] <= clf.tol


def test_of_stalled_and_unfinished_candidates_more_iterations_are_advised():
    # More iterations do help some of them; where all have stalled, only precision does.
    W = torch.zeros(3, 3, 5)
    mixed = [Status.STALLED, Status.RUNNING, Status.CONVERGED]
    stalled = [Status.STALLED, Status.STALLED, Status.CONVERGED]
    messages = [
        full_batch_message(
            FitResult(W, [5, 9, 2], status, [0.3, 0.2, 0.0], "", False), 1e-4, torch.float32
        )
        for status in (mixed, stalled)
    ]
    assert "failed to converge for 2 of 3 candidates after 9 iteration(s): the" in messages[0]
    assert "the objective cannot be lowered any further in float32" in messages[1]
    assert "the largest violation of optimality is 0.3, tol=0.0001" in messages[0]


def test_without_verbose_nothing_is_printed(capfd):
    TorchLogisticClassifierCV(**GRID).fit(X, Y)
    sys.stdout.flush()
    assert capfd.readouterr() == ("", "")
