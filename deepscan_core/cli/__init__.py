"""Floor 5: the command ``deepscan``.

Exit codes: 0 done; 2 bad input or usage, one line ``deepscan: error: …`` on stderr; 3 the instrument failed or the run was
aborted, its journal is kept; 130 interrupted.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Sequence

from deepscan_core.cli.arguments import build_parser
from deepscan_core.errors import DeepScanError, InstrumentError, UnsupportedStep

TRACEBACK_VARIABLE = "DEEPSCAN_TRACEBACK"
EXIT_INPUT, EXIT_INSTRUMENT, EXIT_INTERRUPTED = 2, 3, 130
LONGEST_WORD = 400


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    try:
        arguments = build_parser().parse_args(argv)
        code: int = arguments.run(arguments)
        return code
    except UnsupportedStep as error:  # refused before anything was exposed: the plan is at fault, not the instrument
        return _fail(error, EXIT_INPUT)
    except InstrumentError as error:
        return _fail(error, EXIT_INSTRUMENT)
    except DeepScanError as error:
        return _fail(error, EXIT_INPUT)
    except MemoryError:
        return _fail("there is not enough memory for this image: crop it, or use one scale", EXIT_INPUT)
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_INTERRUPTED)
    except OSError as error:
        return _fail(f"{error.filename or 'a file'}: {error.strerror or error}: free it, or give another", EXIT_INPUT)
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        kind = type(error).__name__
        return _fail(
            f"internal error ({kind}: {error}): please report it; {TRACEBACK_VARIABLE}=1 shows where", EXIT_INPUT
        )


def entry() -> int:
    """The installed command: like `main`, without the warnings and log lines of libraries, which are for developers."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())
    return main()


def _shortened(word: str) -> str:
    """A word that nobody would read to its end, such as a path of thousands of letters, with its middle left out."""
    return word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD // 2]}…{word[-LONGEST_WORD // 4 :]}"


def _fail(message: object, code: int) -> int:
    line = " ".join(_shortened(word) for word in str(message).split())
    sys.stderr.write(f"deepscan: error: {line}\n")
    return code
