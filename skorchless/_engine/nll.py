"""The negative log-likelihood (NLL) of M models on one block of rows.

It does not know where the rows are: a `NLL` is sent to where a block is. Two classes have one row
of weights (K = 1) and a logistic loss, because two softmax rows with an L2 penalty are another
model.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skorchless._engine.products import Block, logits, to_dense, weighted_squares, weighted_sum
from skorchless._engine.records import take_models
from skorchless._engine.rows.workers import lies_by_column


def n_weight_rows(n_classes: int) -> int:
    """Return K, the rows of weights that ``n_classes`` need."""
    return 1 if n_classes == 2 else n_classes


def log_proba(logits: Tensor) -> Tensor:
    """Return the log-probabilities (..., K, B) of ``logits``; (..., 2, B) where K = 1."""
    if logits.shape[-2] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=-2)
    return torch.log_softmax(logits, dim=-2)


def _multinomial_nll(log_p: Tensor, codes: Tensor, weights: Tensor) -> Tensor:
    return log_p.gather(-2, codes).mul_(-weights)


def _multinomial_residual(p: Tensor, codes: Tensor, weights: Tensor) -> Tensor:
    """Return weights times (softmax minus one-hot) in place of the probabilities ``p``."""
    # No one-hot matrix. Models of one fold share their weights, (1, ..., B), and `scatter_add_`
    # does not broadcast.
    return p.mul_(weights).scatter_add_(-2, codes, (-weights).expand_as(codes))


def _row_weights(weighted_proba: Tensor) -> Tensor:
    """Return the weights (M, 1, B) in weighted probabilities (M, K, B), none of them 0."""
    return weighted_proba.sum(1, keepdim=True).clamp(min=torch.finfo(weighted_proba.dtype).tiny)


@dataclass(frozen=True)
class NLL:
    """The weighted NLL of M models, of any block of rows: X, codes (B, L), weights (B, F)."""

    n_classes: int
    fit_intercept: bool
    fold: Tensor  # (M,) of int64, which column of row weights each model has
    label: Tensor  # (M,) of int64, which column of label codes each model has
    sum_dtype: torch.dtype

    def sum_and_grad(
        self, W: Tensor, X: Block, codes: Tensor, weights: Tensor, X_of_W: Block | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the weighted NLL of a block, summed, (M,) and its gradient (M, K, D).

        ``X_of_W`` (B, P') are the features of ``W`` where they are not those of ``X``.
        """
        logits = self.logits(W, X if X_of_W is None else X_of_W)  # (M, K, B)
        return self.sum_and_grad_at(logits, X, codes, weights)

    def sum_and_grad_at(
        self, logits: Tensor, X: Block, codes: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return what `sum_and_grad` does, at weights whose ``logits`` (M, K, B) are known."""
        of_models = self._of_models(weights)[:, None]  # (M, 1, B)
        nll, residual = self.each_and_residual(logits, self._codes_of_models(codes), of_models)
        grad = self.weighted_sum(X, residual.flatten(0, 1))
        loss = nll.sum((1, 2), dtype=self.sum_dtype)
        return loss, grad.view(*logits.shape[:2], grad.shape[1])

    def along(self, W: Tensor, steps: Tensor, X: Block, codes: Tensor, weights: Tensor) -> Tensor:
        """Return NLL, slope and curvature (3, M, T) of a block, summed, along a direction.

        ``W`` (M, 2 * K, D) has the weights and the direction; ``steps`` are (M, T).
        """
        logits, change = self.logits(W, X).chunk(2, dim=1)  # (M, K, B)
        of_models = self._of_models(weights)[:, None]  # (M, 1, B)
        codes = self._codes_of_models(codes)
        sums = []
        for step in steps.T[..., None, None]:
            # One step at a time: the memory is that of the logits.
            at_step = logits + step * change
            nll, residual = self.each_and_residual(at_step, codes, of_models)
            p = self._proba(at_step)
            mean = (p * change).sum(1, keepdim=True) if self.n_classes > 2 else p * change
            curvature = of_models * p * change * (change - mean)
            parts = (nll, residual * change, curvature)
            sums.append(torch.stack([part.sum((1, 2), dtype=self.sum_dtype) for part in parts]))
        return torch.stack(sums, dim=-1)

    def logits(self, W: Tensor, X: Block) -> Tensor:
        """Return the logits (M, K, B) of the rows of a block."""
        return logits(X, W.flatten(0, 1)).view(*W.shape[:2], X.shape[0])

    def _proba(self, logits: Tensor) -> Tensor:
        return torch.sigmoid(logits) if self.n_classes == 2 else torch.softmax(logits, dim=1)

    def _of_models(self, weights: Tensor) -> Tensor:
        """Return the weights (M, B) of each model's rows from those of folds (B, F)."""
        of_folds = weights.T
        return of_folds if len(of_folds) == 1 else of_folds.index_select(0, self.fold)

    def _codes_of_models(self, codes: Tensor) -> Tensor:
        """Return the codes (M, 1, B) of each model's rows from those of labels (B, L)."""
        of_labels = codes.T[:, None]
        if len(of_labels) == 1:
            return of_labels.expand(len(self.label), 1, -1)
        return of_labels.index_select(0, self.label)

    def targets(self, codes: Tensor, dtype: torch.dtype) -> Tensor:
        """Return codes as `each` and `residual` take them: numbers of ``dtype`` where K = 1."""
        return codes.to(dtype) if self.n_classes == 2 else codes

    def each(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Return the weighted NLL (..., 1, B) of ``logits`` (..., K, B).

        ``targets`` and ``weights`` are (..., 1, B).
        """
        if self.n_classes == 2:
            # reduction=0: none. The function of torch.nn takes twice as long on a few numbers.
            return torch.binary_cross_entropy_with_logits(logits, targets, weights, None, 0)
        return _multinomial_nll(torch.log_softmax(logits, dim=-2), targets, weights)

    def residual(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Return the derivative (..., K, B) of `each` by ``logits`` (..., K, B)."""
        if self.n_classes == 2:
            return torch.sigmoid(logits).sub_(targets).mul_(weights)
        return _multinomial_residual(torch.softmax(logits, dim=-2), targets, weights)

    def each_and_residual(
        self, logits: Tensor, codes: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return `each` and `residual`, of ``codes`` (..., 1, B)."""
        targets = self.targets(codes, logits.dtype)
        if self.n_classes == 2:
            return self.each(logits, targets, weights), self.residual(logits, targets, weights)
        log_p = torch.log_softmax(logits, dim=-2)
        nll = _multinomial_nll(log_p, targets, weights)
        return nll, _multinomial_residual(log_p.exp_(), targets, weights)

    def hessian(
        self, proba: Tensor, X: Block, weights: Tensor, mean: Tensor | None = None
    ) -> Tensor:
        """Return the second derivatives (M, K, K, D, D) of a block's NLL, summed.

        ``proba`` are (M, K, B). With a ``mean`` (P,), by the weights of features that are centred
        there.
        """
        curvature = self._logit_hessian(proba, self._of_models(weights)[:, None])
        X = to_dense(X) if mean is None else to_dense(X) - mean
        columns = torch.cat([X.T, X.new_ones(int(self.fit_intercept), len(X))])  # (D, B)
        weighted = curvature.flatten(0, 2)[:, None] * columns  # (M * K * K, D, B)
        total = weighted.flatten(0, 1) @ columns.T
        return total.view(*curvature.shape[:3], len(columns), len(columns))

    def _logit_hessian(self, p: Tensor, weights: Tensor) -> Tensor:
        """Return the weighted second derivatives (M, K, K, B) of each row's NLL by its logits."""
        if self.n_classes == 2:
            return (p * (1.0 - p) * weights)[:, None]
        curvature = -(p * weights)[:, None] * p[:, :, None]
        curvature.diagonal(dim1=1, dim2=2).add_((p * weights).mT)
        return curvature

    def row_curvature(self, logits: Tensor, weights: Tensor) -> Tensor:
        """Return what `hvp` needs of the rows of a block, (M, K, B), as their ``logits`` are.

        The weighted second derivative by the logit where K = 1, else each class's weighted
        probability: the weight itself is their sum.
        """
        p = self._proba(logits)
        if self.n_classes == 2:
            p = p * (1.0 - p)
        return p * self._of_models(weights)[:, None]

    def hvp(self, V: Tensor, X: Block, row_curvature: Tensor) -> Tensor:
        """Return the products (M * K, D) of a block's Hessians with ``V`` (M * K, D).

        ``row_curvature`` is (M * K, B).
        """
        # With models and classes on one axis: a small product takes as long as ten reshapes.
        return self.weighted_sum(X, self.residual_change(logits(X, V), row_curvature))

    def residual_change(self, change: Tensor, row_curvature: Tensor) -> Tensor:
        """Return by how much `residual` changes with the logits, all of them (M * K, B)."""
        if self.n_classes > 2:
            of_models = (-1, self.n_classes, change.shape[1])
            weighted, p = (row_curvature * change).view(of_models), row_curvature.view(of_models)
            mean = weighted.sum(1, keepdim=True) / _row_weights(p)
            return (weighted - p * mean).flatten(0, 1)
        return row_curvature * change

    def weighted_sum(self, X: Block, residual: Tensor) -> Tensor:
        """Return the gradient (M * K, D) by weights from the ``residual`` (M * K, B)."""
        return self._with_intercept(weighted_sum(X, residual), residual)

    def hessian_diagonal(self, X: Block, row_curvature: Tensor) -> Tensor:
        """Return the diagonals (M * K, D) of a block's Hessians, whose curvature is (M * K, B)."""
        curvature = row_curvature
        if self.n_classes > 2:
            p = curvature.view(-1, self.n_classes, curvature.shape[1])
            curvature = (p * (1.0 - p / _row_weights(p))).flatten(0, 1)
        return self._with_intercept(weighted_squares(X, curvature), curvature)

    def _with_intercept(self, of_features: Tensor, of_rows: Tensor) -> Tensor:
        """Return sums (M * K, D) over rows: ``of_rows`` (M * K, B) themselves for an intercept."""
        if not self.fit_intercept:
            return of_features
        total = of_rows.sum(1, keepdim=True)
        if lies_by_column(of_features):
            return torch.cat([of_features.T, total.T]).T
        return torch.cat([of_features, total], dim=1)

    def curvature(self, W: Tensor, X: Block, weights: Tensor) -> Tensor:
        """Return the weighted second derivative (M, K, B) of each row's NLL by each logit."""
        p = self.proba(W, X)
        return p * (1.0 - p) * self._of_models(weights)[:, None]

    def proba(self, W: Tensor, X: Block) -> Tensor:
        """Return the probabilities (M, K, B) of each class, of the second one where K = 1."""
        return self._proba(self.logits(W, X))


# More folds than this are those of permutations, each of its own model, and have weight in all
# blocks: to ask 5,000 of them takes a seventh of a pass.
MAX_ASKED_FOLDS = 100


class NLLAndGrad:
    """`NLL.sum_and_grad` at ``W`` (M, K, D) as a function of blocks.

    Folds that have no weight in a block cost nothing. That saves a sixth of the time of five folds
    of rows that lie together, as those of an unshuffled KFold do, and half of time series.
    """

    def __init__(self, nll: NLL, W: Tensor) -> None:
        self._nll = nll
        self._W = W
        self._latest: tuple[Tensor, Tensor, NLL, Tensor] | None = None

    def __call__(self, X: Block, codes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        # Not on a GPU, which would have to wait for the answer.
        asks = 1 < weights.shape[1] <= MAX_ASKED_FOLDS and weights.device.type == "cpu"
        has_weight = weights.any(0) if asks else None  # (F,)
        if has_weight is None or has_weight.all():
            return self._nll.sum_and_grad(self._W, X, codes, weights)
        models, nll, W = self._of_folds(has_weight)
        loss = torch.zeros(len(self._W), dtype=nll.sum_dtype, device=W.device)
        grad = torch.zeros_like(self._W)
        loss[models], grad[models] = nll.sum_and_grad(W, X, codes, weights)
        return loss, grad

    def _of_folds(self, has_weight: Tensor) -> tuple[Tensor, NLL, Tensor]:
        """Return the models of folds that have weight, their NLL and their weights."""
        # Neighbouring blocks have the same folds. All parts are kept by one assignment, because
        # blocks may be on several threads.
        latest = self._latest
        if latest is None or not torch.equal(latest[0], has_weight):
            models = has_weight[self._nll.fold].nonzero()[:, 0]
            latest = (has_weight, models, take_models(self._nll, models), self._W[models])
            self._latest = latest
        return latest[1:]
