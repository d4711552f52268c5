"""What can be typed. Values are checked here only as far as their form goes; their meaning is checked by the core."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

import deepscan_core
from deepscan_core.cli.execute_arguments import add_execute
from deepscan_core.cli.shared_arguments import add_output, add_settings, add_strategy, lazily
from deepscan_core.cli.values import channel, crop, example, number, point, seed, size
from deepscan_core.errors import InputError
from deepscan_core.scoring.names import SCORERS
from deepscan_core.settings import PIXEL_SIZE_SOURCES


class _Parser(argparse.ArgumentParser):
    """Reports a usage error as one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = _Parser(
        prog="deepscan", description="Find what is rare in a quick look, and scan only there.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"deepscan {deepscan_core.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    _add_run(commands.add_parser("run", help="plan a scan for each image", allow_abbrev=False))
    add_execute(commands.add_parser("execute", help="carry out a protocol on an instrument", allow_abbrev=False))
    _add_demo(commands.add_parser("demo", help="the whole loop on a simulated microscope", allow_abbrev=False))
    _add_benchmark(commands.add_parser("benchmark", help="captured truth for all costs", allow_abbrev=False))
    _add_models(commands.add_parser("models", help="the weights on this computer", allow_abbrev=False))
    _add_swift(commands.add_parser("swift", help="Nion Swift with a simulated microscope", allow_abbrev=False))
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=lazily("run"))
    parser.add_argument("images", nargs="*", type=Path, metavar="IMAGE", help="PNG, TIFF or another microscope file")
    parser.add_argument("--pixel-size-nm", type=size, metavar="NM", help="one number, or Y,X")
    parser.add_argument("--pixel-size-source", choices=PIXEL_SIZE_SOURCES, help="what the image's file is trusted with")
    parser.add_argument("--channel", type=channel, metavar="N|NAME", help="page, frame or channel: from 0, or its name")
    parser.add_argument(
        "--crop",
        type=crop,
        metavar="bars|TOP,LEFT,ROWS,COLS",
        help="leave out what is recognised as information bar or scale bar, or keep this part (px); clicks are in px of "
        "what is left",
    )
    _add_teaching(parser)
    parser.add_argument("--query", metavar="TEXT", help='words, e.g. "linear cracks" or "cracks, not scratches"')
    parser.add_argument(
        "--clip-model",
        metavar="NAME",
        help="model of --query: deepscan, which comes with DeepScan, or one of open_clip",
    )
    parser.add_argument("--clip-checkpoint", type=Path, metavar="FILE", help="its local weights")
    parser.add_argument(
        "--scorer", choices=SCORERS, default=SCORERS[0], help="what counts as rare (default: all of it)"
    )
    parser.add_argument("--backbone", metavar="NAME", help='a timm model, or "classical" for none')
    parser.add_argument("--backbone-weights", type=Path, metavar="FILE", help="its local weights")
    parser.add_argument("--device", metavar="DEVICE", help="cpu, cuda or cuda:N (default: cuda if present)")
    parser.add_argument(
        "--precision", choices=["float32", "float16", "bfloat16"], default="float32", help="of the backbone"
    )
    parser.add_argument("--denoise", metavar="KIND", help="none, gaussian, median, tv or nl_means")
    parser.add_argument("--clahe", action=argparse.BooleanOptionalAction, help="equalise contrast locally")
    parser.add_argument("--detector-gain", type=number, metavar="G", help="grey values for one detected electron")
    parser.add_argument("--detector-offset", type=number, metavar="G", help="grey value without any electron")
    parser.add_argument("--read-noise", type=number, metavar="G", help="its standard deviation, in grey values")
    rule = parser.add_mutually_exclusive_group()
    rule.add_argument("--area-fraction", type=number, metavar="F", help="of the image, at most (default 0.15)")
    rule.add_argument("--expected-false-regions", type=number, metavar="K", help="where nothing is, on average")
    rule.add_argument("--false-share", type=number, metavar="S", help="of the regions, however many, may be false")
    rule.add_argument("--level", type=number, metavar="SCORE", help="no region below this score")
    side = parser.add_mutually_exclusive_group()
    side.add_argument("--region-size-nm", type=size, metavar="NM", help="one number, or H,W")
    side.add_argument("--region-size-px", type=size, metavar="PX", help="one number, or H,W")
    parser.add_argument("--density", type=number, metavar="D", help="samples a pixel (default 2)")
    parser.add_argument("--dwell-us", type=number, metavar="US", help="dwell time of a sample (default 8, or less)")
    parser.add_argument(
        "--beam-current-pa", type=number, metavar="PA", help="probe current (default: of the file, the settings, or 50)"
    )
    parser.add_argument("--max-dose-e-per-nm2", type=number, metavar="E", help="of any one region")
    parser.add_argument(
        "--max-time-s", type=number, metavar="S", help="of the whole plan: the regions worth most are visited"
    )
    parser.add_argument("--max-electrons", type=number, metavar="N", help="of the whole plan, likewise")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of everything random (default 0)")
    add_settings(parser)
    parser.add_argument("--show-settings", action="store_true", help="print the settings in force, and do nothing")
    add_output(parser, Path("deepscan-out"))


def _add_teaching(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--positive",
        type=example,
        action="append",
        default=[],
        metavar="[NAME=]Y,X",
        help="an example to find, perhaps of a named class; examples of one class are none of another",
    )
    parser.add_argument("--negative", type=point, action="append", default=[], metavar="Y,X", help="not this")
    parser.add_argument(
        "--labels",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="clicks on earlier images of the specimen, from --save-labels (repeatable)",
    )
    parser.add_argument(
        "--save-labels", type=Path, metavar="FILE", help="keep these clicks for the next images, and those of --labels"
    )


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=lazily("demo"))
    parser.add_argument("--seed", type=seed, default=3, metavar="N", help="of specimen and noise (default 3)")
    parser.add_argument("--backbone", metavar="NAME", help='a timm model, or "classical" for none')
    parser.add_argument("--area-fraction", type=number, default=0.12, metavar="F", help="of the image, at most")
    add_strategy(parser, "explore")
    add_output(parser, Path("deepscan-demo"))


def _add_benchmark(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=lazily("benchmark"))
    parser.add_argument("--quick", action="store_true", help="fewer and smaller frames: under two minutes on two cores")
    parser.add_argument("--suite", action="append", default=[], metavar="NAME", help="only this one (repeatable)")
    parser.add_argument("--rival", action="append", default=[], metavar="NAME", help="only this one (repeatable)")
    parser.add_argument("--seeds", type=int, metavar="N", help="frames of each kind (default: the suite's own)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="real micrographs (default ../shared/data, if there)")
    add_output(parser, Path("deepscan-benchmark"))


def _add_models(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="list|verify|import|export|fetch", parser_class=_Parser)
    texts = {
        "list": "weights and where they are",
        "verify": "compare their hashes",
        "import": "bring in a weights file, or a pack",
        "export": "write weights into one file for another computer",
        "fetch": "take weights from the model hub",
    }
    added = {name: commands.add_parser(name, help=text, allow_abbrev=False) for name, text in texts.items()}
    for name, command in added.items():
        command.set_defaults(run=lazily("models"), action=name)
        command.add_argument("--json", action="store_true", help="print one JSON document")
        if name in ("import", "export", "fetch"):
            command.add_argument("--overwrite", action="store_true", help="replace what is there")
    added["import"].add_argument(
        "file", type=Path, metavar="FILE", help=".safetensors, .pth, or a pack of another computer"
    )
    added["import"].add_argument(
        "--name", metavar="NAME", help="of the network in timm (default: the name of the file)"
    )
    added["import"].add_argument("--licence", metavar="TEXT", help="as the source of the file states it")
    added["import"].add_argument("--sha256", metavar="HEX", help="that the file must have")
    added["export"].add_argument("names", nargs="+", metavar="NAME", help="of a network on this computer")
    added["export"].add_argument("--out", type=Path, required=True, metavar="PACK", help="the file to write")
    added["fetch"].add_argument("name", metavar="NAME", help="of the network in timm")


def _add_swift(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=lazily("swift"))
    parser.add_argument("--project-dir", type=Path, metavar="DIR", help="keep the Swift project here")
    parser.add_argument("--keep", action="store_true", help="open the project of last time, not an empty one")
    parser.add_argument("--script", type=Path, metavar="FILE", help="a Python script to run inside Swift")
    parser.add_argument("--backbone", metavar="NAME", help='of the live map; "classical" needs no torch')
    parser.add_argument("--specimen", metavar="NAME", help="under the beam: one of docs/specimens.md (default crystal)")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of specimen and noise (default 0)")
    parser.add_argument(
        "--drift-nm-per-s", type=point, metavar="Y,X", help="of the specimen; write =Y,X (default none)"
    )
    parser.add_argument("--critical-dose-e-per-nm2", type=number, metavar="E", help="that damages it (default never)")
    parser.add_argument("--line-jitter-nm", type=number, metavar="NM", help="shift of each line (default none)")
    parser.add_argument("--window", metavar="WxH", help="size of the window (default 1600x1000)")


def as_text(value: object) -> str:
    """Words that can be written into a file; the name of a file on Linux need not be text."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def say(text: str) -> None:
    """A line for people, on stdout, in whatever letters the terminal has."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
