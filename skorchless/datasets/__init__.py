"""Loaders: tables of files, and MNIST from its own four files or from the course's pickle."""

from skorchless.datasets._mnist import fetch_mnist
from skorchless.datasets._mnist_pickle import load_mnist_pickle
from skorchless.datasets._table import read_table

__all__ = ["fetch_mnist", "load_mnist_pickle", "read_table"]
