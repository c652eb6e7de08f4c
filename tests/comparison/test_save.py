"""save_table: the ending is the format, and a file is whole or absent."""

import pandas as pd
import pytest

from skorchless._files import TABLE_ENDINGS, check_save_path
from skorchless.comparison import _save
from skorchless.comparison._save import save_table

TABLE = pd.DataFrame(
    {"accuracy": [0.9, 0.8], "log_loss": [0.25, float("nan")], "size_bytes": [100, 2_000]},
    index=pd.Index(["adam", "forest"], name="model"),
)
READERS = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".feather": pd.read_feather}


@pytest.mark.parametrize("ending", [*READERS, ".CSV"])
def test_a_saved_table_reads_back(tmp_path, ending):
    if ending.lower() != ".csv":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"table{ending}"
    check_save_path(path, TABLE_ENDINGS)
    save_table(TABLE, path)
    pd.testing.assert_frame_equal(READERS[ending.lower()](path).set_index("model"), TABLE)
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_file_is_replaced(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    save_table(TABLE, path)
    assert path.read_text().startswith("model,accuracy,")


def test_a_failed_save_leaves_the_existing_file_and_nothing_else(tmp_path, monkeypatch):
    def write_half(_frame, path, _ending):
        path.write_text("half")
        raise OSError("No space left on device")

    path = tmp_path / "table.csv"
    path.write_text("old")
    monkeypatch.setattr(_save, "_write", write_half)
    with pytest.raises(OSError, match="No space left"):
        save_table(TABLE, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_symbolic_link_stays_one(tmp_path):
    link, path = tmp_path / "link.csv", tmp_path / "table.csv"
    path.write_text("old")
    link.symlink_to(path)
    save_table(TABLE, link)
    assert link.is_symlink()
    assert path.read_text().startswith("model,")
