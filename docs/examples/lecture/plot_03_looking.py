"""
Looking at digits
=================

Look at your data before you model it. A wrong reshape, a label that belongs to another row, or
an image upside down costs a second to see and hours to find in a score.
"""

# %%
# One image
# ---------
# A row of 784 or 64 pixels is a picture once it is a square. ``plot_image`` reshapes it.

# sphinx_gallery_thumbnail_number = 3
import matplotlib.pyplot as plt
from course_data import load_images  # a file beside this script

from skorchless.plotting import plot_image, plot_images

images = load_images()
image, label = images.X_valid[0], images.y_valid[0]
print(f"{images.name}: a row of {len(image)} pixels, label {label}")
_ = plot_image(image, title=str(label))

# %%
# The numbers behind it
# ---------------------
# The picture is nothing but numbers. Here are those of a few pixels around its middle, and the
# same pixels drawn.

height, width = images.shape
rows = slice(height // 2 - 3, height // 2 + 3)
columns = slice(width // 2 - 3, width // 2 + 3)
crop = image.reshape(images.shape)[rows, columns]
print(crop)

_ = plot_image(crop, title=f"rows {rows.start} to {rows.stop - 1}")

# %%
# Several images
# --------------
# ``plot_images`` draws many, with their labels as titles. Some digits are hard to read for us as
# well; no model can be expected to get all of them right.

_ = plot_images(images.X_valid[:12], titles=images.y_valid[:12], figsize=(9, 3.5))

# %%
# The mean image of a digit
# -------------------------
# The mean over all training images of a digit is a picture as well. It shows where that digit
# usually has ink. A linear model has one weight for each pixel and digit, so a picture like this
# one is about all that it can know of a digit.

means = [images.X[images.y == digit].mean(axis=0) for digit in range(10)]
plot_images(means, titles=range(10), figsize=(9, 4))
plt.show()
