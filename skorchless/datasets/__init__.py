"""The shelves: MNIST, from its own four files or from the course's pickle."""

from skorchless.datasets._mnist import fetch_mnist
from skorchless.datasets._mnist_pickle import load_mnist_pickle

__all__ = ["fetch_mnist", "load_mnist_pickle"]
