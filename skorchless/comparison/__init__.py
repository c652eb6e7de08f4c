"""Models side by side on one split: what they score, what they cost, how large they are."""

from skorchless.comparison._compare import compare
from skorchless.comparison._comparison import Comparison
from skorchless.comparison._models import default_models

__all__ = ["Comparison", "compare", "default_models"]
