"""Fit a file of 5 million rows that is read chunk by chunk, with a progress bar.

Needs the extras ``arrow`` and ``progress``.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.progress import track

from skorchless import TorchLogisticClassifier

N_ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
CHUNK = 100_000
FEATURES = [f"x{j}" for j in range(20)]
CLASSES = np.array(["no", "perhaps", "yes"])
RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(len(FEATURES), len(CLASSES)))


def draw(n_rows):
    """Return rows whose labels are drawn by the probabilities of a logistic model."""
    X = RNG.standard_normal((n_rows, len(FEATURES)), dtype=np.float32)
    codes = (X @ WEIGHTS + RNG.gumbel(size=(n_rows, len(CLASSES)))).argmax(1)
    return pd.DataFrame(X, columns=FEATURES).assign(label=CLASSES[codes])


def write(path):
    """Write the file, as some other program would have."""
    with pq.ParquetWriter(path, pa.Table.from_pandas(draw(1)).schema) as file:
        for start in range(0, N_ROWS, CHUNK):
            file.write_table(pa.Table.from_pandas(draw(min(CHUNK, N_ROWS - start))))


def read(path):
    """Yield the rows, a chunk at a time."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=CHUNK):
            yield batch.to_pandas()


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "rows.parquet"
    write(path)
    clf = TorchLogisticClassifier(solver="adam", batch_size=256, C=np.inf, random_state=0)
    n_chunks = -(-N_ROWS // CHUNK)
    for rows in track(read(path), f"{N_ROWS:,} rows", total=n_chunks):
        # All labels that may ever come: a chunk may lack one of them.
        clf.partial_fit(rows[FEATURES], rows["label"], classes=CLASSES)

rows = draw(CHUNK)
best = CLASSES[(rows[FEATURES].to_numpy() @ WEIGHTS).argmax(1)]
print(f"accuracy {clf.score(rows[FEATURES], rows['label']):.4f};", end=" ")
print(f"of the weights that labels are drawn by {(best == rows['label']).mean():.4f}")
