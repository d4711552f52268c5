"""``deepscan execute PROTOCOL``"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepscan_core.acquisition.controller import BeamRest, ScanController
from deepscan_core.acquisition.costs_file import read_costs
from deepscan_core.acquisition.deciding import Decider
from deepscan_core.acquisition.envelope import Envelope
from deepscan_core.acquisition.faults import FaultPolicy
from deepscan_core.acquisition.limits import dose_violations
from deepscan_core.cli import laboratory
from deepscan_core.cli.arguments import say
from deepscan_core.cli.executed import as_executed, decider_settings, measure, renumbered, report_data
from deepscan_core.cli.instruments import instrument
from deepscan_core.cli.live_loop import LoopDisplay
from deepscan_core.cli.overviews import map_of, overview, preview_dwell_us, same_preview
from deepscan_core.cli.pipeline import Timings, say_summary, summary
from deepscan_core.cli.reasons import reasons_of_plan
from deepscan_core.deciders import decider_for
from deepscan_core.errors import DeepScanError, InputError, ProtocolError
from deepscan_core.judged import Judged
from deepscan_core.memory import limited_to
from deepscan_core.records.costs import ScanCosts
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import ScanLimits, ScanProtocol
from deepscan_core.reporting import artifacts
from deepscan_core.reporting.artifacts import write_artifacts
from deepscan_core.simulation.specimens import Specimen
from deepscan_core.survey import Survey, discard_run


def command(arguments: argparse.Namespace) -> int:
    """Check a plan against an instrument and carry it out."""
    if arguments.channel is not None and arguments.world is None:
        raise InputError(f"--channel {arguments.channel} was given without --world: name the file it belongs to")
    settings = laboratory.in_force(arguments)
    protocol = ScanProtocol.from_file(arguments.protocol)
    if not protocol.context.is_calibrated:
        raise ProtocolError(f"{arguments.protocol} has no calibration: plan again with --pixel-size-nm")
    safety = Safety(
        policy=FaultPolicy.parse(arguments.on_fault),
        envelope=_envelope(arguments),
        laboratory=ScanLimits(max_dose_e_per_nm2=settings.values["max_dose_e_per_nm2"]),
        typed=ScanLimits(
            max_dose_e_per_nm2=arguments.run_max_dose_e_per_nm2,
            max_time_s=arguments.run_max_time_s,
            max_total_electrons=arguments.run_max_electrons,
            least_wait_s=arguments.run_least_wait_s,
            least_distance_nm=arguments.run_least_distance_nm,
        ),
        costs=arguments.costs,
    )
    if not arguments.check:
        laboratory.check_laboratory(protocol, settings)
    with limited_to(settings.values["max_memory_gb"]):
        return _check_or_carry_out(arguments, protocol, safety)


@dataclass(frozen=True, kw_only=True)
class Safety:
    """What a run must keep to beside its protocol."""

    policy: FaultPolicy
    envelope: Envelope
    laboratory: ScanLimits
    typed: ScanLimits
    costs: Path | None

    @property
    def limits(self) -> ScanLimits:
        """Those of the laboratory and of the command line together."""
        return self.laboratory.narrowed(self.typed)

    def costs_of(self, controller: ScanController) -> ScanCosts:
        """The overheads of an instrument, with what was measured of it."""
        return controller.costs if self.costs is None else read_costs(self.costs, controller.costs)


def _check_or_carry_out(arguments: argparse.Namespace, protocol: ScanProtocol, safety: Safety) -> int:
    controller, specimen = instrument(arguments, protocol)
    rest = BeamRest(park_fraction=arguments.park)
    if arguments.check:
        _check(arguments, protocol, controller, rest, safety)
        return 0
    _check_resuming(arguments)
    if not arguments.resume:
        artifacts.check_free(arguments.out, overwrite=arguments.overwrite)
    facts = _carry_out(arguments, protocol, controller, specimen, rest, safety)
    _say(arguments, facts, say_summary(facts))
    return 0


def _check(
    arguments: argparse.Namespace, protocol: ScanProtocol, controller: ScanController, rest: BeamRest, safety: Safety
) -> None:
    """Say all that would be refused; nothing is touched."""
    violations: list[DeepScanError] = []
    if safety.laboratory.max_dose_e_per_nm2 is not None:
        violations += dose_violations(protocol, safety.laboratory.max_dose_e_per_nm2)
    survey = Survey(
        protocol,
        controller,
        rest=rest,
        envelope=safety.envelope,
        limits=safety.typed,
        costs=safety.costs_of(controller),
    )
    violations += survey.violations()
    words = list(dict.fromkeys(str(violation) for violation in violations))
    facts = {"check": "failed" if words else "passed", "steps": len(protocol.steps), "violations": words}
    if not words or arguments.json:
        _say(arguments, facts, [f"{len(protocol.steps)} steps: can be done"])
    if len(words) == 1:
        raise ProtocolError(words[0])
    if words:
        listed = "; ".join(f"({number}) {text}" for number, text in enumerate(words, start=1))
        raise ProtocolError(f"{len(words)} things stand against this plan: {listed}")


def _envelope(arguments: argparse.Namespace) -> Envelope:
    """The laboratory's, if it has one; the stage moves only where both it and the command line allow it."""
    if arguments.envelope is None:
        return Envelope(stage_moves=arguments.allow_stage)
    envelope = Envelope.from_file(arguments.envelope)
    if arguments.allow_stage and not envelope.stage_moves:
        raise InputError(f"--allow-stage was given and {arguments.envelope} forbids it: write stage_moves = true there")
    return dataclasses.replace(envelope, stage_moves=arguments.allow_stage)


def _check_resuming(arguments: argparse.Namespace) -> None:
    if arguments.resume and arguments.overwrite:
        raise InputError("--resume and --overwrite were both given: give one of them")
    if not arguments.resume:
        for option in ("repeat_exposed", "restore_parameters", "keep_parameters"):
            if getattr(arguments, option):
                raise InputError(f"--{option.replace('_', '-')} was given without --resume: add it")


def _say(arguments: argparse.Namespace, facts: Mapping[str, Any], lines: list[str]) -> None:
    if arguments.json:
        say(artifacts.to_json(facts).rstrip())
    else:
        for line in lines:
            say(line)


def _carry_out(
    arguments: argparse.Namespace,
    protocol: ScanProtocol,
    controller: ScanController,
    specimen: Specimen | None,
    rest: BeamRest,
    safety: Safety,
) -> dict[str, Any]:
    timings = Timings()
    # Everything that can be missing or damaged is read before the first exposure.
    costs = safety.costs_of(controller)
    image = overview(arguments, protocol, specimen)
    preview = same_preview(arguments, protocol, specimen)
    score_map = map_of(arguments.protocol.parent / artifacts.SCAN_MAP, protocol)
    judged: list[Judged] = []
    with LoopDisplay("execute", steps=len(protocol.steps)) as display:

        def on_judged(one: Judged) -> None:
            judged.append(one)
            display.judged(one)

        decider = _decider(arguments, protocol, preview, score_map, on_judged)
        if arguments.overwrite:
            Survey(protocol, controller, strategy=decider, rest=rest, envelope=safety.envelope, costs=costs).check()
            discard_run(arguments.out)
        survey = Survey(
            protocol,
            controller,
            strategy=decider,
            directory=arguments.out,
            resume=arguments.resume,
            repeat_exposed=arguments.repeat_exposed,
            restore_parameters=_what_of_parameters(arguments),
            limits=safety.limits,
            costs=costs,
            rest=rest,
            policy=safety.policy,
            envelope=safety.envelope,
            preview=None if preview is None else preview.values,
            preview_dwell_us=preview_dwell_us(protocol),
            previews=[] if preview is None else [preview],
            on_frame=display.frame,
            on_status=display.status,
            on_ledger=display.ledger,
        )
        timings.measure("scan", lambda: _run(survey))
        shown = protocol if decider is None else as_executed(protocol, survey.frames)
        measurements = timings.measure("measure", lambda: measure(shown, image, score_map))
        result = report_data(
            arguments,
            shown,
            controller,
            specimen,
            image,
            score_map,
            measurements,
            survey,
            timings,
            judged,
            lambda: reasons_of_plan(protocol, image),
        )
        if decider is not None:
            result = dataclasses.replace(result, tiles=renumbered(survey.frames))
        with artifacts.staged(arguments.out) as staging:
            write_artifacts(result, staging)
    return {
        **summary(result, arguments.out),
        "strategy": arguments.strategy,
        "left_out": [one.order for one in survey.left_out],
        "faults": [fault.to_dict() for fault in survey.faults],
        "ledger": survey.ledger.status.to_dict(),
    }


def _decider(
    arguments: argparse.Namespace,
    protocol: ScanProtocol,
    preview: ScanFrame | None,
    score_map: ScoreMap,
    on_judged: Callable[[Judged], None],
) -> Decider | None:
    """What was asked for beside following the plan; None where that is all."""
    if arguments.strategy == "follow" and not arguments.drift:
        return None
    return decider_for(protocol, decider_settings(arguments), preview=preview, score_map=score_map, on_judged=on_judged)


def _run(survey: Survey) -> None:
    """What a person has to be told of the run is told also where it fails; else the summary does."""
    try:
        survey.run()
    except BaseException:
        for note in survey.notes:
            sys.stderr.write(f"deepscan: note: {note}\n")
        raise


def _what_of_parameters(arguments: argparse.Namespace) -> bool | None:
    if arguments.restore_parameters:
        return True
    return False if arguments.keep_parameters else None
