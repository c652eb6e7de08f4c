"""Worker threads that share independent items of work; each computes with one torch thread.

`rows` hands them its blocks, `hessian_approximation` its classes. When torch itself shares a
product among threads, each of them spins until the slowest is done; beside other processes the
slowest may not be running. Worker threads wait, asleep, for the end of all items alone.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from typing import Any, Generic, TypeVar

import torch

# The size of a slice that is read or written once: to write 4 MB of new memory, which the system
# has to clear first, takes 1 ms.
SLICE_BYTES = 2**22

Item = TypeVar("Item")
Result = TypeVar("Result")


def _library_function(name: str) -> Callable[[int], int] | None:
    """Return a function of the libraries that torch is linked with, None where there is none."""
    # PyDLL keeps Python's lock, because the calls take less than a microsecond.
    return getattr(ctypes.PyDLL(torch._C.__file__), name, None)


# Both are settings of the calling thread alone. torch.set_num_threads is a setting of all threads
# that start later too, and threadpoolctl does not see the MKL that torch has linked statically.
_set_openmp_threads = _library_function("omp_set_num_threads") or torch.set_num_threads
_set_mkl_threads = _library_function("MKL_Set_Num_Threads_Local") or (lambda _: 0)


def _become_worker() -> None:
    """Set a new thread to one torch thread, for as long as it lives."""
    torch.get_num_threads()
    _set_mkl_threads(1)
    _set_openmp_threads(1)


class _Sharing(threading.local):
    """How many workers a thread may share its work with, itself among them; None: not shared."""

    count_workers: Callable[[], int] | None = None


_sharing = _Sharing()


@contextmanager
def sharing(count_cores: Callable[[], int]) -> Iterator[None]:
    """Compute with one torch thread in the calling thread, and let `share` take workers.

    As many as torch had threads, and no more than ``count_cores`` returns, which is called when
    work is first shared. An inner context has no effect.
    """
    if _sharing.count_workers is not None:
        yield
        return
    n_threads = torch.get_num_threads()  # before: it makes torch set up a thread that is new to it
    n_mkl_threads = _set_mkl_threads(1)  # 0: MKL goes by a setting of the process
    _set_openmp_threads(1)
    _sharing.count_workers = cache(lambda: min(n_threads, count_cores()))
    try:
        yield
    finally:
        _sharing.count_workers = None
        _set_openmp_threads(n_threads)
        _set_mkl_threads(n_mkl_threads)


def n_workers() -> int:
    """Return how many threads share work now, the calling one among them."""
    return 1 if _sharing.count_workers is None else _sharing.count_workers()


def share(
    function: Callable[[Item], Result], items: Sequence[Item], max_ahead: int
) -> Iterator[Result]:
    """Yield what ``function`` returns for each item, in their order.

    At most ``max_ahead`` items beyond the one that is due are begun, and at least one for each
    worker: the results that wait take a bounded amount of memory. Where ``function`` raises in a
    worker, the error is raised here, as it is; the other workers then stop.
    """
    # Cores are counted only for several items: it takes as long as to predict a few rows.
    n_helpers = min(n_workers(), len(items)) - 1 if len(items) > 1 else 0
    if n_helpers < 1:
        return map(function, items)
    return _Job(function, items, max(max_ahead, n_helpers), n_helpers).results()


def in_turns(steps: Iterator[Result]) -> Iterator[Result]:
    """Yield ``steps``, each computed while no other thread computes one of its own.

    For steps of many small operations: torch releases Python's lock in each of them, and
    concurrent threads hand it to and fro. Four fits of the digits at once take 1.2 times as long
    as one after the other without turns, and 0.98 to 1.08 times with them.
    """
    while True:
        with _turn:
            step = next(steps, None)
        if step is None:
            return
        yield step


def row_slices(array: Any) -> list[Any]:
    """Return indices of some rows of an array, each worth a worker; of all rows on a device."""
    is_on_device = isinstance(array, torch.Tensor) and array.device.type != "cpu"
    if is_on_device or array.ndim == 0:
        return [...]
    n_rows = len(array)
    row_bytes = array.nbytes // max(1, n_rows)
    step = max(1, SLICE_BYTES // max(1, row_bytes))
    return [slice(start, start + step) for start in range(0, n_rows, step)]


def lies_by_column(array: Any) -> bool:
    """Return whether the columns of an array or a tensor lie together in memory, not its rows."""
    strides = array.stride() if isinstance(array, torch.Tensor) else array.strides
    return array.ndim == 2 and bool(strides[0] < strides[1])


class _Job(Generic[Item, Result]):
    """Items that are claimed one after another by whatever thread has time."""

    def __init__(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        max_ahead: int,
        n_helpers: int,
    ) -> None:
        self._function = function
        self._items = items
        self._max_ahead = max_ahead
        self._n_helpers = n_helpers
        self._is_inference = torch.is_inference_mode_enabled()  # a setting of each thread
        self._helpers: list[Future[None]] = []
        self._condition = threading.Condition()
        self._n_claimed = 0
        self._n_given = 0  # results that the caller has
        self._done: dict[int, Result] = {}
        self._failure: BaseException | None = None
        self._is_stopped = False

    def results(self) -> Iterator[Result]:
        """Yield the results in order, and work on items while the next one is not there."""
        try:
            for i in range(len(self._items)):
                self._call_helpers()
                while (j := self._claim_until_done(i)) is not None:
                    self._put(j, self._function(self._items[j]))
                yield self._give(i)
        finally:
            self._stop()

    def _stop(self) -> None:
        """Let nobody claim another item, and wait for those that have begun: they read X."""
        with self._condition:
            self._is_stopped = True
        for helper in self._helpers:
            if not helper.cancel():
                helper.result()

    def _call_helpers(self) -> None:
        """Let workers help with items that may be claimed."""
        self._helpers = [helper for helper in self._helpers if not helper.done()]
        n_called = min(self._n_helpers - len(self._helpers), self._n_near)
        if n_called > 0:
            self._helpers += _submit(self._help, n_called, self._n_helpers)

    def _help(self) -> None:
        """Work on items while one may be claimed: a worker never waits for a caller."""
        try:
            # Nothing is differentiated here, and torch asks in each thread anew.
            with torch.inference_mode(self._is_inference), torch.no_grad():
                while (i := self._claim()) is not None:
                    self._put(i, self._function(self._items[i]))
        except BaseException as error:
            with self._condition:
                self._failure = error
                self._is_stopped = True
                self._condition.notify_all()

    @property
    def _n_near(self) -> int:
        """How many items may be claimed now, so that few results wait."""
        return min(len(self._items), self._n_given + self._max_ahead + 1) - self._n_claimed

    def _claim(self) -> int | None:
        """Return the next item, None where none may be claimed."""
        with self._condition:
            if self._is_stopped or self._n_near <= 0:
                return None
            self._n_claimed += 1
            return self._n_claimed - 1

    def _claim_until_done(self, i: int) -> int | None:
        """Return an item to work on, None once item ``i`` is done; raise a worker's error."""
        with self._condition:
            while self._failure is None:
                if i in self._done:
                    return None
                if (j := self._claim()) is not None:
                    return j
                self._condition.wait()  # a worker has item i, or it would be this thread's
            failure, self._failure = self._failure, None
            raise failure

    def _put(self, i: int, result: Result) -> None:
        with self._condition:
            self._done[i] = result
            self._condition.notify_all()

    def _give(self, i: int) -> Result:
        """Return the result of an item, and hold it no longer."""
        with self._condition:
            self._n_given = i + 1
            return self._done.pop(i)


_pool: ThreadPoolExecutor | None = None
_pool_size = 0
_pool_lock = threading.Lock()
_turn = threading.Lock()


def _submit(function: Callable[[], None], n_calls: int, pool_size: int) -> list[Future[None]]:
    """Return calls of ``function`` by workers, or fewer where no thread can be started."""
    calls: list[Future[None]] = []
    with _pool_lock:
        pool = _pool_of(pool_size)
        try:
            while len(calls) < n_calls:
                # NumPy's error state and the like are those of the caller.
                calls.append(pool.submit(copy_context().run, function))
        except RuntimeError:
            # Python is about to exit, or the system has no more threads: the caller works alone.
            # Calls left in the pool's queue would hold X for good.
            _drop_pool()
    return calls


def _pool_of(size: int) -> ThreadPoolExecutor:
    """Return this process's pool, a larger one where ``size`` threads are more than it has."""
    global _pool, _pool_size
    if _pool is not None and size > _pool_size:
        _drop_pool()
    if _pool is None:
        _pool = ThreadPoolExecutor(size, "skorchless", initializer=_become_worker)
        _pool_size = size
    return _pool


def _drop_pool() -> None:
    """Let the workers end after the items that they have begun; cancel the others."""
    global _pool
    if _pool is not None:
        _pool.shutdown(wait=False, cancel_futures=True)
        _pool = None


def _forget_pool() -> None:
    """Forget the pool and the locks: a forked child has none of the threads that hold them."""
    global _pool, _pool_lock, _turn
    _pool, _pool_lock, _turn = None, threading.Lock(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
