"""Small tables for the estimators' tests."""

from sklearn.preprocessing import StandardScaler


def standardized(load):
    """Return the samples of one of scikit-learn's loaders, standardised, and their labels."""
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y
