"""Tests of a fitted model's worth: what its score would be if the labels meant nothing."""

from skorchless.inference._permutation import permutation_test_score

__all__ = ["permutation_test_score"]
