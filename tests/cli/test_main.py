from __future__ import annotations

import errno
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import graphurl.cli.doctor
from graphurl import __version__
from graphurl.cli import main
from graphurl.cli.parser import VERBS
from graphurl.errors import InputError, RunError
from tests.cli.conftest import Call

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "numpy", "scipy", "sklearn", "matplotlib", "yaml")


def python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["embd"], *([verb, "--help"] for verb in VERBS)]
)
def test_help_and_errors_of_the_call_load_nothing_heavy(arguments: list[str]) -> None:
    done = python(
        f"import sys; from graphurl.cli import main; main({arguments!r}); "
        f"print('loaded:', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    assert "loaded: []" in done.stdout


def test_module_and_version() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "graphurl", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (0, f"graphurl {__version__}\n")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(call: Call, verb: str) -> None:
    status, out, err = call(verb, "--help")
    assert status == 0
    assert f"usage: graphurl {verb}" in out
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no command: give one of embed"),
        (["embd"], "unknown command 'embd': did you mean 'embed'?"),
        (["embed", "--los", "bce"], "unknown argument '--los': did you mean --loss?"),
        (["embed", "--loss", "bcee"], "unknown loss 'bcee': did you mean 'bce'?"),
        (["embed", "--method", "nods"], "unknown recipe 'nods': did you mean 'nodes'?"),
        (["embed", "--encoder", "mpl"], "unknown encoder 'mpl': did you mean 'mlp'?"),
        (["embed", "--loss"], "argument --loss: expected one argument"),
        (["embed", "--dynamic", "--static"], "not allowed with argument"),
        (["graph", "bild"], "invalid choice: 'bild'"),
        (["list", "loses"], "unknown kind 'loses': did you mean 'losses'?"),
        (["datasets", "info", "coraa"], "unknown data set 'coraa': did you mean 'cora'?"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(call: Call, arguments: list[str], message: str) -> None:
    status, out, err = call(*arguments)
    assert status == 2
    assert out == ""
    assert err.startswith("graphurl: error: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("raised", "status", "words"),
    [
        (InputError("a is b: give c"), 2, "a is b: give c"),
        (InputError("two\nlines"), 2, "two lines"),
        (RunError("the loss became nan"), 1, "the loss became nan"),
        (
            OSError(errno.ENOSPC, "No space left on device", "x"),
            1,
            "x: No space left on device: free some space",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "y"), 1, "y: Permission denied: check the path"),
        (MemoryError(), 1, "out of memory"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried"), 1, "out of memory"),
        (KeyError("k"), 1, "KeyError: 'k': this is a bug in graphurl, -v shows the traceback"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_every_failure_is_one_line_with_its_status(
    call: Call, monkeypatch: pytest.MonkeyPatch, raised: BaseException, status: int, words: str
) -> None:
    def fail(options: object) -> int:
        raise raised

    monkeypatch.setattr(graphurl.cli.doctor, "run", fail)
    done = call("doctor")
    assert done.status == status
    assert done.out == ""
    assert done.err.startswith("graphurl: error: ")
    assert words in done.err
    assert done.err.count("\n") == 1
    for place in (["doctor", "-v"], ["-v", "doctor"]):
        assert "Traceback" in call(*place).err


def test_a_traceback_of_a_wrong_call_is_shown_too(call: Call) -> None:
    assert "Traceback" in call("embed", "-v", "--loss", "bcee").err


def test_warnings_are_single_lines_and_quiet_silences_them(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from graphurl.errors import GraphWarning

    def warn(options: object) -> int:
        for _ in range(2):
            warnings.warn_explicit(
                "two nodes\nhave no edge", GraphWarning, "x.py", 1, module="graphurl.graphs.x"
            )
        warnings.warn_explicit("of another library", UserWarning, "y.py", 1, module="elsewhere")
        return 0

    monkeypatch.setattr(graphurl.cli.doctor, "run", warn)
    assert call("doctor").err.splitlines()[0] == "graphurl: warning: two nodes have no edge"
    assert "another library" not in call("doctor").err
    assert "another library" in call("doctor", "-v").err
    assert call("doctor", "-q").err == ""


def test_the_filters_of_warnings_are_put_back(call: Call) -> None:
    before, show = list(warnings.filters), warnings.showwarning
    call("doctor")
    assert list(warnings.filters) == before
    assert warnings.showwarning is show


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_no_failure(unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    code = (
        "import sys, graphurl.cli.doctor as doctor; from graphurl.cli import main; "
        "doctor.run = lambda options: print('much') or 0; sys.exit(main(['doctor']))"
    )
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", code]
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_system_exit_codes_become_statuses() -> None:
    assert main(["--help"]) == 0
