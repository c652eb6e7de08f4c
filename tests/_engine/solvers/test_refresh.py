"""When the classes are looked at: twice as far apart each time, and trusted more."""

import pytest

from skorchless._engine.solvers import refresh
from skorchless._engine.solvers.refresh import Refresh


def test_refreshes_are_twice_as_far_apart_and_less_damped_each_time(monkeypatch):
    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: 2)
    count = Refresh(None)
    due, dampings = [], []
    for iteration in range(20):
        if count.is_due():
            due.append(iteration)
            dampings.append(count.damping)
    assert due == [2, 6, 14]
    assert dampings == pytest.approx([1e-3, 1e-4, 1e-5])


def test_where_they_never_pay_none_is_due(monkeypatch):
    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: float("inf"))
    count = Refresh(None)
    assert not any(count.is_due() for _ in range(100))
