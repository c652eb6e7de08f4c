"""Fixtures of the whole suite. What needs data or a device skips with its reason."""

import os

# scipy reads it once, when it is first imported; scikit-learn's checks and the tests of
# `array_api_dispatch` need it.
os.environ["SCIPY_ARRAY_API"] = "1"

import pytest
import torch
from hypothesis import settings

# The same cases every time where changes are judged; new ones by `nox -s fuzz`. No deadline: the
# first case of a process also starts torch's threads.
settings.register_profile("ci", max_examples=40, deadline=None, derandomize=True, database=None)
settings.register_profile("fuzz", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile("ci")


@pytest.fixture(scope="session")
def mnist():
    """Return MNIST in the lecture's split, if its files are on this machine."""
    from skorchless.datasets import fetch_mnist

    try:
        return fetch_mnist(download_if_missing=False)
    except OSError as error:
        pytest.skip(f"MNIST is not on this machine: {error}")


@pytest.fixture
def set_torch_threads():
    """Return torch's function that sets a number of threads, which is taken back afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def cuda():
    """Return the first CUDA device, if there is one."""
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device on this machine")
    return torch.device("cuda:0")
