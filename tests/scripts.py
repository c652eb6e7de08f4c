"""Scripts in a process of their own: where one waits forever, the test fails and does not hang."""

import os
import signal
import subprocess
import sys

import pytest

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
SECONDS = 120  # a few of them are needed, on a busy machine some tens


def run_script(folder, text, *arguments, **variables):
    """Return what a script prints; end it, and all that it has forked, when its time is over.

    Of the variables that limit threads it has those that are given alone.
    """
    script = folder / "script.py"
    script.write_text(text)
    inherited = {name: os.environ[name] for name in os.environ if name not in THREAD_VARIABLES}
    process = subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=inherited | variables,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, errors = process.communicate()
        pytest.fail(f"not finished after {SECONDS} s\n{output}\n{errors}")
    assert process.returncode == 0, output + errors
    return output
