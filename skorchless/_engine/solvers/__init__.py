"""The solvers, each in its own module; `base` says what they share.

`full_batch` descends by the directions of `newton` or `lbfgs`, `minibatch` takes Adam's or SGD's
steps.
"""
