"""What is minimised: the penalised negative log-likelihood (NLL) of M models that share rows.

The solvers call it, and so do estimators, for first weights and validation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from skorchless._engine.costs import Costs
from skorchless._engine.nll import NLL, NLLAndGrad, log_proba, n_weight_rows
from skorchless._engine.products import Block, logits
from skorchless._engine.records import SHARED, take_models
from skorchless._engine.rows.memory import Rows


@dataclass(frozen=True)
class PenalizedNLL:
    r"""The mean weighted NLL plus an elastic net penalty on everything but the intercept.

    .. math::
        f_m(W) = \frac{\sum_i s_{if}\, \mathrm{nll}_i(W)}{\sum_i s_{if}}
                 + \alpha_m \Big(\frac{1 - \rho_m}{2} \lVert W \rVert_2^2
                 + \rho_m \lVert W \rVert_1\Big), \quad f = \mathrm{fold}(m)

    Gradients are those of all but the L1 penalty, which has none where a weight is 0;
    `subgradient` adds it. With a ``mean`` weights are those of centred features, where intercept
    and coefficients hardly interact: ``W x + b = W (x - mean) + (b + W mean)``. X itself is not
    changed, so that a sparse one stays sparse.

    Tensors are of the dtype of sums, but for ``fold`` and ``label``.
    """

    rows: Rows  # with two columns: the label codes (N, L) and the row weights s (N, F)
    n_classes: int
    fit_intercept: bool
    alpha: Tensor  # (M,), the penalty per unit of weight, 1 / (C * sum_i s_i)
    l1_ratio: Tensor  # (M,), the share of the L1 penalty in it
    total_weight: Tensor  # (M,)
    fold: Tensor  # (M,) of int64, which column of row weights each model has
    label: Tensor  # (M,) of int64, which column of label codes each model has
    # (P,) of the features as `rows` gives them; None: weights are those of these features.
    mean: Tensor | None = field(default=None, metadata=SHARED)
    # (P,) as `find_dummies` gives them: W is kept free of what they have in common.
    dummies: Tensor | None = field(default=None, metadata=SHARED)
    # (M, classes), the share of each class in the weight of a model's rows; None: not known yet.
    shares: Tensor | None = None

    @cached_property
    def nll(self) -> NLL:
        """The NLL of a block of rows: the objective without the data and the penalty."""
        sum_dtype = self.rows.placement.sum_dtype
        return NLL(self.n_classes, self.fit_intercept, self.fold, self.label, sum_dtype)

    @property
    def costs(self) -> Costs:
        """What operations cost where the rows are."""
        return self.rows.placement.costs

    @property
    def weights_shape(self) -> tuple[int, int, int]:
        """The shape (M, K, D) of the weights."""
        n_columns = self.rows.n_features + int(self.fit_intercept)
        return (self.alpha.shape[0], n_weight_rows(self.n_classes), n_columns)

    @cached_property
    def folds(self) -> Tensor:
        """The folds (F',) of these models, in order."""
        return torch.unique(self.fold) if len(self.fold) > 1 else self.fold

    def take(self, models: Tensor) -> PenalizedNLL:
        """Return the objective of ``models``, an index into all M, on the same rows."""
        return take_models(self, models)

    def centered(self, mean: Tensor | None) -> PenalizedNLL:
        """Return the objective by the weights of features centred by ``mean`` (P,)."""
        return replace(self, mean=mean)

    def of_own_rows(self) -> PenalizedNLL:
        """Return the objective of the rows alone that have a weight in a fold of these models."""
        folds = self.folds

        def has_weight(_X: Block, _codes: Tensor, weights: Tensor) -> Tensor:
            return weights[:, folds].any(1)

        index = self.rows.map_rows(has_weight, values_per_row=1).nonzero()[:, 0]
        return replace(self, rows=self.rows.subset(index))

    def select_features(self, features: Tensor) -> PenalizedNLL:
        """Return the objective of ``features`` (P',) alone: all other weights are 0."""
        if len(features) == self.rows.n_features:
            return self
        mean = None if self.mean is None else self.mean[features]
        return replace(self, rows=self.rows.select_features(features), mean=mean, dummies=None)

    def value_and_grad(self, W: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values (M,) and the gradients (M, K, D), from one pass over the rows."""
        sums = NLLAndGrad(self.nll, self.of_block(W))
        loss, total = self.rows.map_sum(sums, values_per_row=W.shape[0] * W.shape[1])
        return self._with_penalty(W, loss, total)

    def value_and_grad_at(self, W: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `value_and_grad` does, in the dtype of X, at known ``logits`` (M, K, N)."""
        nll = self.nll

        def sums(X: Block, codes: Tensor, weights: Tensor, of_rows: Tensor) -> tuple[Tensor, ...]:
            return nll.sum_and_grad_at(_of_models(of_rows, W), X, codes, weights)

        rows, n_values = self.rows.beside(_of_rows(logits)), W.shape[0] * W.shape[1]
        return self._with_penalty(W, *rows.map_sum(sums, n_values, keeps_dtype=True))

    def _with_penalty(self, W: Tensor, loss: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Return value and gradient from the sums of rows, by weights of the rows as they are."""
        grad = self.grad_of_block(grad.div_(self.total_weight.to(W.dtype)[:, None, None]))
        return loss / self.total_weight + self.penalty(W), self.add_shrinkage(grad, W)

    def logits(self, W: Tensor) -> Tensor:
        """Return the logits (M, K, N) of all rows, from one pass over them."""
        nll, of_block = self.nll, self.of_block(W)

        def logits_of(X: Block, *_columns: Tensor) -> Tensor:
            return _of_rows(nll.logits(of_block, X))

        of_rows = self.rows.map_rows(logits_of, values_per_row=W.shape[0] * W.shape[1])
        return _of_models(of_rows, W)

    def row_curvature(self, logits: Tensor) -> Tensor:
        """Return what `hvp_of_change` needs of the rows, whose ``logits`` are (M, K, N)."""
        nll = self.nll
        total_weight = self.total_weight[:, None, None].to(logits.dtype)

        def curvature_of(_X: Block, _codes: Tensor, weights: Tensor, of_rows: Tensor) -> Tensor:
            curvature = nll.row_curvature(_of_models(of_rows, logits), weights)
            return _of_rows(curvature / total_weight)

        rows = self.rows.beside(_of_rows(logits))
        of_rows = rows.map_rows(curvature_of, values_per_row=logits.shape[0] * logits.shape[1])
        return _of_models(of_rows, logits)

    def hvp_of_change(self, change: Tensor, row_curvature: Tensor) -> Tensor:
        """Return the products (M, K, D) of the Hessians of the NLL with a direction.

        ``change`` (M, K, N) is by how much a step along it changes the logits.
        """
        nll = self.nll
        residual = nll.residual_change(change.flatten(0, 1), row_curvature.flatten(0, 1))

        def sums(X: Block, *columns: Tensor) -> tuple[Tensor]:
            return (nll.weighted_sum(X, columns[-1].T),)

        rows = self.rows.beside(residual.T)
        (total,) = rows.map_sum(sums, values_per_row=len(residual), keeps_dtype=True)
        return self.grad_of_block(total.view(*change.shape[:2], -1))

    def along(self, W: Tensor, direction: Tensor, steps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return values (M, T) along a direction, and slopes and curvatures of the smooth part.

        They are those at ``W + steps[:, t] * direction`` for the ``steps`` (M, T). The products
        with X are two, whatever T is: that of ``W`` and that of ``direction``.
        """
        W, direction = W.to(self.alpha.dtype), direction.to(self.alpha.dtype)
        nll, of_block = self.nll, self.of_block(torch.cat([W, direction], dim=1))
        t = steps.to(of_block.dtype)

        def sums(X: Block, codes: Tensor, weights: Tensor) -> tuple[Tensor]:
            return (nll.along(of_block, t, X, codes, weights),)

        (total,) = self.rows.map_sum(sums, values_per_row=2 * W.shape[0] * W.shape[1])  # (3, M, T)
        value, slope, curvature = total / self.total_weight[:, None]
        shrunk = self.shrinkage * direction
        constant, quadratic = (dot(shrunk, other)[:, None] for other in (W, direction))
        at_W = 0.5 * dot(self.shrinkage * W, W)[:, None]
        value = value + at_W + steps * (constant + 0.5 * steps * quadratic)
        if self.has_l1:
            each = [self.l1_penalty(W + step * direction) for step in steps.T[..., None, None]]
            value = value + torch.stack(each, dim=1)
        return value, slope + constant + steps * quadratic, curvature + quadratic

    def of_block(self, W: Tensor) -> Tensor:
        """Return the weights (M, K, D) of features as the rows give them, in their dtype."""
        dtype = self.rows.placement.dtype
        if self.mean is None:
            return W.to(dtype)
        of_block = W.to(dtype, copy=True)
        shift = W.flatten(0, 1) @ self._minus_mean.to(W.dtype)
        of_block[..., -1] = W[..., -1] + shift.view(W.shape[:2])
        return of_block

    def grad_of_block(self, grad: Tensor) -> Tensor:
        """Return the gradient (..., D) by weights from that by those of `of_block`, in place."""
        if self.mean is None:
            return grad
        return grad.addcmul_(grad[..., -1:].clone(), self._minus_mean.to(grad.dtype))

    @cached_property
    def _minus_mean(self) -> Tensor:
        """Minus the mean of each column (D,), 0 for the intercept."""
        assert self.mean is not None  # noqa: S101
        return torch.nn.functional.pad(-self.mean, (0, 1))

    def nll_and_grad_by(self, part: PenalizedNLL, W_part: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean NLL (M,) and its gradient (M, K, D) at weights (M, K, D') of ``part``.

        All other weights are 0: the logits need ``part`` alone, and X takes one product, not two.
        """
        nll, W_block = self.nll, part.of_block(W_part)

        def sums(X: Block, codes: Tensor, weights: Tensor, X_part: Block) -> tuple[Tensor, ...]:
            return nll.sum_and_grad(W_block, X, codes, weights, X_part)

        rows = self.rows.beside(part.rows)
        loss, grad = rows.map_sum(sums, values_per_row=W_part.shape[0] * W_part.shape[1])
        grad.div_(self.total_weight[:, None, None])
        return loss / self.total_weight, self.grad_of_block(grad)

    def hessian(self, W: Tensor) -> Tensor:
        """Return the Hessians (M, K * D, K * D), from one pass over the rows."""
        nll, W_block = self.nll, self.of_block(W)
        mean = None if self.mean is None else self.mean.to(W_block.dtype)

        def sums(X: Block, _codes: Tensor, weights: Tensor) -> tuple[Tensor]:
            return (nll.hessian(nll.proba(W_block, X), X, weights, mean),)

        values_per_row = W.shape[0] * W.shape[1] ** 2 * W.shape[2]
        (total,) = self.rows.map_sum(sums, values_per_row=values_per_row)  # (M, K, K, D, D)
        n_weights = W.shape[1] * W.shape[2]
        hessian = total.transpose(2, 3).reshape(len(W), n_weights, n_weights)
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

    def add_shrinkage(self, grad: Tensor, W: Tensor) -> Tensor:
        """Return ``grad`` (M, K, D) with that of the L2 penalty at ``W`` added, in place."""
        features, ridge = slice(self.rows.n_features), self.ridge.to(W.dtype)
        grad[..., features].addcmul_(ridge[:, None, None], W[..., features])
        return grad

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

    def center_over_classes(self, W: Tensor) -> Tensor:
        """Return the weights (M, K, D) of the same models whose mean over classes is 0."""
        # Softmax does not change with what is added to all classes, and an L2 penalty is lowest at
        # a mean of 0; an L1 penalty has its own optimum.
        if W.shape[1] == 1:
            return W
        shift = W.mean(1, keepdim=True)
        return W - (torch.where(self.threshold == 0, shift, 0.0) if self.has_l1 else shift)

    def center_over_dummies(self, W: Tensor) -> Tensor:
        """Return the weights (M, K, D) of the same models whose mean over dummies is 0.

        By the weights of centred features, whose intercept stays as it is.
        """
        if self.dummies is None:
            return W
        coef, intercept = W[..., : len(self.dummies)], W[..., len(self.dummies) :]
        sizes = self._category_sizes
        sums = W.new_zeros(*W.shape[:2], len(sizes)).index_add_(2, self.dummies, coef)
        means = sums / sizes
        means[..., 0] = 0.0  # of features that are no dummies
        return torch.cat([coef - means[..., self.dummies], intercept], dim=-1)

    @cached_property
    def _category_sizes(self) -> Tensor:
        """How many dummies each category has, at least 1; the first are no dummies."""
        # Once: each step centres its direction, and a GPU has to wait for the count.
        assert self.dummies is not None  # noqa: S101
        return torch.bincount(self.dummies).clamp(min=1)

    def penalty(self, W: Tensor) -> Tensor:
        """Return the penalty (M,)."""
        features = W[..., : self.rows.n_features]
        l2_penalty = 0.5 * self.ridge * torch.linalg.vecdot(features, features).sum(1)
        return l2_penalty + self.l1_penalty(W) if self.has_l1 else l2_penalty

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
        """Return the smallest subgradient (M, K, D), ``grad`` where there is no L1 penalty."""
        return smallest_subgradient(W, grad, self.threshold) if self.has_l1 else grad

    def violation(self, W: Tensor, grad: Tensor) -> Tensor:
        """Return the largest absolute entry (M,) of the `subgradient`, which ``tol`` bounds."""
        largest = self.subgradient(W, self.grad_of_raw(grad)).abs().amax((1, 2))
        return largest.to(self.alpha.dtype)

    def grad_of_raw(self, grad: Tensor) -> Tensor:
        """Return the gradient (..., D) of features as they are given, which ends a fit."""
        if self.center is None:
            return grad
        return torch.addcmul(grad, grad[..., -1:], self.center.to(grad.dtype))

    def centred_tol(self, tol: float) -> float:
        """Return how small a centred gradient is, that of raw features being within ``tol``."""
        # The intercept's counts there once more for each unit of a feature's mean.
        return tol / (1.0 + self.largest_center)

    @cached_property
    def center(self) -> Tensor | None:
        """What columns (D,) are centred by: that of the rows as they are read, and the mean."""
        center = torch.zeros_like(self.is_penalized)
        parts = [part for part in (self.rows.center, self.mean) if part is not None]
        for part in parts:
            center[:-1] += part
        return center if parts else None

    @property
    def largest_center(self) -> float:
        """The largest absolute value that a column is centred by."""
        return 0.0 if self.center is None else float(self.center.abs().max())


def _of_rows(of_models: Tensor) -> Tensor:
    """Return logits or the like (M, K, B) as a column of rows (B, M * K)."""
    return of_models.flatten(0, 1).T


def _of_models(of_rows: Tensor, like: Tensor) -> Tensor:
    """Return a column of rows (B, M * K) by model and class, as those of ``like`` are."""
    return of_rows.T.view(*like.shape[:2], -1)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner products (M,) of weights (M, K, D)."""
    return torch.linalg.vecdot(a, b).sum(1)


def weights_of_centred(W: Tensor, mean: Tensor | None) -> Tensor:
    """Return the weights (..., D) of features centred by ``mean`` that predict as ``W`` does."""
    if mean is None:
        return W
    intercept = W[..., -1] + W[..., :-1] @ mean
    return torch.cat([W[..., :-1], intercept[..., None]], dim=-1)


def weights_of_raw(W: Tensor, mean: Tensor | None) -> Tensor:
    """Return the weights (..., D) of features as they are that predict as ``W`` does."""
    return W if mean is None else weights_of_centred(W, -mean)


def smallest_subgradient(W: Tensor, grad: Tensor, threshold: Tensor) -> Tensor:
    """Return the smallest subgradient of a function plus an L1 penalty of weight ``threshold``."""
    slope = torch.addcmul(grad, threshold, W.sign())
    # At 0 the penalty's slope is anything from -threshold to threshold.
    return torch.where(W == 0, soft_threshold(slope, threshold), slope)


def soft_threshold(W: Tensor, threshold: Tensor) -> Tensor:
    """Return ``W`` moved towards 0 by ``threshold``, and 0 where it is no larger."""
    return W - W.clamp(-threshold, threshold)


# A choice: smaller shares of the weight count as this, so that no log is minus infinity.
MIN_CLASS_SHARE = 1e-6


def class_shares(objective: PenalizedNLL) -> Tensor:
    """Return the share (M, classes) of each class in the weight of a model's rows."""
    if objective.shares is not None:
        return objective.shares
    n_classes, sum_dtype = objective.n_classes, objective.alpha.dtype
    # Models of other penalties have the same samples.
    samples, of_model = torch.unique(
        torch.stack([objective.fold, objective.label]), dim=1, return_inverse=True
    )
    fold, label = samples

    def class_weights(_X: Block, codes: Tensor, weights: Tensor) -> tuple[Tensor]:
        of_models = weights.T.index_select(0, fold).to(sum_dtype)
        codes = codes.T.index_select(0, label)
        if n_classes == 2:
            ones = (of_models * codes).sum(1)
            return (torch.stack([of_models.sum(1) - ones, ones], dim=1),)
        pairs = zip(codes, of_models, strict=True)
        return (torch.stack([torch.bincount(*pair, n_classes) for pair in pairs]),)

    (counts,) = objective.rows.map_sum(class_weights)  # (samples, classes)
    return (counts / counts.sum(1, keepdim=True))[of_model]


def intercept_only_weights(objective: PenalizedNLL) -> Tensor:
    """Return the weights (M, K, D) of the best model that ignores X: log class frequencies.

    Where there is no intercept, zeros. Adam moves an intercept by its learning rate a step, so
    from zero it would spend the first thousands of steps on rare classes alone.
    """
    W = np.zeros(objective.weights_shape)
    if objective.fit_intercept:
        log_share = np.log(np.maximum(class_shares(objective).cpu().numpy(), MIN_CLASS_SHARE))
        if objective.n_classes == 2:
            W[:, 0, -1] = log_share[:, 1] - log_share[:, 0]
        else:
            # Centred: of all equal models the one that an unpenalised fit from zero would find.
            W[..., -1] = log_share - log_share.mean(1, keepdims=True)
    return torch.from_numpy(W).to(objective.alpha)


def evaluate(W: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """Return the weighted mean NLL and accuracy, scalars, of models ``W`` (L, K, D) of L labels.

    A row is a hit where all its labels are. The rows have the weights of one fold, (N, 1).
    """
    # Validation rows may be on another device than those that are fitted.
    W_block = W.to(rows.placement.device, rows.placement.dtype)
    sum_dtype = rows.placement.sum_dtype

    def block_sums(X: Block, codes: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        of_labels = logits(X, W_block.flatten(0, 1)).view(*W.shape[:2], -1)
        log_p = log_proba(of_labels)  # (L, classes, B)
        codes = codes.T.long()[:, None]
        nll = -log_p.gather(1, codes).mean(0)[0]
        weights = weights[:, 0]
        hit = (log_p.argmax(1, keepdim=True) == codes).all(0)[0].to(weights.dtype)
        return tuple(each.sum(dtype=sum_dtype) for each in (weights * nll, weights * hit, weights))

    nll, hits, total = rows.map_sum(block_sums, values_per_row=2 * W.shape[0] * W.shape[1])
    return nll / total, hits / total
