"""
Where forests do badly
======================

On images the forest has won. It does not always. Two kinds of data are hard for trees and easy for
a linear model: columns with very many categories, and values beyond those that were seen.
"""

# %%
# Very many categories
# --------------------
# Online orders. Each has a customer, an article and a courier, and an outcome: it is kept, sent
# back or exchanged. Each customer, article and courier has a leaning of its own to each of these,
# and leanings add up. So we know the likeliest outcome of each order, and no model can be expected
# to do better. These data suit a linear model; the question is how each model copes with more and
# more categories.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from skorchless import TorchLogisticClassifier

N_ROWS = 20_000
COLUMNS = ["customer", "article", "courier"]
OUTCOMES = np.array(["kept", "sent back", "exchanged"])


def draw_orders(n_levels, rng):
    """Return orders, their outcomes, and the likeliest outcome of each."""
    orders = pd.DataFrame(rng.integers(n_levels, size=(N_ROWS, len(COLUMNS))), columns=COLUMNS)
    leaning = sum(rng.normal(size=(n_levels, len(OUTCOMES)))[orders[name]] for name in COLUMNS)
    drawn = (leaning + rng.gumbel(size=leaning.shape)).argmax(axis=1)
    return orders, OUTCOMES[drawn], OUTCOMES[leaning.argmax(axis=1)]


print(draw_orders(3000, np.random.default_rng(0))[0].head(3))

# %%
# Two ways to write a category as numbers
# ---------------------------------------
# *One-hot*: a column of zeros and ones for each category, thousands of them. A linear model has a
# weight for each; the matrix is sparse, so that the zeros cost nothing. A tree would have to ask
# for one category at a time, "is it customer 1234?", and each answer sets a handful of rows apart.
#
# *Codes*: a number for each category, in one column. A tree can ask "is the code above 1500?", but
# neighbouring codes have nothing in common, so it needs many such questions to get at a category.


def models():
    """Return the two models, each with the encoding that suits it better."""
    return {
        "logistic regression": make_pipeline(
            OneHotEncoder(handle_unknown="ignore", dtype=np.float32), TorchLogisticClassifier()
        ),
        "random forest": make_pipeline(
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
            RandomForestClassifier(min_samples_leaf=5, n_jobs=-1, random_state=0),
        ),
    }


# Beside them, two answers for comparison: the likeliest outcome of each order, which nobody but
# us knows, and always the outcome that is commonest in training.
accuracies = {}
for n_levels in (3, 10, 30, 100, 300, 1000, 3000):
    orders, outcome, likeliest = draw_orders(n_levels, np.random.default_rng(0))
    X, X_test, y, y_test, _, best = train_test_split(orders, outcome, likeliest, random_state=0)
    row = {name: model.fit(X, y).score(X_test, y_test) for name, model in models().items()}
    row["likeliest"] = (best == y_test).mean()
    row["commonest"] = (pd.Series(y).mode()[0] == y_test).mean()
    accuracies[n_levels] = row

table = pd.DataFrame(accuracies).T.rename_axis("categories")
print(table.round(3).to_string())

# %%
# The same as a picture. With few categories there is little between the two. The more there are,
# the fewer orders there are for each, and no model can then know their leanings well. But the
# forest loses its way much sooner.

figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
table.plot(ax=axes, logx=True, marker=".", style=["C0-", "C1-", "k:", "0.6"])
_ = axes.set(xlabel="categories in each column", ylabel="accuracy on new orders")

# %%
# If you want a forest on such data all the same, :class:`~sklearn.preprocessing.TargetEncoder`
# writes a category as the share of each outcome that it had in training. That is a linear model's
# way of looking at it, done beforehand.
#
# Beyond what was seen
# --------------------
# A shop opens at random temperatures between 0 and 10 degrees, and the warmer it is, the likelier
# it sells an ice cream. Then summer comes.

rng = np.random.default_rng(0)
degrees = rng.uniform(0, 10, size=(2000, 1))
sold = rng.uniform(size=2000) < 1 / (1 + np.exp(-(degrees[:, 0] - 12) / 3))
new_degrees = np.linspace(0, 30, 301)[:, None]

figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
axes.axvspan(0, 10, color="0.92", label="seen in training")
for name, model in (
    ("logistic regression", TorchLogisticClassifier()),
    ("random forest", RandomForestClassifier(min_samples_leaf=50, random_state=0)),
):
    model.fit(degrees, sold)
    axes.plot(new_degrees, model.predict_proba(new_degrees)[:, 1], label=name)
    answers = model.predict_proba([[10.0], [20.0], [30.0]])[:, 1]
    print(f"{name:20} at 10, 20 and 30 degrees: {answers.round(3)}")
axes.plot(new_degrees, 1 / (1 + np.exp(-(new_degrees - 12) / 3)), "k:", label="truth")
axes.set(xlabel="degrees", ylabel="probability of a sale")
axes.legend(loc="upper left")
plt.show()

# %%
# A tree answers with the mean of a leaf. Beyond the last threshold all values are in the same
# leaf, so the forest's answer stays what it was at 10 degrees. The logistic curve goes on. That is
# a guess as well, a good one here because the truth has the same form. Whether to trust it is for
# you to say; a forest cannot even make it.
