"""
Functions with parameters: fitting a line
=========================================

A neural network is a function with parameters, and training it means choosing the parameters so
that a loss becomes small. All of that can be seen with two parameters: those of a line.
"""

# %%
# A function, its parameters, a loss
# ----------------------------------
# The function is ``a * x + b``. We draw points around a line whose ``a`` and ``b`` we know, and
# then forget them. The loss is the mean squared error: the mean of the squared distances between
# the line and the points.

import matplotlib.pyplot as plt
import numpy as np
import torch
from course_data import load_images  # a file beside this script

TRUE_A, TRUE_B = 3.0, 8.0
rng = np.random.default_rng(0)
x = rng.uniform(size=60)
y = TRUE_A * x + TRUE_B + 0.4 * rng.normal(size=60)


def line(x, a, b):
    """Return the heights of a line."""
    return a * x + b


def mean_squared_error(prediction, y):
    """Return the loss."""
    return ((prediction - y) ** 2).mean()


for a, b in ((0.0, 0.0), (3.0, 0.0), (TRUE_A, TRUE_B)):
    print(f"a = {a:.0f}, b = {b:.0f}: loss {mean_squared_error(line(x, a, b), y):7.4f}")

# %%
# The gradient, by hand
# ---------------------
# The gradient has a number for each parameter: how much the loss rises where that parameter rises
# a little. School calculus gives, with the error ``e = a * x + b - y``, ``2 * mean(e * x)`` for
# ``a`` and ``2 * mean(e)`` for ``b``.


def gradient(x, y, a, b):
    """Return the slope of the loss in ``a`` and in ``b``."""
    error = line(x, a, b) - y
    return 2 * (error * x).mean(), 2 * error.mean()


by_hand = gradient(x, y, 0.0, 0.0)
print(f"by hand:  {by_hand[0]:.6f} {by_hand[1]:.6f}")

# %%
# The gradient, by torch
# ----------------------
# A torch tensor is an array that can remember what it was computed from (``requires_grad=True``).
# From that, ``backward`` works out the gradient and leaves it in ``.grad``. This is called
# autograd, and works for functions that nobody wants to differentiate by hand.

a = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
b = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
loss = mean_squared_error(line(torch.tensor(x), a, b), torch.tensor(y))
loss.backward()
print(f"autograd: {a.grad:.6f} {b.grad:.6f}")

# %%
# Steps downhill
# --------------
# The gradient points to where the loss rises. So we go a little in the opposite direction, and
# again, and again: gradient descent. How far we go is set by the learning rate.

LEARNING_RATE = 0.2
a = b = 0.0
steps, losses = [(a, b)], [mean_squared_error(line(x, a, b), y)]
for _ in range(150):
    slope_a, slope_b = gradient(x, y, a, b)
    a, b = a - LEARNING_RATE * slope_a, b - LEARNING_RATE * slope_b
    steps.append((a, b))
    losses.append(mean_squared_error(line(x, a, b), y))

best_a, best_b = np.polyfit(x, y, deg=1)
print(f"{len(steps) - 1} steps:   a = {a:.3f}, b = {b:.3f}, loss {losses[-1]:.4f}")
print(f"the optimum: a = {best_a:.3f}, b = {best_b:.3f}")
print(f"the truth:   a = {TRUE_A:.3f}, b = {TRUE_B:.3f}")

# %%
# The line after some of the steps, and the loss after each:

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.scatter(x, y, s=12, color="0.5")
ends = np.array([0.0, 1.0])
for n, shade in ((0, 0.25), (1, 0.4), (3, 0.55), (20, 0.75), (150, 1.0)):
    left.plot(ends, line(ends, *steps[n]), color=plt.cm.Blues(shade), label=f"{n} steps")
left.set(xlabel="x", ylabel="y", xlim=(-0.05, 1.5), title="data and lines")
left.legend(loc="center right")
right.plot(losses)
right.set(xlabel="step", ylabel="mean squared error", yscale="log", title="loss")
plt.show()

# %%
# A network is a function with parameters as well
# -----------------------------------------------
# ``nn.Linear`` is the line with more inputs and outputs: a number for each input and output, and
# one more for each output. With one of each it has our two parameters. For the images it has a
# few more, but the loop above stays the same: compute the loss, compute its gradient, take a step.

images = load_images()
n_pixels = images.X.shape[1]
for n_inputs, n_outputs in ((1, 1), (n_pixels, 10)):
    layer = torch.nn.Linear(n_inputs, n_outputs)
    shapes = ", ".join(str(tuple(p.shape)) for p in layer.parameters())
    n_parameters = sum(p.numel() for p in layer.parameters())
    print(f"{n_inputs:3} to {n_outputs:2}: {n_parameters:5,} parameters, of shapes {shapes}")

# %%
# One thing changes. We took all points for each step. With 50,000 images a step would take long,
# so a network is trained on a few of them at a time, a *minibatch*. Its gradient is not exact, but
# points about the right way, and in the time of one exact step there are hundreds of these. That
# is *stochastic gradient descent*, SGD. Going once through all minibatches is an *epoch*.
