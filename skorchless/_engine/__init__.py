"""The engine, on torch, NumPy and SciPy: rows, the objective and its solvers; no scikit-learn.

Axis letters, the same everywhere in this folder:

=====  =====================================================================
N      rows (samples)
B      rows in one block, or in one minibatch
P      features (columns of X)
K      rows of weights: the number of classes, or 1 for two classes
M      models that share X and are solved together; 1 for a plain fit
D      columns of a weight row: P, or P + 1 when its last entry is the intercept
F      folds: columns of row weights, each shared by models; 1 for a plain fit
=====  =====================================================================

Weights are (M, K, D), values (M,), labels (N,) integer codes, row weights (N, F).
"""
