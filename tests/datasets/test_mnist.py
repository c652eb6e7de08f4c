"""fetch_mnist accepts the true files in any packing, and overwrites nothing."""

import gzip
import hashlib
import struct
import tracemalloc
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest

from skorchless.datasets import _mnist, fetch_mnist

RNG = np.random.RandomState(0)
ARRAYS = {
    "train_images": RNG.randint(0, 256, size=(30, 28, 28), dtype=np.uint8),
    "train_labels": (np.arange(30) % 10).astype(np.uint8),
    "test_images": RNG.randint(0, 256, size=(8, 28, 28), dtype=np.uint8),
    "test_labels": (np.arange(8) % 10).astype(np.uint8),
}


def as_idx(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


@pytest.fixture
def small_mnist(monkeypatch):
    """Let MNIST be 38 small images, the last 10 of 30 for validation."""
    files = {}
    for key, array in ARRAYS.items():
        content = as_idx(array)
        digest = hashlib.sha256(content).hexdigest()
        files[key] = _mnist.IdxFile(_mnist.FILES[key].name, digest, len(content))
    monkeypatch.setattr(_mnist, "FILES", files)
    monkeypatch.setattr(_mnist, "N_VALID", 10)
    return files


@pytest.fixture
def home(small_mnist, tmp_path):
    folder = tmp_path / "mnist"
    folder.mkdir()
    for key, file in small_mnist.items():
        (folder / file.name).write_bytes(gzip.compress(as_idx(ARRAYS[key])))
    return tmp_path


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_the_lectures_split_validates_on_the_last_training_images(home):
    mnist = fetch_mnist(data_home=home)
    images = ARRAYS["train_images"].reshape(30, 784)
    np.testing.assert_array_equal(mnist.data, images[:20])
    np.testing.assert_array_equal(mnist.data_valid, images[20:])
    np.testing.assert_array_equal(mnist.data_test, ARRAYS["test_images"].reshape(8, 784))
    np.testing.assert_array_equal(mnist.target_valid, ARRAYS["train_labels"][20:])
    assert mnist.data.dtype == np.uint8
    assert mnist.target.dtype == np.int64


@pytest.mark.parametrize(("split", "n_samples"), [("train", 30), ("test", 8), ("all", 38)])
def test_other_splits_have_one_part(home, split, n_samples):
    mnist = fetch_mnist(data_home=home, split=split)
    assert mnist.data.shape == (n_samples, 784)
    assert mnist.target.shape == (n_samples,)
    assert "data_valid" not in mnist
    X, y = fetch_mnist(data_home=home, split=split, return_X_y=True)
    np.testing.assert_array_equal(X, mnist.data)
    np.testing.assert_array_equal(y, mnist.target)


def test_return_X_y_of_the_lectures_split_is_laid_out_as_in_the_course(home):
    pairs = fetch_mnist(data_home=home, return_X_y=True)
    assert [(len(x), len(y)) for x, y in pairs] == [(20, 20), (10, 10), (8, 8)]


def test_frames_name_pixels_by_row_and_column(home):
    mnist = fetch_mnist(data_home=home, as_frame=True)
    assert isinstance(mnist.data, pd.DataFrame)
    assert mnist.data.columns[[0, 27, 28, 783]].tolist() == [
        *("pixel_0_0", "pixel_0_27", "pixel_1_0", "pixel_27_27")
    ]
    assert mnist.frame.columns[-1] == mnist.target.name == "target"
    assert mnist.frame.shape == (20, 785)
    assert (mnist.data.dtypes == np.uint8).all()


def test_frames_come_in_pairs_too(home):
    (X, y), (X_valid, _), _ = fetch_mnist(data_home=home, return_X_y=True, as_frame=True)
    assert isinstance(X, pd.DataFrame)
    assert isinstance(y, pd.Series)
    assert X_valid.shape == (10, 784)


def test_a_change_to_one_result_is_not_in_the_next(home):
    fetch_mnist(data_home=home).feature_names.clear()
    assert len(fetch_mnist(data_home=home).feature_names) == 784


def test_arrays_can_be_written_to(home):
    fetch_mnist(data_home=home).data[0, 0] = 7


def test_scikit_learns_data_home_is_the_default(home, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(home))
    assert fetch_mnist().data.shape == (20, 784)


def test_reading_changes_nothing_on_disk(home):
    before = contents(home / "mnist")
    times = [path.stat().st_mtime_ns for path in (home, home / "mnist")]
    fetch_mnist(data_home=home)
    assert contents(home / "mnist") == before
    assert [path.stat().st_mtime_ns for path in (home, home / "mnist")] == times


def test_an_unknown_split_is_an_error_that_lists_the_known_ones(home):
    with pytest.raises(ValueError, match="split='valid' is unknown; use one of: lecture, train"):
        fetch_mnist(data_home=home, split="valid")


@pytest.mark.parametrize("level", [0, 1, 9])
def test_any_packing_of_the_true_content_is_accepted(home, small_mnist, level):
    name = small_mnist["train_images"].name
    (home / "mnist" / name).write_bytes(
        gzip.compress(as_idx(ARRAYS["train_images"]), compresslevel=level, mtime=12345)
    )
    assert fetch_mnist(data_home=home, download_if_missing=False).data.shape == (20, 784)


TRUE = as_idx(ARRAYS["test_images"])
WRONG = {
    "other content": gzip.compress(TRUE[:-1] + b"\x00\x01"[TRUE[-1] == 0 :][:1], mtime=0),
    "shorter": gzip.compress(TRUE[:-1], mtime=0),
    "longer": gzip.compress(TRUE + b"\x00", mtime=0),
    "a bomb": gzip.compress(b"\x00" * 50_000_000, mtime=0),
    "cut off": gzip.compress(TRUE, mtime=0)[:-20],
    "no gzip": TRUE,
    "empty": b"",
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_by_name_and_left_as_it_is(home, small_mnist, case, monkeypatch):
    monkeypatch.setattr(_mnist, "fetch_file", None)  # nothing is downloaded in its place
    path = home / "mnist" / small_mnist["test_images"].name
    path.write_bytes(WRONG[case])
    before = contents(home / "mnist")
    with pytest.raises(OSError, match=f"{path.name} .*move it away and call again"):
        fetch_mnist(data_home=home)
    assert contents(home / "mnist") == before


def test_a_bomb_is_not_unpacked_to_its_end(home, small_mnist):
    (home / "mnist" / small_mnist["train_images"].name).write_bytes(WRONG["a bomb"])
    tracemalloc.start()
    with pytest.raises(OSError, match="move it away"):
        fetch_mnist(data_home=home)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000  # it holds 50 MB


def test_missing_files_without_download_say_where_they_should_lie(small_mnist, tmp_path):
    with pytest.raises(OSError, match=r"is not in .*mnist, and download_if_missing is False"):
        fetch_mnist(data_home=tmp_path, download_if_missing=False)
    assert not (tmp_path / "mnist").exists()


@pytest.fixture
def mirrors(monkeypatch):
    """Serve downloads from a dict: URL to bytes, or to an exception to raise."""
    served, asked = {}, []

    def fetch_file(url, folder, n_retries):
        asked.append(url)
        answer = served.get(url, URLError("no such host"))
        if isinstance(answer, Exception):
            raise answer
        path = Path(folder) / url.rsplit("/", 1)[1]
        path.write_bytes(answer)
        return path

    monkeypatch.setattr(_mnist, "fetch_file", fetch_file)
    return served, asked


def serve(served, files, mirror):
    for key, file in files.items():
        served[mirror + file.name] = gzip.compress(as_idx(ARRAYS[key]))


def test_missing_files_are_downloaded_once(small_mnist, mirrors, tmp_path):
    served, asked = mirrors
    serve(served, small_mnist, _mnist.MIRRORS[0])
    assert fetch_mnist(data_home=tmp_path).data.shape == (20, 784)
    assert len(asked) == 4
    assert sorted(contents(tmp_path / "mnist")) == sorted(f.name for f in small_mnist.values())
    fetch_mnist(data_home=tmp_path)
    assert len(asked) == 4


@pytest.mark.parametrize(
    "failure",
    [URLError("down"), gzip.compress(b"error page", mtime=0), b"", ConnectionResetError()],
)
def test_the_second_mirror_serves_where_the_first_fails(small_mnist, mirrors, tmp_path, failure):
    served, _ = mirrors
    serve(served, small_mnist, _mnist.MIRRORS[1])
    for file in small_mnist.values():
        served[_mnist.MIRRORS[0] + file.name] = failure
    assert fetch_mnist(data_home=tmp_path).data.shape == (20, 784)


def test_a_wrong_download_is_never_put_in_place(small_mnist, mirrors, tmp_path):
    served, _ = mirrors
    for mirror in _mnist.MIRRORS:
        for file in small_mnist.values():
            served[mirror + file.name] = gzip.compress(b"something else", mtime=0)
    with pytest.raises(OSError, match="could not be downloaded"):
        fetch_mnist(data_home=tmp_path)
    assert not (tmp_path / "mnist").exists()


def test_without_data_and_network_one_sentence_says_what_to_do(small_mnist, mirrors, tmp_path):
    with pytest.raises(OSError, match="could not be downloaded") as raised:
        fetch_mnist(data_home=tmp_path)
    message = str(raised.value)
    for needed in ("train-images", str(tmp_path), "no such host", "SCIKIT_LEARN_DATA"):
        assert needed in message
    assert "\n" not in message
    assert message.count("no such host") == 1
    assert all(file.name in message for file in small_mnist.values())
    assert isinstance(raised.value.__cause__, URLError)


def test_scikit_learns_own_download_falls_to_the_second_mirror_without_a_warning(
    home, monkeypatch, tmp_path
):
    # `file://` stands for the network. A retry would warn, and so fail here.
    mirrors = [f"file://localhost{tmp_path}/{name}/" for name in ("gone", "mnist")]
    monkeypatch.setattr(_mnist, "MIRRORS", mirrors)
    other_home = tmp_path / "other"
    assert fetch_mnist(data_home=other_home).data.shape == (20, 784)
    assert contents(other_home / "mnist") == contents(home / "mnist")


@pytest.mark.mnist
def test_real_mnist_has_the_known_shapes_and_labels(mnist):
    assert mnist.data.shape == (50_000, 784)
    assert mnist.data_valid.shape == mnist.data_test.shape == (10_000, 784)
    assert mnist.target[:5].tolist() == [5, 0, 4, 1, 9]
    labels = np.concatenate([mnist.target, mnist.target_valid])
    # The counts of the digits 0 to 9 in the 60,000, as published with the data.
    assert np.bincount(labels).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    # And those in the 10,000.
    assert np.bincount(mnist.target_test).tolist() == [
        *(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    ]


@pytest.mark.mnist
def test_real_mnist_is_validated_on_the_last_10_000(mnist):
    X, y = fetch_mnist(split="train", return_X_y=True, download_if_missing=False)
    assert len(X) == len(y) == 60_000
    np.testing.assert_array_equal(mnist.data, X[:50_000])
    np.testing.assert_array_equal(mnist.data_valid, X[50_000:])
    np.testing.assert_array_equal(mnist.target_valid, y[50_000:])


def test_downloads_are_by_https_alone():
    assert _mnist.MIRRORS
    assert all(mirror.startswith("https://") for mirror in _mnist.MIRRORS)
