"""
Feather: a frame that keeps its types
=====================================

Preparing data takes time, so you want to keep the result. CSV is text: it is slow, and it forgets
what type a column had. The course keeps its frames as Feather, a binary format that pandas reads
and writes (it needs ``pyarrow``). Other languages read it as well, and it holds data only: unlike
a pickle, it cannot call anything.
"""

# %%
# A frame
# -------
# Some images, a column for each pixel, and three more columns of different types.

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from course_data import load_images  # a file beside this script

images = load_images()
X, y = images.X[:5000], images.y[:5000]

frame = pd.DataFrame(X, columns=[f"pixel_{i}" for i in range(X.shape[1])])
frame["ink"] = X.mean(axis=1, dtype=np.float32)
frame["digit"] = pd.Categorical(y)
frame["taken"] = pd.Timestamp("1998-11-01") + pd.to_timedelta(np.arange(len(X)), unit="min")

print(images.name)
print(f"{frame.shape[0]:,} rows, {frame.shape[1]} columns\n")
print(frame.iloc[:5, -4:])

# %%
# To a file and back
# ------------------
# The same frame in both formats, in a folder that is removed afterwards.


def write_and_read(write, read, path):
    """Return the frame that comes back, and what it cost."""
    start = perf_counter()
    write(path)
    written = perf_counter()
    back = read(path)
    done = perf_counter()
    costs = {
        "megabytes": path.stat().st_size / 1e6,
        "seconds to write": written - start,
        "seconds to read": done - written,
    }
    return back, costs


# Once before it is timed, because the first call imports pyarrow.
with TemporaryDirectory() as folder:
    write_and_read(frame[:1].to_feather, pd.read_feather, Path(folder) / "first.feather")

with TemporaryDirectory() as folder:
    from_csv, csv_costs = write_and_read(
        lambda path: frame.to_csv(path, index=False), pd.read_csv, Path(folder) / "digits.csv"
    )
    from_feather, feather_costs = write_and_read(
        frame.to_feather, pd.read_feather, Path(folder) / "digits.feather"
    )

costs = pd.DataFrame([csv_costs, feather_costs], index=["CSV", "Feather"])
print(costs.T.round(3))

figure, axes = plt.subplots(1, 3, sharey=True, figsize=(9, 2), layout="constrained")
costs.plot.barh(subplots=True, ax=axes, legend=False)
plt.show()

# %%
# What came back
# --------------
# The types of some columns, before and after:

columns = ["pixel_0", "ink", "digit", "taken"]
types = {"before": frame, "CSV": from_csv, "Feather": from_feather}
print(pd.DataFrame({name: table[columns].dtypes for name, table in types.items()}))

# %%
# From CSV each pixel takes eight bytes, and the dates are text. Feather gives back the frame that
# was written:

print("Feather, same frame:", from_feather.equals(frame))
print("CSV, same frame:    ", from_csv.equals(frame))
for name, table in types.items():
    print(f"megabytes in memory, {name + ':':8} {table.memory_usage().sum() / 1e6:5.2f}")

# %%
# Feather is for keeping a table between two steps of your own work. The command line writes its
# table in this format too: ``skorchless compare --save table.feather``.
