"""
Several labels at once
======================

So far an image had one label out of ten. Often a sample has several: a photo shows a dog and a
beach, a patient has two of ten conditions. Then each label is a question of its own, answered by
yes or no. The linear layer stays; what follows it is a sigmoid for each output in the place of the
softmax over all, in torch ``BCEWithLogitsLoss`` in the place of ``NLLLoss``.
"""

# %%
# Three questions
# ---------------
# A digit answers questions: does it have a loop, is it even, is it above 4? Any combination may
# occur. The labels are a matrix of zeros and ones with a column for each question; as a frame it
# has their names. The digits are scikit-learn's, of 8 x 8 pixels.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay, f1_score, multilabel_confusion_matrix
from sklearn.model_selection import train_test_split

from skorchless import TorchLogisticClassifier
from skorchless.comparison import compare
from skorchless.plotting import plot_images

X, y = load_digits(return_X_y=True)
X = X / 16  # pixels are 0 to 16
Y = pd.DataFrame(
    {"has a loop": np.isin(y, [0, 6, 8, 9]), "is even": y % 2 == 0, "is above 4": y > 4}
)
Y = Y.astype(int)


def answers(row):
    """Return the labels of one sample, a line for each."""
    return "\n".join(name for name, value in zip(Y.columns, row, strict=True) if value) or "none"


_ = plot_images(X[:10], titles=[answers(row) for row in Y.to_numpy()[:10]], figsize=(9, 5))

# %%
# One fit
# -------
# ``fit`` takes the matrix as it takes a column. There is a row of coefficients for each label, and
# a probability for each label: they do not add up to one, because they answer different questions.

X_train, X_test, Y_train, Y_test, y_train, _ = train_test_split(X, Y.to_numpy(), y, random_state=0)
clf = TorchLogisticClassifier().fit(X_train, Y_train)
print("coefficients:", clf.coef_.shape)
print(pd.DataFrame(clf.predict_proba(X_test[:3]), columns=Y.columns).round(2))

# %%
# How good is it?
# ---------------
# The share of right answers flatters a label that few samples have: "no" is then nearly always
# right. F1 leaves such answers out: it is the harmonic mean of precision (of the samples that are
# given the label, how many have it) and recall (of those that have it, how many are given it).
# There is one for each label, their mean ("macro"), and one of all answers in one count ("micro").
# ``score`` is strict: a sample counts if all of its labels are right.

predicted = clf.predict(X_test)
for name, f1 in zip(Y.columns, f1_score(Y_test, predicted, average=None), strict=True):
    print(f"{name:10}  F1 {f1:.3f}")
for average in ("micro", "macro"):
    print(f"{average:10}  F1 {f1_score(Y_test, predicted, average=average):.3f}")
print(f"all labels right  {clf.score(X_test, Y_test):.3f}")

# %%
# The same in a picture: for each label the true answer by rows, the predicted one by columns.

figure, axes = plt.subplots(1, len(Y.columns), figsize=(9, 3.2), layout="constrained")
for ax, matrix, name in zip(
    axes, multilabel_confusion_matrix(Y_test, predicted), Y.columns, strict=True
):
    display = ConfusionMatrixDisplay(matrix, display_labels=["no", "yes"])
    display.plot(ax=ax, cmap="Blues", colorbar=False)
    ax.set_title(name)

# %%
# The forest beside it
# --------------------
# :func:`skorchless.comparison.compare` takes the same matrix. Each question lumps together digits
# that look nothing like each other, such as 5 and 9 as "above 4". A single weighted sum of the
# pixels has to do for all of them, where a tree asks on, pixel by pixel.

comparison = compare(X, Y, random_state=0, image_shape=(8, 8))
print(comparison)
comparison.label_table["f1"].unstack("model").loc[Y.columns, list(comparison.models)].round(3)

# %%
# The columns of the frame have named the labels. ``comparison.to_html("report.html")`` writes a
# page with the scores and the confusion of each, and with the digits that each model alone gets
# wrong. For a table in a file it is ``skorchless compare FILE --target COLUMN,COLUMN``.
#
# By way of the digits
# --------------------
# Where labels follow from something that a linear model can tell, it is better to ask for that.
# Which digit it is answers all three questions, and the probability of a "yes" is the sum of those
# of the digits that have it.

digits = TorchLogisticClassifier().fit(X_train, y_train)
yes_by_digit = Y.groupby(y).first().to_numpy()  # (10, 3)
through_digits = (digits.predict_proba(X_test) @ yes_by_digit > 0.5).astype(int)
for name, f1 in zip(Y.columns, f1_score(Y_test, through_digits, average=None), strict=True):
    print(f"{name:10}  F1 {f1:.3f} by way of the digits")

plt.show()
