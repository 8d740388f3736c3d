"""The house rules that a machine can check; each rule is seen to catch a planted violation."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "graphurl"
MAX_LINES = 300

# What stands on which floor. Imports go to a strictly lower floor, or stay in the same folder; the files of
# the ground may see each other.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "registry"}),
    frozenset({"functional"}),
    frozenset({"similarity", "encoders", "augment", "recipes"}),
    frozenset({"graphs", "losses"}),
    frozenset({"data"}),
    frozenset({"machine", "model", "relations", "source"}),
    frozenset({"terms", "training"}),
    frozenset({"memory"}),
    frozenset({"assembly", "evaluation", "exports"}),
    frozenset({"plots"}),
    frozenset({"interactive"}),
    frozenset({"embedding"}),
    frozenset({"teachers"}),
    frozenset({"pipeline"}),
    frozenset({"runs"}),
    frozenset({"aligned", "bench", "downstream", "tuning"}),
    frozenset({"estimators", "cli"}),
    frozenset({"__init__", "__main__"}),
)
LEVEL = {unit: level for level, floor in enumerate(FLOORS) for unit in floor}
GRAB_BAGS = re.compile(r"^_*(utils?|commons?|helpers?|misc)$")
# In brackets, so that this file does not find itself.
MACHINE = re.compile(r"/wor[k]/|/roo[t]/|/tm[p]/|/hom[e]/\w|GRAPHURL_DATA=[/]|[+]cp[u]\b")
LAZY = ("faiss", "matplotlib", "networkx", "pandas", "sklearn", "torch_geometric")


def unit_of(path: Path) -> str:
    """Returns the floor's unit that a file of the package belongs to: its top folder, or its own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_units(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields line and unit of every import of this package, inside functions and type-checking blocks too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "graphurl":
            # The version is a plain value of the package itself, for every floor to read.
            modules = [f"graphurl.{alias.name}" for alias in node.names if alias.name != "__version__"]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            continue
        for module in modules:
            top, _, rest = module.partition(".")
            if top == "graphurl":
                yield node.lineno, rest.partition(".")[0] or "__init__"


def floor_slips(path: Path, source: str) -> list[str]:
    """Returns the imports that do not go down."""
    here = unit_of(path)
    if here not in LEVEL:
        return [f"{here} stands on no floor: add it to FLOORS"]
    slips = []
    for line, there in imported_units(ast.parse(source)):
        level = LEVEL.get(there)
        inside = there == here or LEVEL[here] == level == 0
        if not inside and (level is None or level >= LEVEL[here]):
            slips.append(f"line {line}: {here} may not import {there}")
    return slips


def form_slips(path: Path, source: str) -> list[str]:
    """Returns what is wrong with a file of the package by itself: size, future import, docstrings, print."""
    tree = ast.parse(source)
    slips = size_slips(source)
    code = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    if code and not (isinstance(code[0], ast.ImportFrom) and code[0].module == "__future__"):
        slips.append("no `from __future__ import annotations`")
    for node in public_definitions(tree):
        if ast.get_docstring(node) is None:
            slips.append(f"line {node.lineno}: {node.name} has no docstring")
    if unit_of(path) != "cli" and path.stem != "progress":
        slips += [f"line {line}: print outside the command line" for line in calls_of("print", tree)]
    return slips


def public_definitions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Yields the public functions and classes of a module, and the public methods of those classes."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in tree.body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (m for m in node.body if isinstance(m, kinds) and not m.name.startswith("_"))


def calls_of(name: str, tree: ast.AST) -> list[int]:
    """Returns the lines on which a plain name is called."""
    called = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [node.lineno for node in called if isinstance(node.func, ast.Name) and node.func.id == name]


def size_slips(source: str) -> list[str]:
    """Returns a complaint if a file is too long to be read in one sitting."""
    lines = source.count("\n")
    return [f"{lines} lines, allowed are fewer than {MAX_LINES}"] if lines >= MAX_LINES else []


def tree_files() -> list[Path]:
    """Returns every file of the project: what git would carry, or all but the build outputs without git."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if (ROOT / ".git").exists() and listing.returncode == 0:
        found = [ROOT / name for name in listing.stdout.split("\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if not _is_output(path.relative_to(ROOT))]
    return [path for path in found if path.is_file()]


def _is_output(path: Path) -> bool:
    hidden = any(p.startswith(".") and p not in {".ci", ".github"} for p in path.parts[:-1])
    return hidden or path.parts[0] in {"build", "dist", "site", "runs"} or "__pycache__" in path.parts


MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in MODULES]


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_imports_go_down(path: Path) -> None:
    assert floor_slips(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_every_module_keeps_the_form(path: Path) -> None:
    assert form_slips(path, path.read_text(encoding="utf-8")) == []


def test_scripts_and_tests_are_short_too() -> None:
    for path in tree_files():
        if path.suffix == ".py":
            assert size_slips(path.read_text(encoding="utf-8")) == [], path.relative_to(ROOT)


def test_nothing_is_a_grab_bag() -> None:
    for path in tree_files():
        for part in path.relative_to(ROOT).parts:
            assert not GRAB_BAGS.match(part.partition(".")[0]), f"{path.relative_to(ROOT)} is a grab bag"


def test_no_file_names_a_machine() -> None:
    for path in tree_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found = MACHINE.search(text)
        assert found is None, f"{path.relative_to(ROOT)} contains {found and found.group()!r}"


def test_no_payload_is_carried() -> None:
    for path in tree_files():
        assert path.stat().st_size <= 500_000, f"{path.relative_to(ROOT)} is over 500 kB"


def test_every_test_folder_is_a_package_and_mirrors_a_folder_of_graphurl() -> None:
    for folder in (ROOT / "tests").rglob("*/"):
        if any(folder.glob("test_*.py")):
            assert (folder / "__init__.py").exists(), f"{folder.relative_to(ROOT)} has no __init__.py"


def test_importing_the_package_loads_nothing_that_only_some_need() -> None:
    code = f"import sys, graphurl; print(*sorted(set({LAZY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("functional/x.py", "from graphurl.losses.bce import bce"),
        ("functional/x.py", "def f():\n    from graphurl.data import samples"),
        ("functional/x.py", "import graphurl.graphs.graph"),
        ("losses/x.py", "from graphurl import graphs"),
        ("training/x.py", "import graphurl"),
        ("evaluation/x.py", "from graphurl.plots.scatter import scatter"),
        ("errors.py", "from graphurl.functional.kernel import log_t_kernel"),
        ("novelty/x.py", ""),
        ("pipeline.py", "from graphurl.novelty import x"),
    ],
)
def test_a_planted_upward_or_sideways_import_is_caught(file: str, source: str) -> None:
    assert len(floor_slips(PACKAGE / file, source)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("functional/x.py", "from graphurl.functional.kernel import log_t_kernel"),
        ("functional/x.py", "from graphurl.errors import InputError"),
        ("registry.py", "from graphurl.errors import unknown"),
        ("embedding.py", "from graphurl import __version__"),
        ("losses/x.py", "from graphurl.similarity import Similarity\nimport graphurlish"),
        ("__init__.py", "from graphurl.pipeline import embed"),
    ],
)
def test_an_import_that_goes_down_passes(file: str, source: str) -> None:
    assert floor_slips(PACKAGE / file, source) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n",
        "from __future__ import annotations\ndef f():\n    pass\n",
        'from __future__ import annotations\nclass A:\n    """A."""\n    def f(self):\n        pass\n',
        "from __future__ import annotations\nprint(1)\n",
        '"""Long."""\n' + "\n" * MAX_LINES,
    ],
)
def test_a_planted_slip_of_form_is_caught(source: str) -> None:
    assert len(form_slips(PACKAGE / "losses" / "x.py", source)) == 1


def test_a_form_without_slips_passes() -> None:
    assert form_slips(PACKAGE / "losses" / "__init__.py", '"""Only words."""\n') == []
    assert form_slips(PACKAGE / "cli" / "x.py", "from __future__ import annotations\nprint(1)\n") == []


def test_planted_names_are_caught() -> None:
    assert all(GRAB_BAGS.match(name) for name in ("utils", "util", "common", "helpers", "_helpers", "misc"))
    assert not GRAB_BAGS.match("commonly")
    planted = ("cd /{}k/main".format("wor"), "GRAPHURL_DATA={}data".format("/"), "torch==2{}cpu".format("+"))
    assert all(MACHINE.search(text) for text in planted)
    assert not MACHINE.search("GRAPHURL_DATA=data https://example.org")
