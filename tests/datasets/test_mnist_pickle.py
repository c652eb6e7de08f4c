"""load_mnist_pickle reads the course's arrays and executes nothing."""

import gzip
import os
import pickle
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import get_data_home

from skorchless.datasets import _mnist_pickle, load_mnist_pickle


def instruction(value):
    """Return the instructions by which Python 2 pickled ``value``."""
    if isinstance(value, tuple):
        return b"(" + b"".join(map(instruction, value)) + b"t"
    if isinstance(value, bytes):
        return b"T" + struct.pack("<i", len(value)) + value
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, np.ndarray):
        return array_instructions(value)
    return b"N"


def array_instructions(array, name=None, order=b"<", is_fortran=False):
    name = name or f"{array.dtype.kind}{array.dtype.itemsize}".encode()
    dtype = b"cnumpy\ndtype\n" + instruction((name, False, True)) + b"R"
    dtype += instruction((3, order, None, None, None, -1, -1, 0)) + b"b"
    state = b"(" + instruction(1) + instruction(array.shape) + dtype
    state += instruction(is_fortran) + instruction(array.tobytes()) + b"t"
    head = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + instruction((0,))
    return head + instruction(b"b") + b"tR" + state + b"b"


def program(value):
    return b"\x80\x02" + instruction(value) + b"."


def pair(n_samples, seed=0):
    rng = np.random.RandomState(seed)
    return rng.rand(n_samples, 784).astype(np.float32), rng.randint(0, 10, n_samples)


PAIRS = (pair(5), pair(3), pair(2))


@pytest.fixture
def write(tmp_path):
    def write(content, compress=True):
        path = tmp_path / "mnist.pkl.gz"
        path.write_bytes(gzip.compress(content) if compress else content)
        return path

    return write


def test_arrays_come_back_as_they_were_pickled(write):
    loaded = load_mnist_pickle(write(program(PAIRS)))
    for (x, y), (x_expected, y_expected) in zip(loaded, PAIRS, strict=True):
        np.testing.assert_array_equal(x, x_expected)
        np.testing.assert_array_equal(y, y_expected)
        x[0, 0] = 1.0  # can be written to


def test_the_programs_of_this_file_are_what_pickle_itself_reads():
    # So that a refusal below is not for a program that is broken anyway.
    loaded = pickle.loads(program(PAIRS), encoding="bytes")
    np.testing.assert_array_equal(loaded[0][0], PAIRS[0][0])


class Payload:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x80\x02cos\nsystem\n" + instruction((b"touch hacked",)) + b"R.",
        b"\x80\x02cposix\nsystem\n" + instruction((b"touch hacked",)) + b"R.",
        b"\x80\x02c__builtin__\neval\n" + instruction((b"open('hacked', 'w')",)) + b"R.",
        b"\x80\x02cbuiltins\nexec\n" + instruction((b"open('hacked', 'w')",)) + b"R.",
        b"\x80\x02cnumpy\nload\n" + instruction((b"hacked",)) + b"R.",
        b"\x80\x02cnumpy.core.multiarray\nfromfile\n" + instruction((b"hacked",)) + b"R.",
        b"\x80\x02cnumpy\nndarray\n" + instruction((10**9,)) + b"R.",
        # A hostile call nested in the arguments of a harmless one.
        b"\x80\x02cnumpy\ndtype\n(cos\nsystem\n" + instruction((b"touch hacked",)) + b"RtR.",
    ],
)
def test_every_other_global_is_refused_and_nothing_is_executed(write, hostile, monkeypatch):
    path = write(hostile)
    monkeypatch.chdir(path.parent)
    with pytest.raises(pickle.UnpicklingError, match="refused"):
        load_mnist_pickle(path)
    assert not Path("hacked").exists()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3])
@pytest.mark.parametrize("call", [(os.system, "touch hacked"), (eval, "1")])
def test_the_refusal_names_the_global(write, protocol, call):
    function = call[0]
    module = "__builtin__" if function is eval and protocol < 3 else function.__module__
    path = write(pickle.dumps(Payload(*call), protocol=protocol))
    with pytest.raises(
        pickle.UnpicklingError, match=rf"refused: .* {module}\.{function.__name__}"
    ):
        load_mnist_pickle(path)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("call", [(os.system, "touch hacked"), (eval, "1"), (print, "hacked")])
def test_pickles_of_any_protocol_are_refused(write, protocol, call, monkeypatch, capsys):
    path = write(pickle.dumps(Payload(*call), protocol=protocol))
    monkeypatch.chdir(path.parent)
    with pytest.raises(pickle.UnpicklingError):
        load_mnist_pickle(path)
    assert not Path("hacked").exists()
    assert capsys.readouterr().out == ""


def test_an_array_of_objects_is_refused(write):
    array = array_instructions(np.zeros(2), name=b"O8")
    with pytest.raises(pickle.UnpicklingError, match="no pickle of arrays"):
        load_mnist_pickle(write(b"\x80\x02" + array + b"."))


def test_an_instruction_that_reserves_memory_is_refused(write):
    # LONG_BINPUT 2**31: an unpickler would make room for as many memo entries.
    with pytest.raises(pickle.UnpicklingError, match="refused: instruction LONG_BINPUT"):
        load_mnist_pickle(write(b"\x80\x02Nr\x00\x00\x00\x80."))


# A tuple that holds the one before twice, 60 times over: to show, hash or compare it takes 2**60
# steps. To build it takes 300 bytes.
DOUBLED = b"N\x85" + b"q\x00h\x00\x86" * 60
DTYPE = b"cnumpy\ndtype\n"


@pytest.mark.parametrize(
    "dtype",
    [
        DTYPE + b"(" + DOUBLED + b"\x89\x88tR",
        DTYPE + instruction((b"f4", False, True)) + b"R(K\x03" + DOUBLED + b"NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb",
    ],
    ids=["name", "byte order"],
)
def test_a_value_that_is_endless_to_show_is_refused_at_once(write, dtype):
    with pytest.raises(pickle.UnpicklingError, match="no pickle of arrays"):
        load_mnist_pickle(write(b"\x80\x02" + dtype + b"."))


def test_values_that_are_used_again_and_again_take_no_more_memory(write, monkeypatch):
    monkeypatch.setattr(_mnist_pickle, "MAX_BYTES", 2_000_000)
    n_values = 250_000
    state = (
        b"("
        + instruction(1)
        + instruction((n_values,))
        + DTYPE
        + instruction((b"f4", 0, 1))
        + b"R"
    )
    state += instruction(False) + instruction(bytes(4 * n_values)) + b"tq\x03"
    new = b"cnumpy.core.multiarray\n_reconstruct\n" + instruction((1, 2, 3)) + b"R"
    path = write(b"\x80\x02" + new + state + b"b" + (new + b"h\x03b") * 200 + b".")
    tracemalloc.start()
    with pytest.raises(ValueError, match="does not hold"):
        load_mnist_pickle(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000  # 200 arrays of 1 MB each would be 200 MB


def test_a_program_of_very_many_instructions_is_refused(write):
    start = time.perf_counter()
    with pytest.raises(pickle.UnpicklingError, match="refused: more than 10,000 instructions"):
        load_mnist_pickle(write(b"\x80\x02" + b"N" * 10_000_000 + b"."))
    assert time.perf_counter() - start < 10  # not a speed: it must not go through all of them


def test_a_gzip_bomb_is_refused(write, monkeypatch):
    monkeypatch.setattr(_mnist_pickle, "MAX_BYTES", 1000)
    with pytest.raises(pickle.UnpicklingError, match="unpacks to more than 1,000 bytes"):
        load_mnist_pickle(write(b"\x00" * 100_000))


@pytest.mark.parametrize(
    ("content", "compress", "message"),
    [
        (program(PAIRS)[:-1], True, "broken"),
        (program(PAIRS)[:500], True, "broken"),
        (program(PAIRS) + b"\x00", True, "1 bytes follow the pickle's end"),
        (b"", True, "broken"),
        (b"\x80\x02.", True, "stack underflow"),
        (b"\x80\x02h\x07.", True, "Memo value not found"),
        (gzip.compress(program(PAIRS), mtime=0)[:-30], False, "no complete gzip file"),
        (program(PAIRS), False, "no complete gzip file"),
    ],
    ids=["no stop", "cut", "trailing", "empty", "empty stack", "no memo", "cut gzip", "no gzip"],
)
def test_a_broken_file_is_refused(write, content, compress, message):
    with pytest.raises(pickle.UnpicklingError, match=message):
        load_mnist_pickle(write(content, compress))


X, Y = pair(4)


@pytest.mark.parametrize(
    "content",
    [
        (1, 2),
        (PAIRS[0], PAIRS[1]),
        (PAIRS[0], PAIRS[1], (X,)),
        (PAIRS[0], PAIRS[1], (X, 5)),
        (PAIRS[0], PAIRS[1], (X[:, :700], Y)),
        (PAIRS[0], PAIRS[1], (X, Y[:3])),
        (PAIRS[0], PAIRS[1], (X, X)),
        (PAIRS[0], PAIRS[1], (Y, Y)),
    ],
)
def test_other_arrays_than_mnists_are_a_value_error(write, content):
    with pytest.raises(ValueError, match="x_valid, y_valid"):
        load_mnist_pickle(write(program(content)))


def test_a_shape_that_does_not_fit_the_bytes_is_refused(write):
    wrong = program(PAIRS).replace(instruction((5, 784)), instruction((6, 784)))
    with pytest.raises(pickle.UnpicklingError, match="no pickle of arrays"):
        load_mnist_pickle(write(wrong))


def test_big_endian_values_are_not_taken_for_little_endian_ones(write):
    array = array_instructions(X, order=b">")
    with pytest.raises(pickle.UnpicklingError, match="byte order"):
        load_mnist_pickle(write(b"\x80\x02" + array + b"."))


def test_columns_first_values_are_not_taken_for_rows_first_ones(write):
    array = array_instructions(X, is_fortran=True)
    with pytest.raises(pickle.UnpicklingError, match="Fortran"):
        load_mnist_pickle(write(b"\x80\x02" + array + b"."))


def test_a_missing_file_is_an_ordinary_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_mnist_pickle(tmp_path / "nothing.pkl.gz")


@pytest.mark.mnist
@pytest.mark.slow
def test_the_courses_pickle_holds_the_pixels_of_the_idx_files(mnist):
    path = Path(get_data_home()) / "mnist" / "mnist.pkl.gz"
    if not path.exists():
        pytest.skip(f"the course's mnist.pkl.gz is not at {path}")
    parts = zip(("", "_valid", "_test"), load_mnist_pickle(path), strict=True)
    for suffix, (images, labels) in parts:
        assert images.dtype == np.float32
        np.testing.assert_array_equal(images * 256, mnist["data" + suffix])
        np.testing.assert_array_equal(labels, mnist["target" + suffix])
