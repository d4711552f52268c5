"""The protocol is a document: golden file, round trip, refusals."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from deepscan_core.errors import InputError, ProtocolError
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.protocol import ScanLimits, ScanProtocol, ScanStep

GOLDEN = Path(__file__).with_name("golden_protocol.json")


def example() -> ScanProtocol:
    context = ScanContext(
        rows=256, cols=512, fov_y_nm=64, fov_x_nm=128, center_y_nm=3, rotation_rad=0.25, beam_current_pa=20
    )
    step = ScanStep(
        order=1,
        center_y_px=63.5,
        center_x_px=127.5,
        height_px=32,
        width_px=16,
        center_y_nm=-16,
        center_x_nm=-32,
        height_nm=8,
        width_nm=4,
        rotation_rad=-0.5,
        rows=64,
        cols=32,
        dwell_time_us=4,
        dose_e_per_nm2=31.95,
        priority=7.5,
        reason="rare",
    )
    return ScanProtocol(
        source_name="a.png",
        source_sha256="0" * 64,
        context=context,
        steps=(step,),
        limits=ScanLimits(max_dose_e_per_nm2=1e4, max_time_s=60),
        predicted_time_s=0.5,
        predicted_electrons=1e6,
        provenance={"tool": "test"},
    )


def test_the_golden_file_reads_back_as_it_was_written() -> None:
    assert ScanProtocol.from_file(GOLDEN) == example()
    assert json.loads(GOLDEN.read_text()) == example().to_dict()


def test_a_moved_step_is_the_same_in_px_and_in_nm() -> None:
    protocol = example()
    (step,) = protocol.steps
    moved = step.moved(protocol.context, (2.0, -1.5))
    assert moved.center_nm == (-14.0, -33.5)
    assert (moved.center_y_px, moved.center_x_px) == (71.5, 121.5)  # 0.25 nm a pixel
    assert moved.moved(protocol.context, (-2.0, 1.5)) == step


def test_round_trip() -> None:
    assert ScanProtocol.from_json(example().to_json()) == example()


def _broken(**changes: Any) -> dict[str, Any]:
    document = json.loads(GOLDEN.read_text())
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = document
        for key in parents:
            place = place[int(key)] if key.isdigit() else place[key]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return document


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"steps__0__dwel_time_us": 3}, "dwel_time_us"),
        ({"steps__0__dwell_time_us": ...}, "dwell_time_us"),
        ({"steps__0__rows": 0}, "steps/0/rows"),
        ({"context__fov_y_nm": "64"}, "context/fov_y_nm"),
        ({"schema_version": "9"}, "schema_version"),
        ({"steps__0__order": 2}, "order"),
        ({"source__sha256": "abc"}, "sha256"),
    ],
)
def test_a_broken_document_is_refused_by_the_key(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ProtocolError, match=named):
        ScanProtocol.from_dict(_broken(**changes))


@pytest.mark.parametrize("text", ["", "[", "null", "[]", '{"schema_version": "1.0"}', '{"a": NaN}'])
def test_what_is_no_protocol_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        ScanProtocol.from_json(text)


def test_a_step_without_calibration_has_no_place_in_nm() -> None:
    step = ScanStep(order=1, center_y_px=1, center_x_px=1, height_px=2, width_px=2, rows=2, cols=2, dwell_time_us=1)
    with pytest.raises(ProtocolError, match="--pixel-size-nm"):
        step.in_context()


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"time_s": 0.5', '"time_s": NaN', "NaN"),
        ('"tool": "test"', '"tool": Infinity', "Infinity"),
        ('"tool": "test"', '"tool": 1, "tool": 2', "twice"),
        ('"reason": "rare"', '"reason": "\\ud800"', "surrogate"),
        ('"rows": 64', f'"rows": 1{"0" * 400}', "steps/0/rows"),
        ('"tool": "test"', '"tool": ' + "[" * 100_000, "not JSON"),
    ],
)
def test_what_json_readers_let_pass_is_refused(old: str, new: str, named: str) -> None:
    text = GOLDEN.read_text()
    assert old in text
    with pytest.raises(ProtocolError, match=named):
        ScanProtocol.from_json(text.replace(old, new))


def test_a_turned_step_holds_what_lies_in_it_as_it_is_turned() -> None:
    step = example().steps[0]
    context = example().context
    along = step.in_context().plane_nm((60.0, 16.0))
    assert step.holds_px(context, context.px_from_nm(along))
    corner = (step.center_y_px + step.height_px / 2 - 0.5, step.center_x_px + step.width_px / 2 - 0.5)
    assert not step.holds_px(context, corner)


def test_limits_beyond_the_first_version_are_kept_and_left_out_where_unused() -> None:
    limits = ScanLimits(max_total_electrons=1e9, least_distance_nm=5.0, least_wait_s=0.5)
    protocol = dataclasses.replace(example(), limits=limits)
    assert ScanProtocol.from_json(protocol.to_json()).limits == limits
    plain = dataclasses.replace(example(), limits=ScanLimits())
    assert set(plain.to_dict()["limits"]) == {"max_dose_e_per_nm2", "max_time_s"}


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(ScanLimits)])
def test_limits_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        ScanLimits(**{name: 0.0})
