"""The contributor's menu: `python -m nox -l` lists it, CI calls it by name."""

import nox

nox.options.sessions = ["tests", "lint", "typecheck"]
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True

PYPROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the package as a user would, and dependency groups, in the pinned versions."""
    needed = nox.project.dependency_groups(PYPROJECT, *groups)
    session.install("-c", "constraints.txt", ".", *needed)


def run_tests(session: nox.Session, *options: str) -> None:
    """Run tests and doctests of the installed package; `-m` after `--` chooses others."""
    install(session, "test")
    # Installed, not in place: what is tested is what a user gets.
    session.run(
        *("pytest", "tests", "--doctest-modules", "--pyargs", "skorchless", "--durations=10"),
        *options,
        *session.posargs,
    )


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests but the slow ones, and the doctests, with branch coverage."""
    run_tests(session, "-m", "not slow", "--cov", "--cov-report=term-missing")


@nox.session
def slow(session: nox.Session) -> None:
    """Run the slow tests: large data, other processes, long fits."""
    run_tests(session, "-m", "slow")


# The instructions that the libraries below may use, by the oldest processor that has them, and
# threads. Sums come out with other last bits, and no test may depend on those. For Zen, OpenBLAS
# takes the kernels of Haswell.
KERNELS = {
    "nehalem": {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
        "OMP_NUM_THREADS": "1",
    },
    "haswell": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "OMP_NUM_THREADS": "4",
    },
    "skylakex": {
        "ATEN_CPU_CAPABILITY": "avx512",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "OPENBLAS_CORETYPE": "SkylakeX",
        "OMP_NUM_THREADS": "4",
    },
}
SOLVER_TESTS = (
    "tests/_engine",
    "tests/estimators/test_promises_of_logistic_regression.py",
    "tests/estimators/test_elastic_net.py",
)


@nox.session
def kernels(session: nox.Session) -> None:
    """Run the fast tests of the solvers by the instructions of other processors."""
    install(session, "test")
    ask = "import torch; print(torch.backends.cpu.get_cpu_capability())"
    has_avx512 = "AVX512" in session.run("python", "-c", ask, silent=True)
    for name, kernel in KERNELS.items():
        if name == "skylakex" and not has_avx512:
            session.log("skylakex is left out: this processor has no AVX-512")
            continue
        session.log(f"by the instructions of {name}:")
        session.run(
            *("pytest", *(session.posargs or SOLVER_TESTS), "-m", "not slow", "-q"),
            env=kernel,
        )


@nox.session
def fuzz(session: nox.Session) -> None:
    """Draw thousands of new cases for each property; `-- -k scaler` some of them."""
    install(session, "test")
    session.run(
        *("pytest", "tests/estimators/test_properties.py", "--hypothesis-profile=fuzz"),
        *session.posargs,
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check types with mypy, strictly."""
    install(session, "typecheck")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    install(session, "docs")
    session.run(*("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html"))


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against peers, side by side; `-- epoch small` some, `-- --write FILE` the page."""
    install(session, "bench")
    session.run("python", "benchmarks/report.py", *session.posargs)


@nox.session
def compare(session: nox.Session) -> None:
    """Run the main job; `-- mnist --save FILE` and the like go to it."""
    install(session)
    session.run("skorchless", "compare", *session.posargs)
