"""A search over several labels scores, and chooses, what a loop over its candidates would."""

import numpy as np
import pytest
from recorder import Recorder
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, get_scorer, log_loss
from sklearn.model_selection import KFold, ShuffleSplit, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.class_weight import compute_sample_weight

from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV

N_ROWS, N_LABELS = 90, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N_ROWS, 4))
Y = (X @ RNG.normal(size=(4, N_LABELS)) + RNG.normal(size=(N_ROWS, N_LABELS)) > 0).astype(int)
WEIGHTS = RNG.random(N_ROWS)
CS = [0.01, 1.0, 100.0]
FOLDS = list(KFold(3).split(X))
SEARCH = TorchLogisticClassifierCV(Cs=CS, cv=3, tol=1e-9, max_iter=1000)
LABELS = {"dense": np.asarray, "CSR": sparse.csr_array, "CSC": sparse.csc_array}


def one_vs_rest(C, X=X, Y=Y):
    model = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    return OneVsRestClassifier(model).fit(X, Y)


def coefficients(model):
    """Return the coefficients of each label (L, P + 1), with its intercept."""
    return np.vstack([np.r_[each.coef_[0], each.intercept_] for each in model.estimators_])


def candidates(X=X, Y=Y):
    """Return scikit-learn's model of each fold and each C."""
    return [[one_vs_rest(C, X[train], Y[train]) for C in CS] for train, _ in FOLDS]


# The log loss of several labels is what scikit-learn makes of them: that of one row of classes.
@pytest.mark.filterwarnings("ignore:The y_prob values do not sum to one:UserWarning")
@pytest.mark.parametrize("scoring", [None, "f1_micro", "roc_auc", "neg_log_loss"])
def test_scores_are_those_of_a_loop_over_candidates(scoring):
    found = clone(SEARCH).set_params(scoring=scoring).fit(X, Y)
    scorer = get_scorer(scoring or "accuracy")
    expected = [
        [scorer(model, X[test], Y[test]) for model in of_fold]
        for of_fold, (_, test) in zip(candidates(), FOLDS, strict=True)
    ]
    np.testing.assert_allclose(found.scores_[:, 0], expected, rtol=1e-6)
    best = CS[np.mean(expected, axis=0).argmax()]
    assert best == found.C_
    refitted = coefficients(one_vs_rest(best))
    np.testing.assert_allclose(np.c_[found.coef_, found.intercept_], refitted, atol=1e-5)
    assert found.score(X, Y) == pytest.approx(scorer(found, X, Y))
    assert found.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("kind", LABELS)
def test_paths_are_those_of_separate_fits(kind, refit):
    found = clone(SEARCH).set_params(refit=refit).fit(X, LABELS[kind](Y))
    assert found.coefs_paths_.shape == (3, 1, 3, N_LABELS, 5)
    assert found.n_iter_.shape == found.scores_.shape == (3, 1, 3)
    expected = np.array([[coefficients(model) for model in of_fold] for of_fold in candidates()])
    np.testing.assert_allclose(found.coefs_paths_[:, 0], expected, atol=1e-4)
    if not refit:
        best = found.scores_[:, 0].argmax(1)
        mean = expected[range(3), best].mean(0)
        np.testing.assert_allclose(np.c_[found.coef_, found.intercept_], mean, atol=1e-4)
        assert pytest.approx(np.take(CS, best).mean()) == found.C_
    assert sparse.issparse(found.predict(X)) == (kind != "dense")
    assert found.score(X, LABELS[kind](Y)) == found.score(X, Y)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "sample weights"])
def test_balanced_weights_are_those_of_each_label_among_all_samples(weights):
    found = clone(SEARCH).set_params(class_weight="balanced")
    found.fit(X, Y, sample_weight=weights)
    weights = np.ones(N_ROWS) if weights is None else weights
    for label in range(N_LABELS):
        y = Y[:, label]
        # By the weight of each value, not by how many samples have it.
        totals = np.bincount(y, weights)
        own = weights * (weights.sum() / (2 * totals))[y]
        if (weights == 1).all():
            np.testing.assert_allclose(own, compute_sample_weight("balanced", y))
        for f, (train, _) in enumerate(FOLDS):
            model = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-10)
            model.fit(X[train], y[train], sample_weight=own[train])
            path = found.coefs_paths_[f, 0, 1, label]
            np.testing.assert_allclose(path, [*model.coef_[0], *model.intercept_], atol=1e-5)


def test_an_l1_penalty_is_tried_on_all_labels():
    found = clone(SEARCH).set_params(l1_ratios=[0.0, 1.0], Cs=[0.2, 1.0]).fit(X, Y)
    assert found.coefs_paths_.shape == (3, 2, 2, N_LABELS, 5)
    for c, C in enumerate(found.Cs_):
        for f, (train, _) in enumerate(FOLDS):
            for label in range(N_LABELS):
                alone = TorchLogisticClassifier(C=C, l1_ratio=1.0, tol=1e-9, max_iter=1000)
                alone.fit(X[train], Y[train, label])
                path = found.coefs_paths_[f, 1, c, label, :-1]
                np.testing.assert_allclose(path, alone.coef_[0], atol=1e-5)


@pytest.mark.parametrize(
    ("scoring", "class_weight"), [(None, "balanced"), ("neg_log_loss", None), ("f1", None)]
)
@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("kind", LABELS)
def test_per_label_each_label_has_the_penalty_of_its_own_search(
    kind, refit, scoring, class_weight
):
    search = clone(SEARCH).set_params(scoring=scoring, refit=refit, cv=KFold(3))
    search.set_params(class_weight=class_weight)
    found = clone(search).set_params(per_label=True).fit(X, LABELS[kind](Y))
    for label in range(N_LABELS):
        alone = clone(search).fit(X, Y[:, label])
        np.testing.assert_allclose(found.scores_[..., label], alone.scores_, rtol=1e-6)
        assert found.C_[label] == alone.C_
        assert found.l1_ratio_[label] == alone.l1_ratio_
        np.testing.assert_allclose(found.coef_[label], alone.coef_[0], atol=1e-4)
        np.testing.assert_allclose(found.intercept_[label], alone.intercept_[0], atol=1e-4)


CONSTANT = Y.copy()
CONSTANT[:, 1] = 0
CONSTANT[:20, 1] = 1  # in the first fold's test samples alone


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_label_may_be_constant_in_a_fold(fit_intercept):
    search = clone(SEARCH).set_params(fit_intercept=fit_intercept)
    found = search.fit(X, CONSTANT)
    others = clone(search).fit(X, CONSTANT[:, [0, 2]])
    for paths in (found.coefs_paths_, found.scores_, found.coef_):
        assert np.isfinite(paths).all()
    np.testing.assert_allclose(found.coefs_paths_[..., [0, 2], :], others.coefs_paths_, atol=1e-5)
    if fit_intercept:
        alone = clone(search).set_params(cv=[FOLDS[0]], refit=False, Cs=[1.0]).fit(X, CONSTANT)
        assert (alone.predict(X)[:, 1] == 0).all()


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_label_that_is_constant_in_all_samples_is_named_once(fit_intercept):
    labels = np.c_[Y, np.ones(N_ROWS, dtype=int)]
    search = clone(SEARCH).set_params(fit_intercept=fit_intercept, tol=1e-7)
    with pytest.warns(UserWarning, match=r"that value: 3 \(all 1\)\.$") as record:
        found = search.fit(X, labels)
    assert [warning.filename for warning in record] == [__file__]
    assert (found.predict(X)[:, 3] == 1).all()
    np.testing.assert_allclose(found.predict_proba(X)[:, 3], 1.0)
    assert (found.coef_[3] == 0).all()
    alone = TorchLogisticClassifier(C=found.C_, fit_intercept=fit_intercept, tol=1e-9).fit(X, Y)
    np.testing.assert_allclose(found.coef_[:3], alone.coef_, atol=1e-4)


@pytest.mark.filterwarnings("ignore:Label . is present in all training examples:UserWarning")
@pytest.mark.filterwarnings("ignore:Labels that have one value alone:UserWarning")
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_candidates_have_the_constant_of_a_label_while_they_are_scored(fit_intercept):
    labels = np.c_[1 - CONSTANT, np.ones(N_ROWS, dtype=int)]  # in one fold, and in all
    model = LogisticRegression(solver="newton-cholesky", tol=1e-10, fit_intercept=fit_intercept)
    expected = cross_val_score(OneVsRestClassifier(model), X, labels, cv=FOLDS)
    search = clone(SEARCH).set_params(Cs=[1.0], cv=FOLDS, fit_intercept=fit_intercept)
    np.testing.assert_allclose(search.fit(X, labels).scores_.ravel(), expected)
    assert expected[1] > 0


def test_a_callback_is_told_of_each_candidate():
    recorder = Recorder()
    clone(SEARCH).set_callbacks(recorder).fit(X, Y)
    ended = [event[1] for event in recorder.events if event[0] == "end"]
    assert ended.count("candidate") == 9
    assert all(coef.shape == (N_LABELS, 4) for coef in recorder.coefs.values())


def test_verbose_counts_candidates_and_not_labels(capsys):
    clone(SEARCH).set_params(verbose=1).fit(X, Y)
    header, *rows = capsys.readouterr().out.strip().splitlines()
    assert "finished" in header
    assert rows[-1].split()[1] == "9"


def test_labels_in_groups_give_the_same_search():
    expected = clone(SEARCH).fit(X, Y)
    with config_context(working_memory=1e-3):
        found = clone(SEARCH).fit(X, Y)
    np.testing.assert_allclose(found.coefs_paths_, expected.coefs_paths_, atol=1e-5)
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-5)
    np.testing.assert_array_equal(found.scores_, expected.scores_)
    # A candidate takes the iterations of the label that takes most.
    separate = [clone(SEARCH).set_params(cv=KFold(3)).fit(X, y).n_iter_ for y in Y.T]
    np.testing.assert_array_equal(found.n_iter_, np.max(separate, axis=0))
    assert (found.n_iter_ > np.min(separate, axis=0)).any()


@pytest.mark.parametrize("working_memory", [1024, 1e-3], ids=["one group", "groups"])
def test_candidates_that_have_not_converged_are_counted_and_not_their_labels(working_memory):
    search = clone(SEARCH).set_params(max_iter=2, refit=False)
    with (
        config_context(working_memory=working_memory),
        pytest.warns(
            ConvergenceWarning, match="for 9 of 9 candidates after 2 iteration"
        ) as record,
    ):
        search.fit(X, Y)
    assert len(record) == 1


@pytest.mark.parametrize("cv", [None, ShuffleSplit(2, random_state=0), FOLDS])
def test_splits_are_those_of_scikit_learn_for_several_labels(cv):
    found = clone(SEARCH).set_params(cv=cv).fit(X, sparse.csr_array(Y))
    assert len(found.scores_) == (5 if cv is None else len(found.scores_))
    if cv is None:
        train, _ = next(KFold(5).split(X))
        expected = coefficients(one_vs_rest(1.0, X[train], Y[train]))
        np.testing.assert_allclose(found.coefs_paths_[0, 0, 1], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (2 * Y, "values 0 and 1"),
        (sparse.csr_array(2 * Y), "values 0 and 1"),
        (Y + Y[::-1], "Unknown label type: multiclass-multioutput"),
        (Y[:-1], "inconsistent numbers of samples"),
    ],
)
def test_bad_labels_leave_the_search_before_as_it_was(labels, message):
    found = clone(SEARCH).fit(X, Y)
    before = vars(found).copy()
    with pytest.raises(ValueError, match=message):
        found.fit(X, labels)
    assert vars(found) == before


def test_a_scorer_that_has_no_answer_for_several_labels_says_so_itself():
    with pytest.raises(ValueError, match="Target is multilabel-indicator but average='binary'"):
        clone(SEARCH).set_params(scoring="f1").fit(X, Y)


@pytest.mark.parametrize("scoring", ["f1", "neg_log_loss"])
def test_the_score_of_labels_by_themselves_is_the_mean_of_theirs(scoring):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 5))
    Y = (X[:, :3] + rng.normal(size=(120, 3)) > 0).astype(int)
    search = TorchLogisticClassifierCV(Cs=3, per_label=True, scoring=scoring).fit(X, Y)
    of_labels = [
        f1_score(Y[:, label], search.predict(X)[:, label])
        if scoring == "f1"
        else -log_loss(Y[:, label], search.predict_proba(X)[:, label])
        for label in range(3)
    ]
    assert search.score(X, Y) == pytest.approx(np.mean(of_labels))
    assert search.score(X.tolist(), Y) == search.score(X, Y)
