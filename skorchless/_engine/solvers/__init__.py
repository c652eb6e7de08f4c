"""The solvers: `full_batch` chooses a method, `minibatch` takes the steps of Adam or SGD."""
