"""The command line: one file for each verb; nothing heavy is imported before a verb runs.

Exit status: 0 done, 1 the run failed, 2 the call was wrong, 130 interrupted. Errors are one line on stderr.
"""

from __future__ import annotations

import errno
import importlib
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from graphurl.cli.parser import VERBS, build_parser
from graphurl.errors import InputError, RunError

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130

# What torch and others say about themselves while the package is the caller.
_FOREIGN = ("Sparse CSR tensor support", "Sparse invariant checks", "The given NumPy array is not writable")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: Arguments after the program's name; absent means those of the process.

    Returns:
        The exit status.
    """
    try:
        status = call(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        return closed_pipe()


def call(arguments: list[str]) -> int:
    """Runs one command; every failure becomes one line and a status."""
    # Known before the arguments are understood, so that their errors have a traceback as well.
    verbose = any(word in ("-v", "--verbose") for word in arguments)
    try:
        options = build_parser(arguments).parse_args(arguments)
        if options.verb is None:
            raise InputError(f"no command: give one of {', '.join(VERBS)} (see graphurl --help)")
        with messages(quiet=options.quiet, verbose=options.verbose):
            status: int = importlib.import_module(f"graphurl.cli.{VERBS[options.verb].module}").run(options)
            return status
    except SystemExit as leaving:  # --help and --version
        return int(leaving.code or 0)
    except KeyboardInterrupt:
        return complain("interrupted", INTERRUPTED, verbose)
    except BrokenPipeError:
        raise
    except InputError as error:
        return complain(str(error), WRONG, verbose)
    except RunError as error:
        return complain(str(error), FAILED, verbose)
    except OSError as error:
        return complain(reason_of(error), FAILED, verbose)
    except Exception as error:
        return complain(diagnosis(error), FAILED, verbose)


def complain(message: str, status: int, verbose: bool) -> int:
    """Writes one line to stderr, after the traceback where asked for; returns the status."""
    if verbose:
        traceback.print_exc()
    print(f"graphurl: error: {one_line(message)}", file=sys.stderr)
    return status


def reason_of(error: OSError) -> str:
    """What the system said, and about which file."""
    where = f"{error.filename}: " if error.filename else ""
    what = error.strerror or str(error) or type(error).__name__
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = (
        "free some space, then run again (embed: with --resume)"
        if full
        else "check the path and its permissions"
    )
    return f"{where}{what}: {advice}"


def diagnosis(error: Exception) -> str:
    """Memory that ran out, by whichever name; everything else is a bug."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError) or "not enough memory" in text or "out of memory" in text:
        return "out of memory: take a smaller --batch-size, --n-neighbors or fewer samples"
    return f"{text}: this is a bug in graphurl, -v shows the traceback"


def closed_pipe() -> int:
    """The reader of stdout has seen enough (`graphurl list | head`); nothing failed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split())


@contextmanager
def messages(*, quiet: bool, verbose: bool) -> Iterator[None]:
    """Warnings of this package as single lines on stderr; of others where asked for, none when quiet."""

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int,
        file: TextIO | None = None, line: str | None = None,
    ) -> None:  # fmt: skip
        print(f"graphurl: warning: {one_line(str(message))}", file=sys.stderr)

    log, handler = logging.getLogger("graphurl"), _LogLines()
    with warnings.catch_warnings():
        if not verbose:
            warnings.simplefilter("ignore")
        if not quiet:
            warnings.filterwarnings("default", category=UserWarning, module=r"graphurl(\.|$)")
        for text in _FOREIGN:
            warnings.filterwarnings("ignore", message=f".*{text}")
        warnings.showwarning = show
        if not quiet:
            log.addHandler(handler)
        propagate, log.propagate = log.propagate, False
        try:
            yield
        finally:
            log.removeHandler(handler)
            log.propagate = propagate


class _LogLines(logging.Handler):
    """What the package logs as a warning, as single lines on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            print(f"graphurl: {record.levelname.lower()}: {one_line(record.getMessage())}", file=sys.stderr)
