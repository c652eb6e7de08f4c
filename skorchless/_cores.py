"""How many cores a call may use: estimators and the tasks of a cluster ask here.

The engine's workers take them; see `_engine.rows.workers`.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, TypeVar

import joblib

from skorchless._engine.rows.workers import sharing

Method = TypeVar("Method", bound=Callable[..., Any])


def shared_among_cores(method: Method) -> Method:
    """Return ``method`` with its work shared among worker threads, one for each usable core.

    Until it returns, torch has one thread in the calling thread. So it finishes in a forked
    process too, where torch would wait forever for threads that only the parent has.
    """

    @wraps(method)
    def with_workers(*args: Any, **kwargs: Any) -> Any:
        with sharing(n_usable_cores):
            return method(*args, **kwargs)

    return with_workers  # type: ignore[return-value]


def n_usable_cores() -> int:
    """Return how many cores the calling thread may use, at least one.

    By affinity and a container's quota, as joblib reads them, divided among a pool's workers.
    """
    n_cores: int = joblib.cpu_count()
    if distributed := sys.modules.get("distributed"):
        with suppress(ValueError):  # as a worker of Dask, which runs so many tasks at once
            return max(1, n_cores // distributed.get_worker().state.nthreads)
    # Workers of multiprocessing's pools, joblib's among them, are daemons. Workers of loky,
    # joblib's default, get their share as OMP_NUM_THREADS, which torch has read.
    return 1 if multiprocessing.current_process().daemon else n_cores
