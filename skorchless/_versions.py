"""What a bug report needs of a machine: versions, cores, devices, linear algebra.

Comparisons and the command line list the same versions.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("scikit-learn", "torch", "numpy", "scipy", "pandas", "joblib", "threadpoolctl")
OPTIONAL = ("pyarrow", "polars", "dask")
# What a user sets to decide how many threads there are and how they wait.
THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"),
)


def version_of(package: str) -> str:
    """Return the installed version of a package."""
    if package == "skorchless":
        from skorchless import __version__

        return __version__  # known in a checkout that is not installed, too
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def python_version() -> str:
    """Return Python's version, and which Python it is."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def show_versions() -> None:
    """Print what a bug report needs: versions, cores, devices and linear algebra.

    See Also
    --------
    sklearn.show_versions : The same of scikit-learn alone.

    Notes
    -----
    Nothing is measured, and nothing is set: it only loads the packages that it names. No path is
    printed, so that the text can be pasted as it is.

    Examples
    --------
    >>> import skorchless
    >>> skorchless.show_versions()  # doctest: +ELLIPSIS
    skorchless      ...
    scikit-learn    ...
    torch           ...
    """
    lines = [*_versions(), ("", ""), *_machine(), ("", ""), *_linear_algebra()]
    width = max(len(name) for name, _ in lines) + 3
    print("\n".join(f"{name:{width}}{value}".rstrip() for name, value in lines))  # noqa: T201


def _versions() -> Iterator[tuple[str, str]]:
    """Yield each package with its version, and Python."""
    for package in ("skorchless", *PACKAGES, *OPTIONAL):
        yield package, version_of(package)
    yield "Python", python_version()


def _machine() -> Iterator[tuple[str, str]]:
    """Yield the system, its cores and devices, and what the environment says of threads."""
    import torch

    from skorchless._cores import n_usable_cores
    from skorchless._engine.placement import available_devices

    yield "system", platform.platform()
    yield "cores", f"{os.cpu_count()}, of which this process may use {n_usable_cores()}"
    yield "devices", ", ".join(available_devices())
    yield "torch's CUDA", str(torch.version.cuda or "none")
    for index in range(torch.cuda.device_count()):
        yield f"cuda:{index}", torch.cuda.get_device_name(index)
    for name in THREAD_VARIABLES:
        if name in os.environ:
            yield name, os.environ[name]


def _linear_algebra() -> Iterator[tuple[str, str]]:
    """Yield torch's BLAS and instructions, and the thread pools that are loaded."""
    import sklearn.linear_model  # noqa: F401, for the pools that it loads
    import torch
    from threadpoolctl import threadpool_info

    blas = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    capability = torch.backends.cpu.get_cpu_capability()
    yield "torch's BLAS", f"{blas[1] if blas else 'unknown'}, {capability}"
    yield "torch's threads", str(torch.get_num_threads())
    for pool in threadpool_info():
        words = (pool["internal_api"], pool["version"], pool.get("architecture"))
        known = " ".join(word for word in words if word)
        yield pool["prefix"], f"{known}, {pool['num_threads']} threads"
