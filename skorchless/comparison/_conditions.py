"""Under which conditions a comparison was made: sizes, seed, date, versions, machine."""

from __future__ import annotations

import math
import os
import platform
from datetime import UTC, datetime
from typing import Any

import torch

from skorchless._versions import python_version, version_of
from skorchless.comparison._split import Split

PACKAGES = ("skorchless", "scikit-learn", "torch", "numpy", "scipy", "pandas")


def describe_conditions(split: Split, random_state: Any) -> dict[str, str]:
    """Return each condition by its name, in words."""
    # Samples may be texts, which have no features yet.
    shape = getattr(split.X, "shape", ())
    features = {"features": f"{math.prod(shape[1:]):,}"} if len(shape) > 1 else {}
    return {
        "samples": f"{len(split.y):,} to train, {len(split.y_test):,} to test",
        **features,
        "labels" if split.is_multilabel else "classes": f"{len(split.classes):,}",
        "seed": repr(random_state),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": ", ".join(f"{name} {version_of(name)}" for name in PACKAGES),
        "Python": python_version(),
        "machine": _machine(),
    }


def _machine() -> str:
    """Return operating system, processor and GPUs, as far as Python knows them."""
    parts = [platform.system(), platform.machine(), f"{os.cpu_count()} cores"]
    parts += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join(parts)
