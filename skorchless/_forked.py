"""What a forked process needs: one torch thread. Estimators and the tasks of a cluster use it.

The threads of GNU OpenMP, which torch's Linux builds and their MKL use, do not survive a fork. The
thread that has forked still counts on them in the child, and a product that is to be shared with
them waits forever.
"""

from __future__ import annotations

import multiprocessing.context
import os
import threading
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any, TypeVar

import torch

Method = TypeVar("Method", bound=Callable[..., Any])

IMPORTED_IN = os.getpid()
# Linux sets it in a process that was forked and has not executed a program since (sched.h).
PF_FORKNOEXEC = 0x40


def fork_safe(method: Method) -> Method:
    """Return ``method`` so that in a forked process it runs on one torch thread."""

    @wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not _is_forked(os.getpid()) or not _has_forked_thread():
            return method(*args, **kwargs)
        n_threads = torch.get_num_threads()
        # Not threadpoolctl, which does not see the MKL that torch has linked statically.
        torch.set_num_threads(1)
        try:
            return method(*args, **kwargs)
        finally:
            torch.set_num_threads(n_threads)

    return guarded  # type: ignore[return-value]


def _has_forked_thread() -> bool:
    """Return whether the calling thread is a copy of one in the parent."""
    # Python calls that one the main thread. Threads that start later have OpenMP threads of
    # their own, and a limit that one of them takes back would be missing in the main thread.
    return threading.current_thread() is threading.main_thread()


@cache
def _is_forked(pid: int) -> bool:
    """Return whether this process, ``pid``, was forked and has not executed a program since."""
    if pid != IMPORTED_IN:
        return True
    # Forked before this package was imported. Where the kernel does not tell, as in a sandbox or
    # without Linux, multiprocessing knows its own children.
    fork_process = getattr(multiprocessing.context, "ForkProcess", ())
    return bool(_kernel_flags() & PF_FORKNOEXEC) or isinstance(
        multiprocessing.current_process(), fork_process
    )


def _kernel_flags() -> int:
    """Return the kernel's flags of this process, see proc(5); 0 where there are none."""
    try:
        stat = Path("/proc/self/stat").read_text()
    except OSError:
        return 0
    # The name of the program comes before, in parentheses, and may hold anything.
    return int(stat.rpartition(")")[2].split()[6])
