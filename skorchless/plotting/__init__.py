"""Plots of samples, fits and mistakes."""

from skorchless.plotting._coefficient_image import CoefficientImageDisplay
from skorchless.plotting._images import plot_image, plot_images
from skorchless.plotting._loss_curve import LossCurveDisplay
from skorchless.plotting._misclassified import MisclassifiedDisplay
from skorchless.plotting._regularization_path import RegularizationPathDisplay

__all__ = [
    "CoefficientImageDisplay",
    "LossCurveDisplay",
    "MisclassifiedDisplay",
    "RegularizationPathDisplay",
    "plot_image",
    "plot_images",
]
