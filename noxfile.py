"""The contributor's menu: `python -m nox -l` lists it, CI calls it by name."""

import nox

nox.options.sessions = ["tests", "lint", "typecheck"]
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
# On a busy machine torch's threads else spin so long that a fit takes ten times as long; see
# docs/faq.md. Not for `bench`, whose machine is idle.
SHORT_SPIN = {"GOMP_SPINCOUNT": "10000"}


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
        env=SHORT_SPIN,
    )


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests but the slow ones, and the doctests, with branch coverage."""
    run_tests(session, "-m", "not slow", "--cov", "--cov-report=term-missing")


@nox.session
def slow(session: nox.Session) -> None:
    """Run the slow tests: large data, other processes, long fits."""
    run_tests(session, "-m", "slow")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Draw thousands of new cases for each property; `-- -k scaler` some of them."""
    install(session, "test")
    session.run(
        *("pytest", "tests/estimators/test_properties.py", "--hypothesis-profile=fuzz"),
        *session.posargs,
        env=SHORT_SPIN,
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
    session.run(
        *("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html"),
        env=SHORT_SPIN,
    )


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
