"""Feed damaged input for some minutes; findings are kept as files, and make the exit code 1.

    python -m tests.fuzz [--minutes 10] [--seed 0] [--keep fuzz-findings]

Batches run in processes of their own, so that a reader that crashes or never ends is a finding too.
"""

from __future__ import annotations

import argparse
import faulthandler
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from deepscan_core.ingest import isolated
from tests.fuzz import targets

BATCH = 400
LONGEST_S = 20
ADDRESS_SPACE = 6 << 30


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--batch", action="store_true", help="feed one batch, in this process")
    arguments = parser.parse_args()
    if arguments.batch:
        return feed_batch(arguments.seed, arguments.keep)
    return feed_for(arguments.minutes * 60, arguments.seed, arguments.keep)


def feed_for(seconds: float, seed: int, keep: Path) -> int:
    """Batch after batch."""
    end, first, findings = time.monotonic() + seconds, seed, 0
    while time.monotonic() < end:
        line = [sys.executable, "-m", "tests.fuzz", "--batch", "--seed", str(seed), "--keep", str(keep)]
        done = subprocess.run(line, check=False, capture_output=True, text=True)
        if done.returncode == 0:
            seed += BATCH
        else:
            findings += 1
            last = int(done.stdout.split()[-1]) if done.stdout.split() else seed
            lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
            crashed = next((line for line in lines if line.startswith(("Timeout", "Fatal"))), lines[-1])
            print(f"seed {last}: {crashed}", flush=True)
            save(last, keep, f"exit {done.returncode}\n{done.stderr}")
            seed = last + 1
    print(f"{seed - first} cases, {findings} findings", flush=True)
    return 1 if findings else 0


def save(seed: int, keep: Path, report: str) -> None:
    """The content that did it, and what happened."""
    keep.mkdir(parents=True, exist_ok=True)
    name, content = targets.case(seed, targets.everything())
    (keep / f"{seed}-{name.replace('/', '-')}").write_bytes(content)
    (keep / f"{seed}.txt").write_text(report)


def feed_batch(seed: int, keep: Path) -> int:
    """Ends at the first finding; the last line on stdout is the seed in hand."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        signal.signal(signal.SIGALRM, _too_long)
    faulthandler.enable()
    warnings.simplefilter("ignore")
    isolated.LONGEST_S = LONGEST_S / 4  # what does not end is refused before it counts as a finding
    fed = targets.everything()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(seed, seed + BATCH):
            print(number, flush=True)
            name, content = targets.case(number, fed)
            try:
                if sys.platform != "win32":
                    signal.alarm(LONGEST_S)
                faulthandler.dump_traceback_later(LONGEST_S + 10, exit=True)  # for loops that no signal interrupts
                targets.feed(name, content, Path(folder))
            except BaseException as error:
                traceback.print_exc()
                print(f"{name}: {type(error).__name__}: {error}"[:300], file=sys.stderr)
                return 1
            finally:
                faulthandler.cancel_dump_traceback_later()
                if sys.platform != "win32":
                    signal.alarm(0)
    return 0


class TooLong(BaseException):
    """Not an `Exception`, so that no reader can swallow it."""


def _too_long(*_: object) -> None:
    raise TooLong(f"more than {LONGEST_S} s")


if __name__ == "__main__":
    sys.exit(main())
