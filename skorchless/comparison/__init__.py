"""Models side by side on one split: what they score, what they cost, how large they are."""

from skorchless.comparison._compare import compare
from skorchless.comparison._comparison import Comparison
from skorchless.comparison._models import default_models
from skorchless.comparison._preprocessor import column_preprocessor

__all__ = ["Comparison", "column_preprocessor", "compare", "default_models"]
