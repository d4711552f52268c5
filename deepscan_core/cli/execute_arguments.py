"""What can be typed after ``deepscan execute``."""

from __future__ import annotations

import argparse
from pathlib import Path

from deepscan_core.cli.shared_arguments import add_output, add_settings, add_strategy, lazily
from deepscan_core.cli.values import channel, four, number, point, seed


def add_execute(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=lazily("execute"))
    parser.add_argument("protocol", type=Path, metavar="PROTOCOL", help="a scan_protocol.json")
    parser.add_argument(
        "--controller", choices=["simulated", "nion", "pyjem"], default="simulated", help="the instrument"
    )
    parser.add_argument(
        "--world",
        metavar="IMAGE|SPECIMEN",
        help="what the simulated microscope looks at: an image file, or a specimen of docs/specimens.md such as crystal or "
        "srtio3, with :SEED (default: the protocol's own source)",
    )
    parser.add_argument("--channel", type=channel, metavar="N|NAME", help="of the --world file: from 0, or its name")
    parser.add_argument("--check", action="store_true", help="dry run: say what would be refused, expose nothing")
    parser.add_argument("--resume", action="store_true", help="go on with an unfinished run in --out (docs/journal.md)")
    parser.add_argument(
        "--repeat-exposed",
        action="store_true",
        help="with --resume: also expose again what may have been exposed and has no tile, within the dose limit",
    )
    crashed = parser.add_mutually_exclusive_group()
    crashed.add_argument(
        "--restore-parameters",
        action="store_true",
        help="with --resume, after a crash: put back the instrument's parameters from before the run",
    )
    crashed.add_argument(
        "--keep-parameters",
        action="store_true",
        help="with --resume, after a crash: go on with the instrument's parameters as they are",
    )
    parser.add_argument(
        "--on-fault",
        action="append",
        default=[],
        metavar="KIND=ACTION",
        help="what to do about a fault, e.g. dark=skip or error=retry:3:pause (docs/faults.md; repeatable)",
    )
    parser.add_argument("--envelope", type=Path, metavar="FILE", help="the laboratory's soft limits (docs/faults.md)")
    parser.add_argument(
        "--allow-stage",
        action="store_true",
        help="move the stage for steps beyond the scan range, as far as the envelope allows (docs/faults.md)",
    )
    parser.add_argument(
        "--costs", type=Path, metavar="FILE", help="overheads that were measured on this instrument (docs/ledger.md)"
    )
    add_strategy(parser)
    _add_limits(parser)
    pyjem = parser.add_argument_group("with --controller pyjem, which was not yet tried on an instrument")
    pyjem.add_argument("--pyjem-field-mm", type=number, metavar="MM", help="width of the field times magnification")
    pyjem.add_argument("--pyjem-area-mode", type=int, choices=[1, 3], help="number of TEMCenter's scan mode Area")
    pyjem.add_argument("--pyjem-detector", metavar="NAME", help="such as ADF1")
    pyjem.add_argument(
        "--pyjem-stage-axes",
        type=four,
        metavar="YX,XX,YY,XY",
        help="with --allow-stage: nm that what is seen moves down and right for 1 nm of the stage along its x; along its y",
    )
    parser.add_argument("--park", type=point, metavar="Y,X", help="rest the beam here (fractions) instead of blanking")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of the simulated noise (default 0)")
    add_settings(parser)
    add_output(parser, Path("deepscan-run"))


def _add_limits(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("hard limits beside those of the protocol and the laboratory (docs/ledger.md)")
    for name, metavar, text in (
        ("max_time_s", "S", "of the whole run"),
        ("max_electrons", "N", "of the whole run"),
        ("max_dose_e_per_nm2", "E", "of any place"),
        ("least_wait_s", "S", "between neighbouring exposures"),
        ("least_distance_nm", "NM", "nearer than this are neighbours; without a wait they are not exposed"),
    ):
        option = f"--{name.replace('_', '-')}"
        group.add_argument(option, dest=f"run_{name}", type=number, metavar=metavar, help=text)
