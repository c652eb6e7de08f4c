"""What is minimised: the penalised negative log-likelihood (NLL) of M models that share rows.

The solvers call it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from skorchless._engine.blocks import Block, scores
from skorchless._engine.nll import NLL, NLLAndGrad, log_proba, n_weight_rows
from skorchless._engine.rows import Rows


@dataclass(frozen=True)
class PenalizedNLL:
    r"""The mean weighted NLL plus an elastic net penalty on everything but the intercept.

    .. math::
        f_m(W) = \frac{\sum_i s_{if}\, \mathrm{nll}_i(W)}{\sum_i s_{if}}
                 + \alpha_m \Big(\frac{1 - \rho_m}{2} \lVert W \rVert_2^2
                 + \rho_m \lVert W \rVert_1\Big), \quad f = \mathrm{fold}(m)

    Gradients are those of all but the L1 penalty, which has none where a weight is 0;
    `subgradient` adds it.

    Attributes
    ----------
    rows : Rows
        X with two columns: the label codes (N,) and the row weights s (N, F).
    n_classes : int
    fit_intercept : bool
    alpha : Tensor (M,), dtype of sums
        The penalty per unit of weight, ``1 / (C * sum_i s_i)``.
    l1_ratio : Tensor (M,), dtype of sums
        The share of the L1 penalty in it.
    total_weight : Tensor (M,), dtype of sums
    fold : Tensor (M,) of int64
        Which column of row weights each model has.
    """

    rows: Rows
    n_classes: int
    fit_intercept: bool
    alpha: Tensor
    l1_ratio: Tensor
    total_weight: Tensor
    fold: Tensor

    @cached_property
    def nll(self) -> NLL:
        """The NLL of a block of rows: the objective without the data and the penalty."""
        return NLL(self.n_classes, self.fit_intercept, self.fold, self.rows.placement.sum_dtype)

    @property
    def weights_shape(self) -> tuple[int, int, int]:
        """The shape (M, K, D) of the weights."""
        n_columns = self.rows.n_features + int(self.fit_intercept)
        return (len(self.alpha), n_weight_rows(self.n_classes), n_columns)

    @cached_property
    def folds(self) -> Tensor:
        """The folds (F',) of these models, in order."""
        return torch.unique(self.fold)

    def take(self, models: Tensor) -> PenalizedNLL:
        """Return the objective of ``models``, an index into all M, on the same rows."""
        return replace(
            self,
            alpha=self.alpha[models],
            l1_ratio=self.l1_ratio[models],
            total_weight=self.total_weight[models],
            fold=self.fold[models],
        )

    def of_own_rows(self) -> PenalizedNLL:
        """Return the objective of the rows alone that have a weight in a fold of these models."""
        folds = self.folds

        def has_weight(_X: Block, _codes: Tensor, weights: Tensor) -> Tensor:
            return weights[:, folds].any(1)

        index = self.rows.map_rows(has_weight, n_outputs=1).nonzero()[:, 0]
        return replace(self, rows=self.rows.subset(index))

    def select_features(self, features: Tensor) -> PenalizedNLL:
        """Return the objective of ``features`` (P',) alone: all other weights are 0."""
        if len(features) == self.rows.n_features:
            return self
        return replace(self, rows=self.rows.select_features(features))

    def value_and_grad(self, W: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values (M,) and the gradients (M, K, D), from one pass over the rows."""
        sums = NLLAndGrad(self.nll, W.to(self.rows.placement.dtype))
        loss, grad = self.rows.map_sum(sums, n_outputs=W.shape[0] * W.shape[1])
        grad = torch.addcmul(grad / self.total_weight[:, None, None], self.shrinkage, W)
        return loss / self.total_weight + self.penalty(W), grad

    def nll_and_grad_by(self, part: PenalizedNLL, W_part: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean NLL (M,) and its gradient (M, K, D) at weights (M, K, D') of ``part``.

        All other weights are 0, and the scores those of few features: one product with all of X
        instead of two.
        """
        nll, W_block = self.nll, W_part.to(self.rows.placement.dtype)

        def sums(X: Block, codes: Tensor, weights: Tensor, X_part: Block) -> tuple[Tensor, Tensor]:
            return nll.sum_and_grad(W_block, X, codes, weights, X_part)

        rows = self.rows.beside(part.rows)
        loss, grad = rows.map_sum(sums, n_outputs=W_part.shape[0] * W_part.shape[1])
        return loss / self.total_weight, grad.div_(self.total_weight[:, None, None])

    def hessian(self, W: Tensor, mean: Tensor | None = None) -> Tensor:
        """Return the Hessians (M, K * D, K * D), from one pass over the rows.

        With a ``mean`` (P,), by the weights of features that are centred there.
        """
        n_models, n_rows_of_W, n_columns = W.shape
        nll, W_block = self.nll, W.to(self.rows.placement.dtype)
        center = None if mean is None else mean.to(W_block.dtype)

        def block_sum(X: Block, _codes: Tensor, weights: Tensor) -> tuple[Tensor]:
            return (nll.hessian(W_block, X, weights, center),)

        n_outputs = n_models * n_rows_of_W**2 * n_columns
        (total,) = self.rows.map_sum(block_sum, n_outputs=n_outputs)
        blocks = total.view(n_models, n_rows_of_W, n_rows_of_W, n_columns, n_columns)
        hessian = blocks.transpose(2, 3).reshape(n_models, n_rows_of_W * n_columns, -1)
        hessian = hessian / self.total_weight[:, None, None]
        hessian.diagonal(dim1=1, dim2=2).add_(self.shrinkage.expand_as(W).flatten(1))
        return hessian

    @cached_property
    def ridge(self) -> Tensor:
        """The weight (M,) of the L2 penalty."""
        return self.alpha * (1.0 - self.l1_ratio)

    @cached_property
    def has_l1(self) -> bool:
        """Whether any model has an L1 penalty."""
        return bool((self.alpha * self.l1_ratio).any())

    @cached_property
    def shrinkage(self) -> Tensor:
        """The L2 penalty's weight on each column (M, 1, D), 0 for the intercept."""
        return self.ridge[:, None, None] * self.is_penalized

    @cached_property
    def threshold(self) -> Tensor:
        """The L1 penalty's weight on each column (M, 1, D), 0 for the intercept."""
        return (self.alpha * self.l1_ratio)[:, None, None] * self.is_penalized

    @cached_property
    def is_penalized(self) -> Tensor:
        """Ones (D,), and 0 for the intercept."""
        per_column = self.alpha.new_ones(self.weights_shape[-1])
        if self.fit_intercept:
            per_column[-1] = 0.0
        return per_column

    def without_shift(self, W: Tensor) -> Tensor:
        """Return the weights (M, K, D) of the same models whose mean over classes is 0."""
        # Softmax does not see what all classes have in common, and an L2 penalty is lowest
        # without; an L1 penalty itself decides on it.
        if W.shape[1] == 1:
            return W
        shift = W.mean(1, keepdim=True)
        return W - (torch.where(self.threshold == 0, shift, 0.0) if self.has_l1 else shift)

    def penalty(self, W: Tensor) -> Tensor:
        """Return the penalty (M,)."""
        return 0.5 * (self.shrinkage * W * W).sum((1, 2)) + self.l1_penalty(W)

    def l1_penalty(self, W: Tensor) -> Tensor:
        """Return the L1 part of the penalty (M,)."""
        if not self.has_l1:
            return torch.zeros_like(self.alpha)
        return (self.threshold * W.abs()).sum((1, 2))

    def l1_change(self, W: Tensor, direction: Tensor) -> Tensor:
        """Return the change (M,) of `l1_penalty` from ``W`` to ``W + direction``."""
        if not self.has_l1:
            return torch.zeros_like(self.alpha)
        # Not the difference of two sums: near the optimum it would be their rounding.
        end = W + direction
        by_weight = torch.where(W * end > 0, W.sign() * direction, end.abs() - W.abs())
        return (self.threshold * by_weight).sum((1, 2))

    def subgradient(self, W: Tensor, grad: Tensor) -> Tensor:
        """Return the smallest subgradient (M, K, D) at ``W``: zeros at the optimum alone.

        ``grad`` is the gradient there. It is the gradient itself where there is no L1 penalty.
        """
        return smallest_subgradient(W, grad, self.threshold) if self.has_l1 else grad

    def violation(self, W: Tensor, grad: Tensor) -> Tensor:
        """Return the largest entry (M,) of the `subgradient`, by size: what ``tol`` bounds."""
        return self.subgradient(W, self.grad_of_raw(grad)).abs().amax((1, 2))

    def grad_of_raw(self, grad: Tensor) -> Tensor:
        """Return the gradient (..., D) by the weights of features before they are centred.

        What ends a fit is the gradient of the features as they are given, as in scikit-learn.
        """
        center = self.rows.center
        if center is None:
            return grad
        by_W, by_b = grad[..., :-1], grad[..., -1:]
        return torch.cat([by_W + by_b * center, by_b], dim=-1)


def smallest_subgradient(W: Tensor, grad: Tensor, threshold: Tensor) -> Tensor:
    """Return the smallest subgradient of a function plus an L1 penalty of weight ``threshold``."""
    slope = torch.addcmul(grad, threshold, W.sign())
    # At 0 the penalty's slope is anything from -threshold to threshold.
    return torch.where(W == 0, soft_threshold(slope, threshold), slope)


def soft_threshold(W: Tensor, threshold: Tensor) -> Tensor:
    """Return ``W`` moved towards 0 by ``threshold``, and 0 where it is no further than that."""
    return W - W.clamp(-threshold, threshold)


# Less than a millionth of the weight counts as a millionth: no class starts at minus infinity.
MIN_CLASS_SHARE = 1e-6


def constant_model(objective: PenalizedNLL) -> Tensor:
    """Return the weights (M, K, D) of the best model that ignores X: log class frequencies.

    Where there is no intercept, zeros. Adam moves an intercept by its learning rate a step, so
    from zero it would spend the first thousands of steps on rare classes alone.
    """
    W = objective.alpha.new_zeros(objective.weights_shape)
    if not objective.fit_intercept:
        return W
    n_classes, sum_dtype = objective.n_classes, W.dtype

    def class_weights(_X: Block, codes: Tensor, weights: Tensor) -> tuple[Tensor]:
        counts = weights.new_zeros(n_classes, weights.shape[1], dtype=sum_dtype)
        return (counts.index_add_(0, codes, weights.to(sum_dtype)),)

    (counts,) = objective.rows.map_sum(class_weights)  # (classes, F)
    log_share = (counts / counts.sum(0)).clamp(min=MIN_CLASS_SHARE).log().T  # (F, classes)
    log_share = log_share[objective.fold]
    if objective.n_classes == 2:
        W[:, 0, -1] = log_share[:, 1] - log_share[:, 0]
    else:
        # Centred: of all equal models the one that an unpenalised fit from zero would find.
        W[..., -1] = log_share - log_share.mean(1, keepdim=True)
    return W


def evaluate(W: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """Return the weighted mean NLL and accuracy, scalars, of one model ``W`` (K, D).

    The rows have the weights of one fold, (N, 1).
    """
    # Validation rows may be elsewhere than those that are fitted.
    W_block = W.to(rows.placement.device, rows.placement.dtype)
    sum_dtype = rows.placement.sum_dtype

    def block_sums(X: Block, codes: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        log_p = log_proba(scores(X, W_block))  # (classes, B)
        nll = -log_p.gather(0, codes[None])[0]
        weights = weights[:, 0]
        hit = (log_p.argmax(0) == codes).to(weights.dtype)
        return tuple(
            column.sum(dtype=sum_dtype) for column in (weights * nll, weights * hit, weights)
        )

    nll, hits, total = rows.map_sum(block_sums, n_outputs=2 * len(W))
    return nll / total, hits / total
