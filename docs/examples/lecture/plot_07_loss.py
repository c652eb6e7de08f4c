"""
Negative log-likelihood, by hand
================================

Accuracy counts right answers. It cannot be trained by gradients: a small change of the weights
usually changes no answer at all, so its slope is zero. The negative log-likelihood looks at the
probabilities instead.
"""

# %%
# Two classes
# -----------
# ``y`` is 1 or 0, and ``p`` is the probability that the model gives to 1. The loss is minus the
# logarithm of the probability that the model gave to what was true: ``p`` where ``y`` is 1, and
# ``1 - p`` where it is 0.

import matplotlib.pyplot as plt
import numpy as np
import torch
from course_data import load_images  # a file beside this script
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline

from skorchless import GlobalStandardScaler, TorchLogisticClassifier


def binary_loss(y, p):
    """Return the mean negative log-likelihood of labels 0 and 1."""
    return np.mean(-(y * np.log(p) + (1 - y) * np.log(1 - p)))


y = np.array([1, 0, 0, 1])
p = np.array([0.9, 0.1, 0.2, 0.8])
print(f"by hand:      {binary_loss(y, p):.6f}")
print(f"scikit-learn: {log_loss(y, p):.6f}")

# An error, unless they are the same and the lecture's figure.
np.testing.assert_allclose([binary_loss(y, p), log_loss(y, p)], 0.164252, atol=1e-6)

# %%
# All four answers are right at a threshold of 0.5, and would be with 0.51 and 0.49 as well. The
# loss tells these models apart.
#
# Sure and wrong
# --------------
# What one answer costs, by the probability that it gave to the truth. Half-hearted answers cost
# little. A wrong one costs more, the surer it was, and there is no end to it.

truth = np.array([0.99, 0.9, 0.5, 0.1, 0.01, 1e-4, 1e-8])
print("given to the truth   loss")
for probability in truth:
    print(f"{probability:18g} {-np.log(probability):6.2f}")

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
probabilities = np.linspace(0.001, 1, 1000)
axes.plot(probabilities, -np.log(probabilities))
axes.set(xlabel="probability given to the truth", ylabel="loss", xlim=(0, 1), ylim=(0, 7))
plt.show()

# %%
# Many classes
# ------------
# With ten digits there are ten probabilities. As a formula, write each label as ten numbers, a one
# in the place of the digit and zeros elsewhere (*one-hot*), multiply by the log-probabilities and
# add up. All but one term are zero, so picking the log-probability of the label does the same.
# That is what ``nn.NLLLoss`` does.

images = load_images()
model = make_pipeline(
    GlobalStandardScaler(),
    TorchLogisticClassifier(solver="adam", max_iter=1, C=np.inf, random_state=0),
)
model.fit(images.X, images.y)
log_proba = model.predict_log_proba(images.X_valid)
labels = images.y_valid

one_hot = np.eye(10)[labels]
picked = log_proba[np.arange(len(labels)), labels]
of_torch = torch.nn.NLLLoss()(torch.from_numpy(log_proba), torch.from_numpy(labels)).item()
print(images.name)
print(f"one-hot times log-probability: {-(one_hot * log_proba).sum(axis=1).mean():.5f}")
print(f"picked by the label:           {-picked.mean():.5f}")
print(f"torch.nn.NLLLoss:              {of_torch:.5f}")
print(f"sklearn.metrics.log_loss:      {log_loss(labels, np.exp(log_proba)):.5f}")

# %%
# For comparison, a model that always gives 0.1 to each digit has a loss of ``log(10)``. And the
# image that costs most here:

worst = picked.argmin()
print(f"no idea:         {np.log(10):6.3f}")
print(f"costliest image: {-picked[worst]:6.3f}")
print(
    f"label {labels[worst]}, predicted {log_proba[worst].argmax()} with probability "
    f"{np.exp(log_proba[worst].max()):.3f}"
)

# %%
# Never the logarithm of a probability
# ------------------------------------
# A probability that is too small for its type is rounded to zero, and one near 1 to 1. Their
# logarithms are then minus infinity and 0: one such sample makes the mean loss infinite, and no
# gradient comes back from there. Take two scores that are far apart:

scores = torch.tensor([[0.0, 120.0]])  # float32, as images are
probability = torch.softmax(scores, dim=1)
print("softmax:          ", probability.numpy())
with np.errstate(divide="ignore"):
    print("log of softmax:   ", np.log(probability.numpy()))

# %%
# The logarithm of the softmax is ``score - log(sum(exp(scores)))``. There is no need to go through
# the probability. With the largest score taken out of the sum nothing overflows either. That is
# the *log-sum-exp* trick:

largest = scores.max(dim=1, keepdim=True).values
log_sum_exp = largest + (scores - largest).exp().sum(dim=1, keepdim=True).log()
print("by log-sum-exp:   ", (scores - log_sum_exp).numpy())
print("torch.log_softmax:", torch.log_softmax(scores, dim=1).numpy())

# %%
# This is why the network ends with ``LogSoftmax`` and not with a softmax. It is also why
# :class:`skorchless.TorchLogisticClassifier` computes ``predict_proba`` as the exponential of
# ``predict_log_proba``, and not the latter as the logarithm of the former.
