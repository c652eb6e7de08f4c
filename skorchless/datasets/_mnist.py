"""MNIST from its four IDX files: found or downloaded, verified by content, split.

A file is accepted for the SHA-256 of what it unpacks to, so any gzip of the true files will do
and nothing else does. A file that is already there is never overwritten.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_file, get_data_home
from sklearn.utils import Bunch

from skorchless._arrays import Array


@dataclass(frozen=True)
class IdxFile:
    """One of MNIST's files: its name, and the SHA-256 and size in bytes of what it unpacks to."""

    name: str
    sha256: str
    n_bytes: int


FILES = {
    "train_images": IdxFile(
        "train-images-idx3-ubyte.gz",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        47_040_016,
    ),
    "train_labels": IdxFile(
        "train-labels-idx1-ubyte.gz",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        60_008,
    ),
    "test_images": IdxFile(
        "t10k-images-idx3-ubyte.gz",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        7_840_016,
    ),
    "test_labels": IdxFile(
        "t10k-labels-idx1-ubyte.gz",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        10_008,
    ),
}
# Kept by PyTorch for torchvision, and by the Common Visual Data Foundation. The files' first
# home, yann.lecun.com, no longer hands them out.
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
N_VALID = 10_000  # the last of the 60,000 training images, as in the course

SPLITS = ("lecture", "train", "test", "all")
FEATURE_NAMES = [f"pixel_{row}_{column}" for row in range(28) for column in range(28)]
DESCRIPTION = """\
MNIST: 70,000 grey images of handwritten digits, 28 x 28 pixels, 60,000 for training and 10,000
for testing. A pixel is 0 (background) to 255 (ink). Rows are flattened images, row by row.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
recognition", Proceedings of the IEEE 86, 1998, https://doi.org/10.1109/5.726791
"""

# Images and labels of each part of a split, by the suffix of its names in the Bunch.
Parts = dict[str, tuple[Any, Any]]


def fetch_mnist(
    *,
    data_home: str | os.PathLike[str] | None = None,
    split: str = "lecture",
    return_X_y: bool = False,
    as_frame: bool = False,
    download_if_missing: bool = True,
) -> Any:
    """Return MNIST, from the data home or by download.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder whose sub-folder ``mnist`` holds the four ``.gz`` files. None means
        scikit-learn's data home: ``SCIKIT_LEARN_DATA``, or ``~/scikit_learn_data``.
    split : {'lecture', 'train', 'test', 'all'}, default='lecture'
        'lecture' is the course's: 50,000 images to train, the last 10,000 of the 60,000 to
        validate, 10,000 to test. 'train' is the 60,000, 'test' the 10,000, 'all' the 70,000.
    return_X_y : bool, default=False
        Whether to return only images and labels.
    as_frame : bool, default=False
        Whether to return pandas frames and series instead of arrays.
    download_if_missing : bool, default=True
        Whether to download files that are not there.

    Returns
    -------
    data : Bunch
        With ``data``, ndarray of shape (n_samples, 784) and dtype uint8, pixels from 0 to 255;
        ``target``, ndarray of shape (n_samples,) and dtype int64, digits; for the lecture's
        split also ``data_valid``, ``target_valid``, ``data_test``, ``target_test``; and
        ``feature_names``, ``target_names``, ``frame`` (``data`` and ``target`` in one
        DataFrame, where ``as_frame=True``) and ``DESCR``.
    (X, y) : tuple of arrays, where ``return_X_y=True``
        For the lecture's split three such pairs: ``((X, y), (X_valid, y_valid),
        (X_test, y_test))``.

    Raises
    ------
    OSError
        If a file is missing and is not to be or cannot be downloaded, or if a file's content
        is not MNIST's. Files that are there are left as they are.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
       document recognition", Proceedings of the IEEE 86, 1998, :doi:`10.1109/5.726791`.
    .. [2] Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", 1998.

    Examples
    --------
    >>> from skorchless.datasets import fetch_mnist
    >>> mnist = fetch_mnist()  # doctest: +SKIP
    >>> mnist.data.shape, mnist.data_valid.shape  # doctest: +SKIP
    ((50000, 784), (10000, 784))
    """
    if split not in SPLITS:
        raise ValueError(f"split={split!r} is unknown; use one of: {', '.join(SPLITS)}.")
    folder = Path(get_data_home(data_home)) / "mnist"
    images_and_labels = {
        key: _parse_idx(_content(file, folder, download_if_missing)) for key, file in FILES.items()
    }
    parts = _split(images_and_labels, split)
    if as_frame:
        parts = {
            suffix: (pd.DataFrame(X, columns=FEATURE_NAMES), pd.Series(y, name="target"))
            for suffix, (X, y) in parts.items()
        }
    if return_X_y:
        pairs = tuple(parts.values())
        return pairs if len(pairs) > 1 else pairs[0]
    named: dict[str, Any] = {}
    for suffix, (X, y) in parts.items():
        named |= {f"data{suffix}": X, f"target{suffix}": y}
    return Bunch(
        **named,
        feature_names=list(FEATURE_NAMES),
        target_names=list("0123456789"),
        frame=pd.concat(parts[""], axis=1) if as_frame else None,
        DESCR=DESCRIPTION,
    )


def _split(arrays: dict[str, Array], split: str) -> Parts:
    """Return images (n, 784) and labels (n,) of each part of a split."""
    X, X_test = (arrays[key].reshape(-1, 784) for key in ("train_images", "test_images"))
    y, y_test = (arrays[key].astype(np.int64) for key in ("train_labels", "test_labels"))
    if split == "lecture":
        return {
            "": (X[:-N_VALID], y[:-N_VALID]),
            "_valid": (X[-N_VALID:], y[-N_VALID:]),
            "_test": (X_test, y_test),
        }
    if split == "all":
        return {"": (np.concatenate([X, X_test]), np.concatenate([y, y_test]))}
    return {"": (X, y) if split == "train" else (X_test, y_test)}


def _content(file: IdxFile, folder: Path, download_if_missing: bool) -> bytes:
    """Return the verified, unpacked content of a file of ``folder``."""
    path = folder / file.name
    if path.exists():
        try:
            return _unpack(path, file)
        except ValueError as error:
            raise OSError(
                f"{path} {error}; move it away and call again, and it is downloaded."
            ) from None
    if not download_if_missing:
        raise OSError(
            f"MNIST's {file.name} is not in {folder}, and download_if_missing is False; put the "
            f"file there, from {MIRRORS[0]} for instance."
        )
    return _download(file, folder)


def _unpack(path: Path, file: IdxFile) -> bytes:
    """Return what ``path`` unpacks to; raise ValueError unless it is MNIST's ``file``."""
    try:
        with gzip.open(path) as packed:
            # One byte more than the true size tells a longer file without unpacking all of it.
            content = packed.read(file.n_bytes + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"is no complete gzip file ({error})") from error
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ValueError(f"does not unpack to MNIST's {file.name} (its SHA-256 is another)")
    return content


def _download(file: IdxFile, folder: Path) -> bytes:
    """Put ``file`` into ``folder`` from the first mirror that has it; return its content."""
    folder.mkdir(parents=True, exist_ok=True)
    causes: list[Exception] = []
    for mirror in MIRRORS:
        try:
            # Beside its place, so that it moves there in one step, and only once verified: a
            # download that breaks off never looks like a file.
            with TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
                path = fetch_file(mirror + file.name, folder=scratch, n_retries=0)
                content = _unpack(Path(path), file)
                Path(path).replace(folder / file.name)
                return content
        except (OSError, HTTPException, ValueError) as error:
            causes.append(error)
    if not any(folder.iterdir()):
        folder.rmdir()
    # Both mirrors fail alike where there is no network.
    reasons = "; ".join(dict.fromkeys(str(error) for error in causes))
    raise OSError(
        f"MNIST's {file.name} is not in {folder} and could not be downloaded ({reasons}); put "
        f"{', '.join(known.name for known in FILES.values())} there, from {MIRRORS[0]} for "
        "instance, or set SCIKIT_LEARN_DATA to the folder whose sub-folder 'mnist' has them."
    ) from causes[-1]


def _parse_idx(content: bytes) -> Array:
    """Return the array of an IDX file of bytes: magic, big-endian shape, values."""
    n_axes = content[3]
    shape = np.frombuffer(content, ">u4", count=n_axes, offset=4)
    # A bytearray, because a view of bytes cannot be written to.
    return np.frombuffer(bytearray(content), np.uint8, offset=4 + 4 * n_axes).reshape(shape)
