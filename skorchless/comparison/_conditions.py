"""Under which conditions a comparison was made: sizes, seed, date, versions, machine."""

from __future__ import annotations

import math
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from skorchless._arrays import Array

PACKAGES = ("skorchless", "scikit-learn", "torch", "numpy", "scipy", "pandas")


def describe_conditions(X: Any, y: Array, y_test: Array, random_state: Any) -> dict[str, str]:
    """Return each condition by its name, in words."""
    # Samples may be texts, which have no features yet.
    shape = getattr(X, "shape", ())
    features = {"features": f"{math.prod(shape[1:]):,}"} if len(shape) > 1 else {}
    return {
        "samples": f"{len(y):,} to train, {len(y_test):,} to test",
        **features,
        "classes": f"{len(np.unique(y)):,}",
        "seed": repr(random_state),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": _machine(),
    }


def _machine() -> str:
    """Return operating system, processor and GPUs, as far as Python knows them."""
    parts = [platform.system(), platform.machine(), f"{os.cpu_count()} cores"]
    parts += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join(parts)
