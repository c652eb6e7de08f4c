"""What a forked process needs: no more than one thread. The doors' methods are wrapped by it.

The threads of GNU OpenMP, which torch's Linux builds use, do not survive a fork. A child that asks
for them, because its parent had some, waits without an end.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

Method = TypeVar("Method", bound=Callable[..., Any])

PARENT = os.getpid()


def fork_safe(method: Method) -> Method:
    """Return ``method`` so that in a process that was forked it runs on one thread."""

    @wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        with _one_thread_in_a_child():
            return method(*args, **kwargs)

    return guarded  # type: ignore[return-value]


def _one_thread_in_a_child() -> AbstractContextManager[Any]:
    """Return a limit of one thread where this process was forked since the import, else none."""
    if os.getpid() == PARENT:
        return nullcontext()
    # Of this process alone, and taken back; one thread is also all that a worker beside others
    # should have.
    return threadpool_limits(1, user_api="openmp")
