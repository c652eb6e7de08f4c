"""
On a GPU
========

The lecture trains on a GPU. Here nothing needs to be changed for that: where a model is fitted is
one parameter, and what comes out is the same.
"""

# %%
# Where a fit runs
# ----------------
# ``device="auto"``, the default, means: where ``X`` is a torch tensor, the device on which it is;
# otherwise the first GPU that CUDA knows, if there is one, and else the CPU. ``device="cpu"`` and
# ``device="cuda"`` say it outright. ``device_`` tells what it was.

import pickle
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from course_data import load_images  # a file beside this script

from skorchless import GlobalStandardScaler, TorchLogisticClassifier

images = load_images()
scaler = GlobalStandardScaler().fit(images.X)
Z, Z_valid = scaler.transform(images.X), scaler.transform(images.X_valid)

has_gpu = torch.cuda.is_available()
print(images.name)
print("GPU:", torch.cuda.get_device_name() if has_gpu else "none on the machine of this page")
clf = TorchLogisticClassifier(solver="adam", max_iter=1, C=np.inf, random_state=0).fit(Z, images.y)
print("device_:", clf.device_)

# %%
# A device that is asked for and missing is an error, not a slow surprise:

if not has_gpu:
    try:
        TorchLogisticClassifier(device="cuda").fit(Z, images.y)
    except ValueError as error:
        print(f"ValueError:\n{error}")

# %%
# The same fit on each device
# ---------------------------
# ``adam`` takes many small steps, one after the other, and a GPU has little to do in each.
# ``lbfgs`` takes all images in each step: there a GPU pays, the more so the more images there are.
# The first fit on a device also starts it, so there is one before the clock runs.

models = {
    "adam": TorchLogisticClassifier(solver="adam", max_iter=1, random_state=0),
    "lbfgs": TorchLogisticClassifier(max_iter=1000, tol=1e-3),
}
sizes = sorted({min(n_images, len(Z)) for n_images in (500, 2_000, 8_000, 50_000)})
rows = []
for device in ("cpu", "cuda") if has_gpu else ("cpu",):
    TorchLogisticClassifier(device=device).fit(Z[:500], images.y[:500])
    for name, model in models.items():
        for n_images in sizes:
            start = perf_counter()
            model.set_params(device=device).fit(Z[:n_images], images.y[:n_images])
            seconds = perf_counter() - start
            accuracy = model.score(Z_valid, images.y_valid)
            rows.append((f"{name}, {device}", n_images, seconds, accuracy))
table = pd.DataFrame(rows, columns=["fit", "images", "seconds", "accuracy"])
print(table.round(4).to_string(index=False))
if not has_gpu:
    print("\nNo line is of a GPU, because the machine of this page has none.")

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
seconds = table.pivot(index="images", columns="fit", values="seconds")
seconds.plot(ax=axes, loglog=True, marker=".", ylabel="seconds")
plt.show()

# %%
# Tensors go in as they are
# -------------------------
# Images that are tensors already, on whatever device, are used where they lie. Predictions come
# back as NumPy arrays, so that scikit-learn's scores and plots work with them.

tensor = torch.from_numpy(Z).to("cuda" if has_gpu else "cpu")
clf = TorchLogisticClassifier(solver="adam", max_iter=1, C=np.inf, random_state=0)
clf.fit(tensor, images.y)
prediction = clf.predict(tensor[:5])
print("X on", tensor.device, "- device_:", clf.device_)
print("predicted:", prediction, type(prediction).__name__)

# %%
# A fitted model is plain NumPy
# -----------------------------
# Nothing of torch stays in it, whatever it was fitted on. So it can be pickled on a machine with a
# GPU and loaded on one that has none. It predicts where its input is.

for name, value in vars(clf).items():
    if name.endswith("_"):
        print(f"{name:22} {type(value).__name__:8} {getattr(value, 'shape', value)}")

packed = pickle.dumps(clf)
loaded = pickle.loads(packed)  # noqa: S301, our own
are_same = np.array_equal(loaded.predict(Z_valid), clf.predict(Z_valid))
print(f"\n{len(packed) / 1000:.1f} kB, same predictions: {are_same}")
