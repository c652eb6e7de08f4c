"""The objective of one model of a small table in memory, in as few operations as possible.

By the weights of a copy of X whose features are centred, and scaled to a curvature of 1 as the
variances tell that it is given.
`small_table` minimises it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.linalg.blas import daxpy, ddot
from torch import Tensor

from skorchless._engine.curvature.feature_moments import FeatureMoments
from skorchless._engine.curvature.hessian_approximation import drawn_rows, n_hessian_rows
from skorchless._engine.objective import MIN_CLASS_SHARE, PenalizedNLL
from skorchless._engine.rows.memory import LocalRows, Rows
from skorchless._engine.solvers.descent import to_host

Vector = np.ndarray[Any, Any]  # float64: of weights (K * D,), or of rows as `State` says
# Rows for each column beyond which X is copied by column: products take 0.4 to 0.8 times as long.
TALL = 20
# Entries up to which operations of BLAS on vectors stay on one core.
MAX_BLAS_ENTRIES = 10_000
# Entries that are centred and scaled at a time, 1 MB of float64: 256 kB take up to twice as long.
STANDARDIZED_ENTRIES = 2**17
# A choice: added to a Hessian that is inverted, whose diagonal is about 1, of wide tables at least
# 1/30. It is above rounding, and below any curvature that matters.
RIDGE = 1e-6
# A choice: the curvature of the rows counts as this share at least of that at the first weights.
MIN_CURVATURE_RATIO = 1e-12
# The diagonal of the intercept, which has no penalty, falls as if it had this share of the mean of
# the others. With 0 clusters of 40 classes take twice as many iterations as with a diagonal that
# stays as it is, with 1 plain tables of two and three classes a third more than with 0.1.
INTERCEPT_SHARE = 0.1
# The share of the curvature of a feature that its variance lets expect, below which drawn rows may
# have missed the few in which it varies: a choice.
MIN_SEEN = 0.25
# Beyond, softplus(x) is x in float64.
SOFTPLUS_LIMIT = 40.0


class RowTerms(NamedTuple):
    """What the rows add to the objective and its gradient: (N,) of two classes, else (K, N)."""

    margins: Vector
    proba: Vector  # with two classes that of the class which is not the row's own
    nll: Vector | None  # (N,); None: not computed yet


class Point(NamedTuple):
    """The weights of centred and scaled features, with what a line search asks for."""

    u: Vector
    terms: RowTerms
    value: float


class State(NamedTuple):
    """The weights of centred and scaled features, with the objective there."""

    u: Vector
    margins: Vector  # as those of `RowTerms`
    value: float
    grad: Vector
    violation: float  # the largest entry of the gradient by the features as they are
    proba: Vector  # as the margins


class OneModel:
    """The objective of one model by the weights of centred and scaled features.

    Margins are the logits less that of a row's own class; with two classes, that of the other one.

    Products with X, exponentials and logarithms are torch's, which are on one core and vectorised;
    all else is NumPy's, which takes a third of the time for a small array.
    """

    def __init__(
        self, objective: PenalizedNLL, moments: FeatureMoments, dtype: torch.dtype | None = None
    ) -> None:
        self.objective = objective
        X, *columns = _whole(objective.rows)
        codes, weights = (column.numpy() for column in columns)
        self.shape = n_weight_rows, n_columns = objective.weights_shape[1:]
        self.is_binary = objective.n_classes == 2
        codes = codes[:, int(objective.label)]
        total = float(objective.total_weight)
        self.weights = np.divide(weights[:, int(objective.fold)], total, dtype=np.float64)  # (N,)
        shares = np.bincount(codes, self.weights)
        self._curvature = max(float(shares.dot(1.0 - shares)) / len(shares), MIN_CLASS_SHARE)
        n_features = X.shape[1]
        self._mean, self._center = np.zeros(n_columns), np.zeros(n_columns)
        variance = np.ones(n_columns)
        variance[:n_features] = to_host(moments.variance)
        self.is_constant = variance == 0.0
        variance[self.is_constant] = 1.0
        self.has_intercept = objective.fit_intercept
        if moments.mean is not None:
            self._mean[:n_features] = self._center[:n_features] = to_host(moments.mean)
        if objective.rows.center is not None:
            self._center[:n_features] += to_host(objective.rows.center)
        ridge = np.full(n_columns, float(objective.alpha) * (1.0 - float(objective.l1_ratio)))
        ridge[n_features:] = 0.0
        self.has_l2 = bool(ridge.any())
        # The inverse root of the diagonal of the Hessian at the best model that ignores X, as the
        # variances tell.
        self.scale = 1.0 / np.sqrt(self._curvature * variance + ridge)  # (D,)
        share = ridge * self.scale**2  # the penalty's, of that diagonal
        self.penalty_weight = np.concatenate([share] * n_weight_rows)
        if self.has_intercept:
            share[-1] = INTERCEPT_SHARE * share[:-1].mean() if n_features else 0.0
        self._penalty_share = np.concatenate([share] * n_weight_rows)
        self.X = self._standardized(X, dtype or objective.rows.placement.dtype)
        self.eps = torch.finfo(self.X.dtype).eps
        if self.is_binary:
            self._signs = 1.0 - 2.0 * codes
            self._signed_weights = self._signs * self.weights
        else:
            self._own = codes * len(X) + np.arange(len(X))
            self._own_weights = np.zeros((n_weight_rows, len(X)))
            self._own_weights.ravel()[self._own] = self.weights

    def _standardized(self, X: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the centred and scaled features (N, D), and a column of the intercept."""
        (n_rows, n_features), n_columns = X.shape, self.shape[1]
        is_tall = n_rows > TALL * n_columns
        shape = (n_columns, n_rows) if is_tall else (n_rows, n_columns)
        Z = torch.empty(shape, dtype=dtype)
        Z = Z.T if is_tall else Z
        Z[:, n_features:] = float(self.scale[-1])
        features = Z[:, :n_features]
        scale, shift = (
            torch.from_numpy(v[:n_features]).to(Z.dtype)
            for v in (self.scale, -self._mean * self.scale)
        )
        step = max(1, STANDARDIZED_ENTRIES // max(1, n_features))
        for start in range(0, n_rows, step):
            part = slice(start, start + step)
            # In the dtype of Z: float64 read for float32 would take twice as long.
            given = X[part] if X.dtype == Z.dtype else features[part].copy_(X[part])
            torch.addcmul(shift, given, scale, out=features[part])
        return Z

    def weights_of(self, u: Vector) -> Vector:
        """Return the weights (K, D) of the features as they are."""
        W: Vector = u.reshape(self.shape) * self.scale
        if self.has_intercept:
            W[:, -1] -= W.dot(self._center)
        return W

    def of_weights(self, W: Vector) -> Vector:
        """Return ``u`` of weights (K, D) of the features as they are."""
        if self.has_intercept:
            intercept, W = W @ self._center, W.copy()
            W[:, -1] += intercept
        return (W / self.scale).ravel()

    def center_over_dummies(self, u: Vector) -> Vector:
        """Return ``u``, or a step, less what the dummies of each category have in common."""
        if self.objective.dummies is None:
            return u
        W = torch.from_numpy(u.reshape(self.shape) * self.scale)[None]
        return (self.objective.center_over_dummies(W)[0].numpy() / self.scale).ravel()

    def _to_torch(self, array: Vector) -> Tensor:
        """Return ``array`` in the dtype of X."""
        tensor = torch.from_numpy(array)
        return tensor if self.X.dtype is torch.float64 else tensor.to(self.X.dtype)

    def margins(self, u: Vector) -> Vector:
        """Return the margins, or their change for a change ``u``."""
        weights = self._to_torch(u)
        if self.is_binary:
            # A product with a vector takes four fifths of the time of one with a matrix of a row.
            return torch.mv(self.X, weights).numpy() * self._signs
        logits = torch.mm(weights.view(self.shape), self.X.T).numpy()
        return np.subtract(logits, logits.take(self._own), dtype=np.float64)

    def row_terms(self, margins: Vector) -> RowTerms:
        """Return what ``margins`` make of the rows; of several classes the NLL comes with it."""
        if self.is_binary:
            return RowTerms(margins, torch.sigmoid(torch.from_numpy(margins)).numpy(), None)
        return RowTerms(margins, *_proba_and_nll(margins))

    def at(self, u: Vector, terms: RowTerms) -> Point:
        """Return the point at ``u``, whose rows have these ``terms``."""
        nll = terms.nll
        if nll is None:
            margins = torch.from_numpy(terms.margins)
            nll = torch.nn.functional.softplus(margins, 1.0, SOFTPLUS_LIMIT).numpy()
        return Point(u, terms, dot(nll, self.weights) + 0.5 * self.doubled_penalty(u))

    def doubled_penalty(self, u: Vector) -> float:
        """Return twice the L2 penalty."""
        return dot(self.penalty_weight * u, u)

    def state(self, point: Point) -> State:
        """Return the state at ``point``."""
        u, (margins, proba, _), value = point
        if self.is_binary:
            residual = proba * self._signed_weights
            by_u = torch.mv(self.X.T, self._to_torch(residual)).numpy()
        else:
            residual = proba * self.weights - self._own_weights
            by_u = torch.mm(self._to_torch(residual), self.X).numpy().ravel()
        grad = by_u + self.penalty_weight * u
        of_raw = grad.reshape(self.shape) / self.scale
        if self.has_intercept:
            of_raw += of_raw[:, -1:] * self._center
        return State(u, margins, value, grad, float(np.abs(of_raw).max()), proba)

    def hessian(self, p: Vector) -> Tensor:
        """Return the Hessian (K * D, K * D) of the NLL from the probabilities."""
        n_weights = math.prod(self.shape)
        if self.is_binary:
            return self._in_blocks(_gram, n_weights, p * (1.0 - p) * self.weights)
        return self._in_blocks(self._joint_hessian, n_weights, p, self.weights)

    def _in_blocks(
        self, function: Callable[..., Tensor], n_columns: int, *of_rows: Vector
    ) -> Tensor:
        """Return the sum of what ``function`` makes of blocks of X and of ``of_rows`` (..., N).

        It copies ``n_columns`` entries of each row.
        """
        # At least as many rows as columns: of fewer, sums take as long as products.
        n_copied = self.objective.rows.placement.block_sizes.copied_entries
        step = max(n_columns, n_copied // n_columns)
        tensors = [self._to_torch(each) for each in of_rows]
        total = function(self.X[:step], *(each[..., :step] for each in tensors))
        for start in range(step, len(self.X), step):
            part = slice(start, start + step)
            total += function(self.X[part], *(each[..., part] for each in tensors))
        return total

    def _joint_hessian(self, X: Tensor, p: Tensor, weights: Tensor) -> Tensor:
        """Return the Hessian (K * D, K * D) of the NLL of some rows of several classes."""
        of_all = (p.T[:, :, None] * X[:, None]).flatten(1)  # (B, K * D)
        hessian = torch.mm(of_all.T * -weights, of_all)
        of_classes = ((p * weights)[:, None] * X.T) @ X  # (K, D, D)
        blocks = hessian.view(*self.shape, *self.shape)
        blocks.diagonal(dim1=0, dim2=2).add_(of_classes.permute(1, 2, 0))
        return hessian

    def inverse_diagonal(self, p: Vector) -> Vector:
        """Return the inverse diagonal (K * D,) of the Hessian, as the variances tell it.

        As rows are told apart their curvature falls, and the penalty's share in it grows.
        """
        weighted = p * self.weights
        curvature = (weighted.sum() - dot(weighted.ravel(), p.ravel())) / self.shape[0]
        ratio = max(curvature / self._curvature, MIN_CURVATURE_RATIO)
        diagonal: Vector = 1.0 / (ratio + (1.0 - ratio) * self._penalty_share)
        return diagonal

    def inverse_hessians(
        self, p: Vector, *, is_shared: bool = False, n_before: int = 0
    ) -> Tensor | None:
        """Return the inverse (K, D, D) of each class's own Hessian and a ridge, None if it fails.

        Of two classes it is that of the Hessian. Where it ``is_shared`` it is (1, D, D), of the
        mean of the classes. Of many rows a sample tells, a larger one after ``n_before`` others.
        """
        curvature = np.atleast_2d(p * (1.0 - p) * self.weights)
        if not self.is_binary:
            # With equal shares the Hessian of all classes is this times that of each, and 0 along
            # equal weights of all.
            curvature *= len(p) / (len(p) - 1)
        if is_shared:
            curvature = curvature.mean(0, keepdims=True)
        n_drawn = n_hessian_rows(self.objective, n_before)
        if n_drawn < curvature.shape[1]:
            grams = [self._drawn_gram(of_class, n_drawn) for of_class in curvature]
        else:
            n_columns = self.shape[1]
            grams = [self._in_blocks(_gram, n_columns, of_class) for of_class in curvature]
        hessians = torch.stack(grams)
        ridge = self.penalty_weight[: self.shape[1]] + RIDGE
        hessians.diagonal(dim1=1, dim2=2).add_(torch.from_numpy(ridge))
        factors, info = torch.linalg.cholesky_ex(hessians)
        return None if info.any() else torch.cholesky_inverse(factors).to(torch.float64)

    def _drawn_gram(self, curvature: Vector, n_drawn: int) -> Tensor:
        """Return the Gram matrix (D, D) of rows of a ``curvature`` (N,), from a sample of them."""
        X, total = self.X[drawn_rows(torch.from_numpy(curvature), n_drawn)], curvature.sum()
        gram = (X.T @ X).mul_(total / n_drawn)
        # Of 20,000 rows with five ones in a column 1,000 rows are likely to have none: steps would
        # be a hundred times too long.
        n_columns, diagonal = len(gram), gram.diagonal()
        expected = total / self._curvature * (1.0 - self.penalty_weight[:n_columns])
        missed = (diagonal.numpy() < MIN_SEEN * expected).nonzero()[0]
        if len(missed):
            squares = self.X[:, torch.from_numpy(missed)].square()
            exact = torch.mv(squares.T, self._to_torch(curvature))
            diagonal[missed] = torch.maximum(diagonal[missed], exact)
        return gram

    def state_at(self, u: Vector) -> State:
        """Return the state at ``u``, whose margins are not known."""
        return self.state(self.at(u, self.row_terms(self.margins(u))))


def _gram(X: Tensor, weights: Tensor) -> Tensor:
    """Return the sum (D, D) of the outer products of rows (B, D) by ``weights`` (B,)."""
    return (X.T * weights) @ X


def _proba_and_nll(margins: Vector) -> tuple[Vector, Vector]:
    """Return the probabilities (K, N) of several classes, and the NLL (N,) of each row."""
    largest = margins.max(0)
    proba = torch.from_numpy(margins - largest).exp_().numpy()
    total = proba.sum(0)
    proba /= total
    nll = torch.from_numpy(total).log_().numpy()
    nll += largest
    return proba, nll


def _whole(rows: Rows) -> tuple[Tensor, ...]:
    """Return X (N, P), dense, and the columns of all rows, on the host."""
    if isinstance(rows, LocalRows) and rows.are_in_memory and rows.n_stored is None:
        return rows.whole()
    index = torch.arange(rows.n_rows, device=rows.placement.device)
    return tuple(part.cpu() for part in rows.gather(index))


def dot(a: Vector, b: Vector) -> float:
    """Return an inner product, on one core."""
    # SciPy's takes half of the time of NumPy's.
    if len(a) <= MAX_BLAS_ENTRIES:
        product: float = ddot(a, b)
        return product
    return float(torch.dot(torch.from_numpy(a), torch.from_numpy(b)))


def add(total: Vector, a: Vector, share: float) -> None:
    """Add ``share * a`` to ``total``, on one core."""
    if len(a) <= MAX_BLAS_ENTRIES:
        daxpy(a, total, a=share)
    else:
        torch.from_numpy(total).add_(torch.from_numpy(a), alpha=share)
