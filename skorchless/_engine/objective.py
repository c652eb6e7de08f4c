"""What is minimised: the penalised negative log-likelihood (NLL) of M models that share rows.

The solvers call it. The binary case is settled here and nowhere else: two classes have one row
of weights (K = 1) and a logistic loss, because two softmax rows with an L2 penalty are another
model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from skorchless._engine.rows import Block, Rows


def n_weight_rows(n_classes: int) -> int:
    """Return K, the rows of weights that ``n_classes`` need."""
    return 1 if n_classes == 2 else n_classes


def log_proba(scores: Tensor) -> Tensor:
    """Return the log-probabilities (..., K, B) of ``scores``; (..., 2, B) where K = 1."""
    if scores.shape[-2] == 1:
        scores = torch.cat([torch.zeros_like(scores), scores], dim=-2)
    return torch.log_softmax(scores, dim=-2)


def _binary_nll_and_residual(
    scores: Tensor, codes: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the weighted NLL (..., 1, B) and its derivative by the scores (..., 1, B)."""
    targets = codes.to(scores.dtype)
    nll = torch.nn.functional.softplus(scores) - targets * scores
    return nll.mul_(weights), (torch.sigmoid(scores) - targets).mul_(weights)


def _multinomial_nll_and_residual(
    scores: Tensor, codes: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the weighted NLL (..., 1, B) and its derivative by the scores (..., K, B)."""
    log_p = torch.log_softmax(scores, dim=-2)
    minus_weights = -weights
    nll = log_p.gather(-2, codes).mul_(minus_weights)
    # Weights times (softmax minus one-hot), with no one-hot matrix.
    return nll, log_p.exp_().mul_(weights).scatter_add_(-2, codes, minus_weights)


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

    @property
    def weights_shape(self) -> tuple[int, int, int]:
        """The shape (M, K, D) of the weights."""
        n_columns = self.rows.n_features + int(self.fit_intercept)
        return (len(self.alpha), n_weight_rows(self.n_classes), n_columns)

    def take(self, models: Tensor) -> PenalizedNLL:
        """Return the objective of ``models``, an index into all M, on the same rows."""
        return replace(
            self,
            alpha=self.alpha[models],
            l1_ratio=self.l1_ratio[models],
            total_weight=self.total_weight[models],
            fold=self.fold[models],
        )

    def select_features(self, features: Tensor) -> PenalizedNLL:
        """Return the objective of ``features`` (P',) alone: all other weights are 0."""
        if len(features) == self.rows.n_features:
            return self
        return replace(self, rows=self.rows.select_features(features))

    def value_and_grad(self, W: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values (M,) and the gradients (M, K, D), from one pass over the rows."""
        W_block = W.to(self.rows.placement.dtype)
        pattern: list[bool] = []
        part: tuple[Tensor, PenalizedNLL, Tensor]

        def block_sums(X: Block, codes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
            nonlocal pattern, part
            has_weight = [True] if weights.shape[1] == 1 else weights.any(0).tolist()  # (F,)
            if all(has_weight):
                return self.block_loss_and_grad(W_block, X, codes, weights)
            # Folds that have no weight here cost nothing: a sixth of the time for five folds of
            # rows that lie together, as those of an unshuffled KFold do; half for time series.
            if has_weight != pattern:
                pattern = has_weight
                models = torch.tensor(has_weight, device=W.device)[self.fold].nonzero()[:, 0]
                part = (models, self.take(models), W_block[models])
            models, objective, W_models = part
            loss = self.alpha.new_zeros(len(W))
            grad = torch.zeros_like(W_block)
            if len(models):
                sums = objective.block_loss_and_grad(W_models, X, codes, weights)
                loss[models], grad[models] = sums
            return loss, grad

        loss, grad = self.rows.map_sum(block_sums, n_outputs=W.shape[0] * W.shape[1])
        return self._penalized(W, loss, grad)

    def value_and_grad_by(
        self, part: PenalizedNLL, W_part: Tensor, W: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return `value_and_grad` of ``W``, whose weights but ``W_part`` of ``part`` are 0.

        The scores are those of few features: one product with all of X instead of two.
        """
        W_block = W_part.to(self.rows.placement.dtype)

        def block_sums(
            X: Block, codes: Tensor, weights: Tensor, X_part: Block
        ) -> tuple[Tensor, Tensor]:
            return self.block_loss_and_grad(W_block, X, codes, weights, X_part)

        rows = self.rows.beside(part.rows)
        loss, grad = rows.map_sum(block_sums, n_outputs=W.shape[0] * W.shape[1])
        return self._penalized(W, loss, grad)

    def _penalized(self, W: Tensor, loss: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Return the objective (M,) and its gradient from the sums over all rows."""
        penalty, penalty_grad = self.penalty_and_grad(W)
        return (
            loss / self.total_weight + penalty,
            grad / self.total_weight[:, None, None] + penalty_grad,
        )

    def block_loss_and_grad(
        self,
        W: Tensor,
        X: Block,
        codes: Tensor,
        weights: Tensor,
        X_of_W: Block | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the weighted NLL of one block, summed, (M,) and its gradient (M, K, D).

        ``X_of_W`` (B, P') are the features of ``W`` where they are not those of ``X``.
        """
        n_models, n_rows_of_W, _ = W.shape
        scores = self.rows.scores(X if X_of_W is None else X_of_W, W.flatten(0, 1))
        n_parts, _, n_rows = scores.shape
        scores = scores.view(n_parts, n_models, n_rows_of_W, n_rows)
        each = (n_parts, n_models, 1, n_rows)  # one number for each model and row
        codes = codes.view(n_parts, 1, 1, n_rows).expand(each)
        weights = self._of_models(weights).view(-1, n_parts, n_rows).transpose(0, 1)[:, :, None]
        nll, residual = self._nll_and_residual(scores, codes, weights)
        residual = residual.view(n_parts, n_models * n_rows_of_W, n_rows)
        grad = self.rows.weighted_sum(X, residual)
        if self.fit_intercept:
            grad = torch.cat([grad, residual.sum((0, 2))[:, None]], dim=1)
        loss = nll.sum((0, 2, 3), dtype=self.rows.placement.sum_dtype)
        return loss, grad.view(n_models, n_rows_of_W, -1)

    def minibatch_nll_and_grad(
        self, W: Tensor, X: Tensor, codes: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the weighted NLL (parts, 1, B) of each row and the gradient of the sum (K, D).

        Of one model ``W`` (parts, K, D), the same for each part, and rows ``X`` (parts, B, D)
        that have a one for the intercept; ``codes`` and ``weights`` are (parts, 1, B). With half
        the operations of `block_loss_and_grad`, each of which costs what a product does here.
        """
        nll, residual = self._nll_and_residual(torch.bmm(W, X.mT), codes, weights)
        grad, *others = torch.bmm(residual, X).unbind()
        for other in others:
            grad += other  # half the time of a sum over the first axis
        return nll, grad

    def _of_models(self, weights: Tensor) -> Tensor:
        """Return the weights (M, B) of each model's rows from those of folds (B, F)."""
        return weights.T.index_select(0, self.fold)

    def _nll_and_residual(
        self, scores: Tensor, codes: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the weighted NLL (..., 1, B) and its derivative by ``scores`` (..., K, B).

        ``codes`` and ``weights`` are (..., 1, B).
        """
        of_classes = (
            _binary_nll_and_residual if self.n_classes == 2 else _multinomial_nll_and_residual
        )
        return of_classes(scores, codes, weights)

    def hessian(self, W: Tensor) -> Tensor:
        """Return the Hessians (M, K * D, K * D), from one pass over the rows."""
        n_models, n_rows_of_W, n_columns = W.shape
        W_block = W.to(self.rows.placement.dtype)

        def block_sum(X: Block, _codes: Tensor, weights: Tensor) -> tuple[Tensor]:
            curvature = self._block_score_hessian(W_block, X, weights)  # (M, K, K, B)
            X = self.rows.dense(X)
            columns = torch.cat([X.T, X.new_ones(int(self.fit_intercept), len(X))])  # (D, B)
            weighted = curvature.flatten(0, 2)[:, None] * columns  # (M * K * K, D, B)
            return (weighted.flatten(0, 1) @ columns.T,)

        n_outputs = n_models * n_rows_of_W**2 * n_columns
        (total,) = self.rows.map_sum(block_sum, n_outputs=n_outputs)
        blocks = total.view(n_models, n_rows_of_W, n_rows_of_W, n_columns, n_columns)
        hessian = blocks.transpose(2, 3).reshape(n_models, n_rows_of_W * n_columns, -1)
        hessian = hessian / self.total_weight[:, None, None]
        hessian.diagonal(dim1=1, dim2=2).add_(self.shrinkage.expand_as(W).flatten(1))
        return hessian

    def _scores(self, W: Tensor, X: Block) -> Tensor:
        """Return the scores (M, K, B) of a block."""
        return self.rows.scores(X, W.flatten(0, 1)).transpose(0, 1).reshape(*W.shape[:2], -1)

    def _block_score_hessian(self, W: Tensor, X: Block, weights: Tensor) -> Tensor:
        """Return the weighted second derivatives (M, K, K, B) of each row's NLL by its scores."""
        scores = self._scores(W, X)
        weights = self._of_models(weights)[:, None]  # (M, 1, B)
        if self.n_classes == 2:
            p = torch.sigmoid(scores)
            return (p * (1.0 - p) * weights)[:, None]
        p = torch.softmax(scores, dim=1)
        curvature = -(p * weights)[:, None] * p[:, :, None]
        curvature.diagonal(dim1=1, dim2=2).add_((p * weights).mT)
        return curvature

    def block_curvature(self, W: Tensor, X: Block, weights: Tensor) -> Tensor:
        """Return the weighted second derivative (M, K, B) of each row's NLL by each score."""
        scores = self._scores(W, X)
        p = torch.sigmoid(scores) if self.n_classes == 2 else torch.softmax(scores, dim=1)
        return p * (1.0 - p) * self._of_models(weights)[:, None]

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
        return self.ridge[:, None, None] * self._is_penalized

    @cached_property
    def threshold(self) -> Tensor:
        """The L1 penalty's weight on each column (M, 1, D), 0 for the intercept."""
        return (self.alpha * self.l1_ratio)[:, None, None] * self._is_penalized

    @cached_property
    def _is_penalized(self) -> Tensor:
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

    def penalty_and_grad(self, W: Tensor) -> tuple[Tensor, Tensor]:
        """Return the penalty (M,) and the gradient (M, K, D) of its L2 part."""
        grad = self.shrinkage * W
        return 0.5 * (grad * W).sum((1, 2)) + self.l1_penalty(W), grad

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
        return self.subgradient(W, grad).abs().amax((1, 2))


def smallest_subgradient(W: Tensor, grad: Tensor, threshold: Tensor) -> Tensor:
    """Return the smallest subgradient of a function plus an L1 penalty of weight ``threshold``."""
    # At 0 the penalty's slope is anything from -threshold to threshold.
    return torch.where(W == 0, soft_threshold(grad, threshold), grad + threshold * W.sign())


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

    def class_weights(_X: Block, codes: Tensor, weights: Tensor) -> tuple[Tensor]:
        counts = W.new_zeros(objective.n_classes, weights.shape[1])
        return (counts.index_add_(0, codes, weights.to(W.dtype)),)

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
    W_block = W.to(rows.placement.dtype)

    def block_sums(X: Block, codes: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        scores = rows.scores(X, W_block).movedim(0, 1).flatten(1)
        log_p = log_proba(scores)  # (classes, B)
        nll = -log_p.gather(0, codes[None])[0]
        weights = weights[:, 0]
        hit = (log_p.argmax(0) == codes).to(weights.dtype)
        sum_dtype = rows.placement.sum_dtype
        return tuple(
            column.sum(dtype=sum_dtype) for column in (weights * nll, weights * hit, weights)
        )

    nll, hits, total = rows.map_sum(block_sums, n_outputs=2 * len(W))
    return nll / total, hits / total
