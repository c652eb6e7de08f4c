"""The contributor's menu: `python -m nox -l` lists it, CI calls it by name."""

import functools
import os
import re
import shlex
import shutil
import tempfile
import zipfile
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint", "typecheck"]
# uv, where there is one, takes a sixth of pip's time for gigabytes of torch.
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False

PYTHONS = ("3.11", "3.12", "3.13")
# What other versions of Python and of the dependencies have been seen to break, in two minutes:
# `--quick` after `--` runs these alone.
QUICK_TESTS = (
    "tests/estimators/test_classifier.py",
    "tests/estimators/test_persistence.py",
    "tests/estimators/test_scaler.py",
    "tests/estimators/test_tensors.py",
    "tests/_tables/test_columns.py",
    "tests/_tables/test_dates.py",
    "tests/comparison/test_compare.py",
    "tests/plotting",
    "tests/test_versions.py",
)
# The variable that has the indexes of unreleased versions, with blanks between them.
NIGHTLY_INDEXES = "NIGHTLY_INDEXES"

PYPROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the package as a user would, and dependency groups, in the pinned versions."""
    needed = nox.project.dependency_groups(PYPROJECT, *groups)
    session.install("-c", "constraints.txt", ".", *needed)


# Several processes, each with one thread of the libraries below: threads of two processes that
# wait for each other's cores would take many times as long.
SHARED_AMONG_PROCESSES = ("-n", "logical")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def run_tests(session: nox.Session, *options: str, env: dict[str, str] | None = None) -> None:
    """Run tests and doctests of the installed package; `-m` after `--` chooses others."""
    # Installed, not in place: what is tested is what a user gets.
    what = ("tests", "--doctest-modules", "--pyargs", "skorchless")
    chosen = [option for option in session.posargs if option != "--quick"]
    if len(chosen) < len(session.posargs):
        what = QUICK_TESTS
    session.run("pytest", *what, "--durations=10", *options, *chosen, env=env)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests but the slow ones, and the doctests, with branch coverage."""
    install(session, "test")
    options = ("-m", "not slow", "--cov", "--cov-report=term-missing", *SHARED_AMONG_PROCESSES)
    run_tests(session, *options, env=ONE_THREAD)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the slow tests: large data, other processes, long fits."""
    install(session, "test")
    run_tests(session, "-m", "slow")


def tests_of_python(session: nox.Session) -> None:
    """Run all tests but the slow ones by this Python; `-- --quick` some of them."""
    install(session, "test")
    run_tests(session, "-m", "not slow", *SHARED_AMONG_PROCESSES, env=ONE_THREAD)


for version in PYTHONS:
    nox.session(tests_of_python, python=version, name=f"tests-{version}")


def lower_bounds(*, keep: str = "") -> list[str]:
    """Return the lower bounds of pyproject.toml as exact versions, but for a package to keep."""
    extras = PYPROJECT["project"]["optional-dependencies"].values()
    needed = [*PYPROJECT["project"]["dependencies"], *(one for extra in extras for one in extra)]
    needed += nox.project.dependency_groups(PYPROJECT, "test")
    bounds = dict(re.sub(r"\[.*\]", "", one).split(">=") for one in needed)
    return [f"{name}=={at_least}" for name, at_least in bounds.items() if name != keep]


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the fast tests on the oldest versions of everything; `-- --quick` with torch as pinned.

    The oldest torch is gigabytes in most indexes.
    """
    is_quick = "--quick" in session.posargs
    pinned = Path("constraints.txt").read_text("utf-8").splitlines()
    bounds = lower_bounds(keep="torch" if is_quick else "")
    bounds += [line for line in pinned if is_quick and line.startswith("torch==")]
    constraints = Path(session.create_tmp()) / "lowest.txt"
    constraints.write_text("\n".join(bounds))
    needed = nox.project.dependency_groups(PYPROJECT, "test")
    session.install("-c", str(constraints), ".", *needed)
    # Old packages call what newer ones below them have deprecated.
    options = ("-m", "not slow", "-W", "ignore::DeprecationWarning", *SHARED_AMONG_PROCESSES)
    run_tests(session, *options, env=ONE_THREAD)


@nox.session
def nightly(session: nox.Session) -> None:
    """Run the fast tests on unreleased scikit-learn and torch; skipped where there are none."""
    indexes = os.environ.get(NIGHTLY_INDEXES, "").split()
    if not indexes:
        session.skip(f"{NIGHTLY_INDEXES} names no index of unreleased versions")
    install(session, "test")
    where = [option for index in indexes for option in ("--extra-index-url", index)]
    session.install("--upgrade", "--pre", *where, "scikit-learn", "torch")
    ask = "from importlib.metadata import version; print(version('{}'))"
    names = ("scikit-learn", "torch")
    found = {name: session.run("python", "-c", ask.format(name), silent=True) for name in names}
    session.log(", ".join(f"{name} {version.strip()}" for name, version in found.items()))
    if not any(re.search(r"\.dev|rc|[ab]\d", version) for version in found.values()):
        session.skip("the indexes have no unreleased version")
    run_tests(session, "-m", "not slow", "-W", "ignore::DeprecationWarning")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build sdist and wheel, check them, and use the wheel outside the checkout."""
    session.install("-c", "constraints.txt", *nox.project.dependency_groups(PYPROJECT, "release"))
    dist = Path(session.create_tmp()) / "dist"
    for old in dist.glob("*"):
        old.unlink()
    session.run("python", "-m", "build", "--outdir", str(dist))
    session.run("twine", "check", "--strict", *map(str, dist.iterdir()))
    [built] = dist.glob("*.whl")
    check_contents(session, built)
    with tempfile.TemporaryDirectory() as folder:
        use_wheel(session, built.resolve(), Path(folder))


def check_contents(session: nox.Session, built: Path) -> None:
    """Fail unless a wheel holds the package's files in git, its metadata, and nothing else."""
    tracked = session.run("git", "ls-files", "skorchless", external=True, silent=True).split()
    with zipfile.ZipFile(built) as archive:
        held = [name for name in archive.namelist() if ".dist-info/" not in name]
    if different := {*held} ^ {*tracked}:
        session.error(f"either the wheel or git alone has {', '.join(sorted(different))}")
    session.log(f"{built.name}: {len(held)} files, {built.stat().st_size / 1000:.0f} kB")


def use_wheel(session: nox.Session, built: Path, folder: Path) -> None:
    """Run README's commands, its first lines of Python and the quick tests, on a wheel alone."""
    readme, constraints = Path("README.md").read_text("utf-8"), Path("constraints.txt").resolve()
    needed = nox.project.dependency_groups(PYPROJECT, "test")
    shutil.copytree("tests", folder / "tests")
    shutil.copy("pyproject.toml", folder)  # pytest's settings
    rows = [f"{i % 7},{'north' if i % 3 else 'south'},{i % 2}" for i in range(200)]
    (folder / "sales.csv").write_text("\n".join(["price,shop,returned", *rows]))
    session.run("python", "-m", "venv", str(folder / "venv"))
    python = str(folder / "venv" / "bin" / "python")
    with session.chdir(folder):
        run = functools.partial(session.run, python, "-m", external=True)
        run("pip", "install", "-q", "-c", str(constraints), str(built))
        for line in re.findall(r"^(?:.* && )?skorchless (compare.*)$", readme, re.MULTILINE):
            if "mnist" not in line:
                run("skorchless", *shlex.split(line))
        code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1]
        session.run(python, "-c", code, external=True)
        run("pip", "install", "-q", "-c", str(constraints), *needed)
        run("pytest", *QUICK_TESTS, "-m", "not slow")


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
        is_single = kernel["OMP_NUM_THREADS"] == "1"
        session.run(
            *("pytest", *(session.posargs or SOLVER_TESTS), "-m", "not slow", "-q"),
            *(SHARED_AMONG_PROCESSES if is_single else ()),
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
    """Build the documentation, a warning is an error; follow its links, and look at its pages."""
    install(session, "docs")
    session.run(*("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html"))
    session.run("pytest", "docs/test_pages.py")


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
