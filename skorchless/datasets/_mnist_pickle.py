"""The course's own mnist.pkl.gz, read without trusting it.

A pickle is a program. This reader knows the few instructions that Python 2 wrote for NumPy
arrays, refuses every other, and collects the arrays' parts in records of its own: neither NumPy's
nor anybody else's code ever runs on what the file says.
"""

from __future__ import annotations

import gzip
import io
import os
import pickle
import pickletools
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from skorchless._arrays import Array

Pair = tuple[Array, Array]

MAX_BYTES = 256 * 2**20  # the true file unpacks to 220,080,410 bytes
MAX_INSTRUCTIONS = 10_000  # the true file has 190
# Without LONG_BINPUT, whose argument alone can make an unpickler allocate 64 GB.
INSTRUCTIONS = {
    *("PROTO", "GLOBAL", "BINPUT", "BINGET", "MARK", "REDUCE", "BUILD", "STOP"),
    *("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "NONE", "NEWTRUE", "NEWFALSE"),
    *("BININT", "BININT1", "BININT2", "BINSTRING", "SHORT_BINSTRING"),
}
DTYPES: dict[bytes, np.dtype[Any]] = {b"f4": np.dtype("<f4"), b"i8": np.dtype("<i8")}


def load_mnist_pickle(path: str | os.PathLike[str]) -> tuple[Pair, Pair, Pair]:
    """Return the arrays of the course's ``mnist.pkl.gz``.

    Parameters
    ----------
    path : str or path-like
        A gzip-compressed pickle of ``((x, y), (x_valid, y_valid), (x_test, y_test))``, written
        by Python 2.

    Returns
    -------
    (x, y), (x_valid, y_valid), (x_test, y_test) : tuple of pairs of ndarray
        Images of shape (n_samples, 784) and dtype float32, pixels from 0 to 255/256, and
        labels of shape (n_samples,) and dtype int64; 50,000, 10,000 and 10,000 of them.

    Raises
    ------
    pickle.UnpicklingError
        If the file is no complete gzip file, unpacks to more than 256 MiB, has bytes after
        its end, or holds any instruction or any global but those of plain NumPy arrays.
        Nothing of it has been executed.
    ValueError
        If its arrays are not of the form above.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
       document recognition", Proceedings of the IEEE 86, 1998, :doi:`10.1109/5.726791`.

    Examples
    --------
    >>> from skorchless.datasets import load_mnist_pickle
    >>> (x, y), (x_valid, y_valid), _ = load_mnist_pickle("mnist.pkl.gz")  # doctest: +SKIP
    """
    program = _unpack(Path(path))
    _check_instructions(program)
    try:
        content = _ArraysUnpickler(io.BytesIO(program), encoding="bytes").load()
    # What the interpreter of a broken program raises: an empty stack, an unknown memo entry, a
    # record called with the wrong arguments.
    except (IndexError, KeyError, TypeError, AttributeError, ValueError, EOFError) as error:
        raise pickle.UnpicklingError(f"{path} is no pickle of arrays: {error}") from error
    return _check_pairs(content)


def _unpack(path: Path) -> bytes:
    """Return what ``path`` unpacks to, within `MAX_BYTES`."""
    try:
        with gzip.open(path) as packed:
            program = packed.read(MAX_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise pickle.UnpicklingError(f"{path} is no complete gzip file: {error}") from error
    if len(program) > MAX_BYTES:
        raise pickle.UnpicklingError(f"{path} unpacks to more than {MAX_BYTES:,} bytes.")
    return program


def _check_instructions(program: bytes) -> None:
    """Raise unless ``program`` is made of few instructions, all known, and nothing after."""
    end = 0
    try:
        for count, (opcode, argument, position) in enumerate(pickletools.genops(program)):
            if count >= MAX_INSTRUCTIONS:
                raise pickle.UnpicklingError(
                    f"refused: more than {MAX_INSTRUCTIONS:,} instructions."
                )
            # Before an instruction that only newer pickles have, so that the refusal of a hostile
            # one says what it asks for.
            if opcode.name == "GLOBAL":
                _stand_in(*cast(str, argument).split(" ", 1))
            if opcode.name not in INSTRUCTIONS:
                raise pickle.UnpicklingError(
                    f"refused: instruction {opcode.name} at byte {position} is not one of those "
                    "that NumPy arrays are made of."
                )
            end = (position or 0) + 1
    except ValueError as error:
        raise pickle.UnpicklingError(f"the pickle is broken: {error}") from error
    if end != len(program):
        raise pickle.UnpicklingError(f"{len(program) - end:,} bytes follow the pickle's end.")


class _PickledDtype:
    """The parts of a dtype, as pickled: a name, then a state that begins with the byte order."""

    # Neither looks up or shows a value that is not bytes: a tuple that holds the one before it
    # twice, and so on, takes a few bytes of file and for ever to hash or to write out.
    def __init__(self, name: Any, _align: Any, _copy: Any) -> None:
        if not isinstance(name, bytes) or name not in DTYPES:
            raise ValueError("a dtype is neither f4 nor i8")
        self.dtype = DTYPES[name]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] != b"<":
            raise ValueError("the byte order is not little-endian")


class _PickledArray:
    """The parts of an array, as pickled: (version, shape, dtype, is_fortran, bytes)."""

    def __init__(self, _subtype: Any, _shape: Any, _typecode: Any) -> None:
        self.array: Array | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, is_fortran, values = state
        if is_fortran:
            raise ValueError("values lie in Fortran's order")
        # frombuffer takes the bytes for what they are; reshape raises where they do not fit. No
        # copy: a program may use the same bytes for any number of arrays.
        self.array = np.frombuffer(values, dtype.dtype).reshape(shape)


def _ndarray(*_: Any) -> Any:
    """Stand for ``numpy.ndarray``, which is named in the file but has nothing to do."""
    raise pickle.UnpicklingError("refused: numpy.ndarray is not to be called.")


# The globals that the file may name, by module and name. None is the real one.
STAND_INS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _PickledArray,
    ("numpy", "ndarray"): _ndarray,
    ("numpy", "dtype"): _PickledDtype,
}


def _stand_in(module: str, name: str) -> Callable[..., Any]:
    """Return the stand-in for a global; refuse any other."""
    try:
        return STAND_INS[module, name]
    except KeyError:
        raise pickle.UnpicklingError(
            f"refused: the pickle asks for {module}.{name}, which is no part of an array."
        ) from None


class _ArraysUnpickler(pickle.Unpickler):
    """Resolves stand-ins only."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a global; refuse any other."""
        return _stand_in(module, name)


def _check_pairs(content: Any) -> tuple[Pair, Pair, Pair]:
    """Return ``content`` as arrays; raise unless it is three pairs of images and labels."""
    expected = "((x, y), (x_valid, y_valid), (x_test, y_test))"
    is_pairs = (
        isinstance(content, tuple)
        and len(content) == 3
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in content)
        and all(isinstance(part, _PickledArray) for pair in content for part in pair)
    )
    if not is_pairs:
        raise ValueError(f"the pickle does not hold {expected}.")
    pairs = tuple((images.array, labels.array) for images, labels in content)
    for images, labels in pairs:
        is_mnist = (
            images is not None
            and labels is not None
            and (images.dtype, labels.dtype) == (DTYPES[b"f4"], DTYPES[b"i8"])
            and images.shape == (len(labels), 784)
            and labels.ndim == 1
        )
        if not is_mnist:
            raise ValueError(
                f"the arrays of {expected} must be float32 of shape (n, 784) and int64 of shape "
                "(n,)."
            )
    # Copies, at most six, that can be written to; the arrays so far are views of the file's bytes.
    return cast("tuple[Pair, Pair, Pair]", tuple((x.copy(), y.copy()) for x, y in pairs))
