"""The process of the command: what is set in it before torch is loaded, and what is not."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from skorchless.cli import main

VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME")
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
MODULE = "import runpy; runpy.run_module('skorchless', run_name='__main__')"
SCRIPT = "from skorchless.__main__ import run; run()"  # as pip writes it
IMPORT = "from skorchless.__main__ import main; main()"  # as another program may call it


def set_by(start, **given):
    """Return the variables of a process that is started so, with those given, as a text.

    They are read after the arguments, and before torch is loaded.
    """
    code = f"""
import os, sys
try:
    {start}
except SystemExit:
    assert "torch" not in sys.modules
    print({{name: os.environ[name] for name in {VARIABLES} if name in os.environ}})
"""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"],
        env=environment | given,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("start", [MODULE, SCRIPT])
def test_threads_of_the_command_spin_for_a_short_while(start):
    assert set_by(start) == "{'GOMP_SPINCOUNT': '10000'}"


@pytest.mark.parametrize("start", [MODULE, SCRIPT])
@pytest.mark.parametrize(
    ("name", "value"),
    [("GOMP_SPINCOUNT", "300000"), ("OMP_WAIT_POLICY", "active"), ("KMP_BLOCKTIME", "200")],
)
def test_what_the_user_has_said_of_waiting_stays_as_it_is(start, name, value):
    assert set_by(start, **{name: value}) == str({name: value})


def test_another_program_keeps_its_environment():
    assert set_by(IMPORT) == "{}"


def test_main_leaves_the_environment_alone(monkeypatch, capsys):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert dict(os.environ) == before


@pytest.mark.skipif(not PYPROJECT.exists(), reason="the tests are away from their checkout")
def test_the_installed_command_starts_here():
    scripts = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["scripts"]
    assert scripts == {"skorchless": "skorchless.__main__:run"}
