"""When the classes are looked at: twice as far apart each time, and trusted more."""

import pytest

from skorchless._engine.solvers import refresh
from skorchless._engine.solvers.refresh import Refresh


def test_refreshes_are_twice_as_far_apart_and_less_damped_each_time(monkeypatch):
    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: 2)
    iterations = Refresh(None)
    due, dampings = [], []
    for iteration in range(20):
        if iterations.count():
            due.append(iteration)
            dampings.append(iterations.damping)
    assert due == [2, 6, 14]
    assert dampings == pytest.approx([1e-3, 1e-4, 1e-5])


def test_where_they_never_pay_none_is_due(monkeypatch):
    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: float("inf"))
    iterations = Refresh(None)
    assert not any(iterations.count() for _ in range(100))
