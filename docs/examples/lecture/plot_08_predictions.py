"""
Predictions: from scores to labels
==================================

A classifier has four answers to the same question. They are one computation, stopped at four
places.
"""

# %%
# Four answers
# ------------
# Logistic regression, fitted to its optimum this time (the default solver, ``lbfgs``), with the
# default penalty.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from course_data import load_images  # a file beside this script
from sklearn.pipeline import make_pipeline

from skorchless import GlobalStandardScaler, TorchLogisticClassifier
from skorchless.plotting import MisclassifiedDisplay, plot_images

images = load_images()
model = make_pipeline(GlobalStandardScaler(), TorchLogisticClassifier(max_iter=1000))
model.fit(images.X, images.y)

scores = model.decision_function(images.X_valid)
log_proba = model.predict_log_proba(images.X_valid)
proba = model.predict_proba(images.X_valid)
labels = model.predict(images.X_valid)
print(images.name)
for name, answer in (
    ("decision_function", scores),
    ("predict_log_proba", log_proba),
    ("predict_proba", proba),
    ("predict", labels),
):
    print(f"{name:17} {answer.dtype!s:7} {answer.shape}")

# %%
# All four for the first validation image:

answers = {"score": scores[0], "log-probability": log_proba[0], "probability": proba[0]}
print(pd.DataFrame(answers).round(4).rename_axis("digit"))
print(f"\npredicted {labels[0]}, true {images.y_valid[0]}")

# %%
# From one to the next
# --------------------
# - A *score* is a sum: pixels times the digit's weights, plus its intercept. Any number can come
#   out.
# - A *log-probability* is the score minus one number that all digits of an image share, chosen so
#   that the probabilities sum to 1.
# - A *probability* is the exponential of that.
# - The *prediction* is the digit with the largest of them, the ``argmax``. Since neither of the
#   steps changes the order of the ten numbers, it does not matter where we look for it.

Z_valid = model[0].transform(images.X_valid)
clf = model[-1]
by_hand = Z_valid @ clf.coef_.T + clf.intercept_
print("scores by hand:          ", np.allclose(by_hand, scores, atol=1e-3))
shared = scores - log_proba
print("one number for all:      ", np.allclose(shared, shared[:, :1], atol=1e-3))
print("probabilities sum to 1:  ", np.allclose(proba.sum(axis=1), 1, atol=1e-5))
print("argmax of scores:        ", np.array_equal(scores.argmax(axis=1), labels))
print("argmax of probabilities: ", np.array_equal(proba.argmax(axis=1), labels))

# %%
# ``argmax`` gives a place, 0 to 9, and here places and digits are the same. For labels of other
# kinds, ``classes_`` holds the label of each place:

names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
by_name = TorchLogisticClassifier().fit(Z_valid, names[images.y_valid])
places = by_name.decision_function(Z_valid[:3]).argmax(axis=1)
print("classes_:", by_name.classes_)
print("places:  ", places, "labels:", by_name.classes_[places])

# %%
# Accuracy
# --------
# Accuracy is the mean of "is it equal?", where true counts 1 and false 0.

print(f"mean of equality: {(labels == images.y_valid).mean():.4f}")
print(f"score:            {model.score(images.X_valid, images.y_valid):.4f}")

# %%
# Some predictions
# ----------------

titles = [f"predicted {label}" for label in labels[:8]]
_ = plot_images(images.X_valid[:8], titles=titles, figsize=(8, 4.5))

# %%
# The surest mistakes
# -------------------
# Of all images that are predicted wrongly, those for which the model was surest. Some are badly
# written. Others are plain to us: a sum over single pixels knows nothing of strokes, and a digit
# that is a little shifted or bent gets its ink in the wrong places.

MisclassifiedDisplay.from_estimator(model, images.X_valid, images.y_valid)
plt.show()
