"""The windows: what a fitted estimator looks like. They draw, and compute nothing."""

from skorchless.plotting._regularization_path import RegularizationPathDisplay

__all__ = ["RegularizationPathDisplay"]
