"""The solvers, each in its own module; `base` says what they share."""
