"""Workers give what one thread gives, in order; what one raises is raised; no setting changes."""

import gc
import os
import threading
import time
import weakref

import numpy as np
import pytest
import torch
from scripts import run_script
from thread_settings import settings

from skorchless._engine.rows import workers
from skorchless._engine.rows.workers import in_turns, n_workers, share, sharing

MANY = 1_000


@pytest.fixture(autouse=True)
def torch_has_threads(set_torch_threads):
    """Let torch allow as many workers as a test asks for, on any machine."""
    set_torch_threads(4)


class Thread:
    """A thread that calls functions for others."""

    def __init__(self):
        self._tasks, self._done = [], threading.Semaphore(0)
        self._asked = threading.Semaphore(0)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            self._asked.acquire()
            self._result = self._tasks.pop()()
            self._done.release()

    def call(self, function):
        self._tasks.append(function)
        self._asked.release()
        self._done.acquire()
        return self._result


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("n_items", [0, 1, 2, 100])
def test_results_come_in_order(n, n_items):
    def slow_if_even(i):
        time.sleep(0.002 * (i % 2 == 0))
        return i * i

    with sharing(lambda: n):
        assert list(share(slow_if_even, range(n_items), MANY)) == [i * i for i in range(n_items)]


def test_items_are_worked_on_at_once():
    both_are_here = threading.Barrier(3, timeout=30)

    def thread_of(_):
        both_are_here.wait()  # returns a number for each thread, in no order
        return threading.get_ident()

    with sharing(lambda: 3):
        threads = list(share(thread_of, "abc", MANY))
    assert len(set(threads)) == 3
    assert threading.get_ident() in threads


def test_each_worker_computes_with_one_torch_thread():
    def n_threads(_):
        started.wait()
        # MKL counts by itself; the line names what it would take.
        info = torch.__config__.parallel_info().split("\n")
        return torch.get_num_threads(), *(line.strip() for line in info if "mkl_get" in line)

    started = threading.Barrier(3, timeout=30)
    expected = {(1, *["mkl_get_max_threads() : 1"] * torch.backends.mkl.is_available())}
    with sharing(lambda: 3):
        assert set(share(n_threads, "abc", MANY)) == expected


@pytest.mark.parametrize(
    ("n_threads", "n_cores", "expected"), [(4, 3, 3), (4, 16, 4), (1, 16, 1), (4, 1, 1)]
)
def test_workers_are_no_more_than_cores_and_torch_threads(
    n_threads, n_cores, expected, set_torch_threads
):
    set_torch_threads(n_threads)
    assert n_workers() == 1
    with sharing(lambda: n_cores):
        assert n_workers() == expected
    assert n_workers() == 1


def test_within_a_call_another_one_changes_nothing():
    with sharing(lambda: 2):
        with sharing(lambda: 4):
            assert n_workers() == 2
        assert n_workers() == 2
        assert torch.get_num_threads() == 1


def test_cores_are_not_counted_for_work_that_is_not_shared():
    with sharing(lambda: pytest.fail("they were counted")):
        pass


@pytest.mark.parametrize("slow", ["caller", "worker"])
def test_results_that_wait_are_bounded(slow):
    caller, given, waiting = threading.get_ident(), [], []

    def work(i):
        if (threading.get_ident() == caller) == (slow == "caller"):
            time.sleep(0.02)
        waiting.append(i - len(given))
        return i

    with sharing(lambda: 3):
        for result in share(work, range(60), 4):
            given.append(result)  # noqa: PERF402, while they come
    assert given == list(range(60))
    assert max(waiting) <= 4 + 1  # the one that is being given is not counted yet


@pytest.mark.parametrize("error", [ValueError, MemoryError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("raised_by", ["caller", "worker"])
def test_an_error_reaches_the_caller_once_and_as_it_is(error, raised_by):
    caller, n_calls = threading.get_ident(), []
    is_raised = threading.Event()

    def fail(_):
        n_calls.append(1)
        if (threading.get_ident() == caller) == (raised_by == "caller"):
            is_raised.set()
            raise error("of this block")
        is_raised.wait(30)

    with sharing(lambda: 2):
        with pytest.raises(error, match="^of this block$") as raised:
            list(share(fail, range(MANY), MANY))
        assert raised.value.__context__ is None
        assert len(n_calls) <= 3  # one each, and one begun before the error was there
        # The pool is whole.
        both_are_here = threading.Barrier(2, timeout=30)
        list(share(lambda _: both_are_here.wait(), "ab", MANY))


def test_nobody_works_on_after_a_return():
    n_calls = []
    with sharing(lambda: 3):
        results = share(lambda i: n_calls.append(i) or time.sleep(0.001), range(MANY), MANY)
        next(results)
        results.close()
    n_begun = len(n_calls)
    time.sleep(0.05)
    assert n_begun == len(n_calls) < MANY


def test_the_caller_works_alone_where_no_thread_can_be_started(monkeypatch):
    def fail(_thread):
        raise RuntimeError("can't start new thread")

    class Item:
        pass

    workers._drop_pool()
    monkeypatch.setattr(threading.Thread, "start", fail)
    items = [Item(), Item()]
    alive = [weakref.ref(item) for item in items]
    with sharing(lambda: 3):
        assert list(share(type, items, MANY)) == [Item, Item]
    del items
    gc.collect()
    assert not any(ref() for ref in alive)  # nothing waits for a thread


def test_the_error_state_of_numpy_goes_with_the_work():
    both_are_here = threading.Barrier(2, timeout=30)

    def overflow(_):
        both_are_here.wait()
        return np.geterr()["over"]

    with sharing(lambda: 2), np.errstate(over="ignore"):
        assert list(share(overflow, "ab", MANY)) == ["ignore"] * 2


def test_a_setting_of_torch_that_threads_have_goes_with_the_work():
    both_are_here = threading.Barrier(2, timeout=30)

    def is_inference(_):
        both_are_here.wait()
        return torch.is_inference_mode_enabled()

    for expected in (True, False):
        with sharing(lambda: 2), torch.inference_mode(expected):
            assert list(share(is_inference, "ab", MANY)) == [expected] * 2


def test_steps_of_threads_that_take_turns_do_not_overlap():
    n_at_once, most_at_once, counts = 0, [], []

    def steps():
        nonlocal n_at_once
        for i in range(20):
            n_at_once += 1
            time.sleep(0.001)
            most_at_once.append(n_at_once)
            n_at_once -= 1
            yield i

    def count():
        counts.append(len(list(in_turns(steps()))))

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [20] * 3
    assert set(most_at_once) == {1}


def test_a_step_that_fails_ends_its_turn():
    def fail():
        yield 1
        raise ValueError("of a step")

    for _ in range(2):
        with pytest.raises(ValueError, match="of a step"):
            list(in_turns(fail()))


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_no_setting_is_different_afterwards_in_any_thread(error):
    def work(i):
        if error and i == 5:
            raise error
        return torch.ones(300, 300) @ torch.ones(300, 300)

    earlier = Thread()
    before, of_earlier, of_later = settings(), earlier.call(settings), Thread().call(settings)
    try:
        with sharing(lambda: 3):
            list(share(work, range(20), MANY))
    except (ValueError, KeyboardInterrupt):
        assert error
    assert settings() == before
    assert earlier.call(settings) == of_earlier
    assert Thread().call(settings) == of_later


def test_no_setting_is_different_in_other_threads_meanwhile():
    earlier = Thread()
    of_earlier, of_later = earlier.call(settings), Thread().call(settings)
    with sharing(lambda: 3):
        list(share(lambda _: torch.ones(3).exp(), range(20), MANY))
        assert earlier.call(settings) == of_earlier
        assert Thread().call(settings) == of_later


def test_mkl_keeps_a_number_of_its_own():
    set_threads = workers._set_mkl_threads
    before = set_threads(3)
    try:
        with sharing(lambda: 2):
            pass
        assert set_threads(3) == (3 if torch.backends.mkl.is_available() else 0)
    finally:
        set_threads(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_workers_of_its_own():
    def meet():
        both_are_here = threading.Barrier(2, timeout=30)
        with sharing(lambda: 2):
            list(share(lambda _: both_are_here.wait(), "ab", MANY))

    meet()
    with workers._turn:  # as another thread may have it
        child = os.fork()
    if child == 0:
        meet()
        list(in_turns(iter("ab")))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


AT_EXIT = """
import atexit, sys, threading, time
from skorchless._engine.rows.workers import share, sharing

def work():
    with sharing(lambda: 2):
        for _ in range(200):
            assert list(share(lambda i: time.sleep(0.001) or i, range(4), 99)) == [0, 1, 2, 3]

if sys.argv[1] == "atexit":
    work()
    atexit.register(work)
else:
    threading.Thread(target=work, daemon=sys.argv[1] == "daemon").start()
    time.sleep(0.1)
"""


@pytest.mark.slow  # starts processes that import torch
@pytest.mark.parametrize("where", ["atexit", "daemon", "thread"])
def test_a_process_ends_while_work_is_shared(tmp_path, where):
    run_script(tmp_path, AT_EXIT, where)
