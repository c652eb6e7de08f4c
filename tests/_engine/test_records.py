"""Records of models are cut and put together alike, whatever they hold."""

from dataclasses import dataclass, field, fields

import pytest
import torch
from problems import make_objective, random_weights

from skorchless._engine.curvature.feature_moments import feature_moments
from skorchless._engine.curvature.hessian_approximation import diagonal_approximation
from skorchless._engine.records import SHARED, put_models, take, take_models
from skorchless._engine.solvers.base import Progress
from skorchless._engine.solvers.descent import SearchLine, point_at

PART = torch.tensor([2, 0])


@dataclass(frozen=True)
class Inner:
    value: torch.Tensor


@dataclass(frozen=True)
class Record:
    value: torch.Tensor
    inner: Inner
    missing: torch.Tensor | None
    label: str
    common: torch.Tensor = field(metadata=SHARED)


def record(first, label="a", n_models=3):
    """Return a record of numbers from ``first`` on."""
    values = torch.arange(n_models) + first
    return Record(values, Inner(values[:, None] * 10), None, label, torch.arange(5))


def test_models_are_taken_in_the_order_of_the_index():
    taken = take_models(record(0), PART)
    assert taken.value.tolist() == [2, 0]
    assert taken.inner.value.tolist() == [[20], [0]]


def test_what_is_shared_or_no_tensor_stays_as_it_is():
    whole = record(0)
    for changed in (take_models(whole, PART), put_models(whole, PART, record(7, "b", 2))):
        assert changed.common is whole.common
        assert changed.missing is None
        assert changed.label == "a"


def test_models_are_put_where_the_index_says_and_others_stay():
    whole, other = record(0), record(7, n_models=2)
    changed = put_models(whole, PART, other)
    assert changed.value.tolist() == [8, 1, 7]
    assert changed.inner.value.tolist() == [[80], [10], [70]]
    assert whole.value.tolist() == [0, 1, 2]


def test_what_was_taken_can_be_put_back():
    whole = record(0)
    back = put_models(record(7), PART, take_models(whole, PART))
    assert back.value[PART].tolist() == whole.value[PART].tolist()
    assert back.value[1] == 8


def records():
    """Return a record of each kind that the solvers cut, of three models."""
    objective, *_ = make_objective(alphas=(0.1, 1.0, 10.0))
    moments = feature_moments(objective)
    objective = objective.centered(moments.mean)
    W = random_weights(objective)
    point = point_at(objective, W)
    none = torch.zeros(3)
    return {
        "objective": objective,
        "point": point,
        "line": SearchLine(objective, point, W, none, none),
        "approximation": diagonal_approximation(objective, moments),
        "progress": Progress(W, point.value, none.long(), none),
    }


def tensors_of(kept):
    """Return the tensors of a record and of the records in it, by name, but those shared."""
    found = {}
    for each in fields(kept):
        value = getattr(kept, each.name)
        if "is_shared" in each.metadata:
            continue
        if isinstance(value, torch.Tensor):
            found[each.name] = value
        elif hasattr(value, "__dataclass_fields__"):
            found |= {f"{each.name}.{name}": part for name, part in tensors_of(value).items()}
    return found


def test_a_part_lies_in_memory_as_the_whole_does():
    whole = torch.arange(24.0).view(4, 3, 2)
    by_column = whole.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    for tensor in (whole, by_column):
        part = take(tensor, PART)
        assert torch.equal(part, whole[PART])
        assert (part.stride(0) < part.stride(2)) == (tensor.stride(0) < tensor.stride(2))


@pytest.mark.parametrize("kind", records())
def test_every_record_of_the_solvers_has_models_first(kind):
    whole = records()[kind]
    taken = take_models(whole, PART)
    assert type(taken) is type(whole)
    parts = tensors_of(taken)
    for name, tensor in tensors_of(whole).items():
        assert torch.equal(parts[name], tensor[PART]), name


def test_what_an_objective_has_computed_is_not_carried_over_to_a_part():
    objective = records()["objective"]
    W = random_weights(objective)
    whole = objective.value_and_grad(W)  # caches what is the same for all weights
    part = take_models(objective, PART)
    for all_of_them, of_part in zip(whole, part.value_and_grad(W[PART]), strict=True):
        torch.testing.assert_close(of_part, all_of_them[PART])
