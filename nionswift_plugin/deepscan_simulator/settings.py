"""What the simulator shows and how: the options of ``deepscan swift``, and their way into the Swift process."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass

from deepscan_core.errors import InputError
from deepscan_core.simulation.physics import AcquisitionPhysics, Drift
from deepscan_core.simulation.specimens import specimen_kind

VARIABLE = "DEEPSCAN_SIMULATOR_SETTINGS"
SMALLEST_WINDOW_PX = (480, 640)


@dataclass(frozen=True, kw_only=True)
class SimulatorSettings:
    """Checked at birth; everything that spoils a picture is off by default.

    Attributes
    ----------
    specimen : a name of ``docs/specimens.md``.
    seed : of the specimen and of the noise.
    drift_y_nm_per_s, drift_x_nm_per_s : how fast the specimen moves under the scan.
    critical_dose_e_per_nm2 : dose at which contrast has fallen to 1/e; None for a specimen that lasts for ever.
    line_jitter_nm : standard deviation of the shift of each line along itself.
    window_height_px, window_width_px : of Swift's window.
    """

    specimen: str = "crystal"
    seed: int = 0
    drift_y_nm_per_s: float = 0.0
    drift_x_nm_per_s: float = 0.0
    critical_dose_e_per_nm2: float | None = None
    line_jitter_nm: float = 0.0
    window_height_px: int = 1000
    window_width_px: int = 1600

    def __post_init__(self) -> None:
        specimen_kind(self.specimen)
        self.physics()
        if self.window_height_px < SMALLEST_WINDOW_PX[0] or self.window_width_px < SMALLEST_WINDOW_PX[1]:
            raise InputError(
                f"window {self.window_width_px}x{self.window_height_px}: "
                f"give at least {SMALLEST_WINDOW_PX[1]}x{SMALLEST_WINDOW_PX[0]}"
            )

    def physics(self) -> AcquisitionPhysics:
        """What stands between the specimen and its picture."""
        return AcquisitionPhysics(
            line_jitter_nm=self.line_jitter_nm,
            drift=Drift(rate_nm_per_s=(self.drift_y_nm_per_s, self.drift_x_nm_per_s)),
            critical_dose_e_per_nm2=self.critical_dose_e_per_nm2,
        )

    @classmethod
    def from_json(cls, text: str) -> SimulatorSettings:
        """Read what `to_json` wrote; raises `InputError` that lists the keys where one is not known."""
        try:
            return cls(**json.loads(text or "{}"))
        except (ValueError, TypeError):
            keys = ", ".join(field.name for field in dataclasses.fields(cls))
            raise InputError(f"{VARIABLE} is {text!r}: give a JSON object with keys out of {keys}") from None

    def to_json(self) -> str:
        """The settings as JSON text."""
        return json.dumps(dataclasses.asdict(self))


def window_size_px(text: str) -> tuple[int, int]:
    """Height and width from ``1280x800``, which names the width first; raises `InputError`."""
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if found is None:
        raise InputError(f"window {text!r}: give width and height in pixels, such as 1280x800")
    return (int(found[2]), int(found[1]))


def drift_nm_per_s(text: str) -> tuple[float, float]:
    """Drift ``(y, x)`` from ``Y,X``; raises `InputError`."""
    try:
        y, x = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"drift {text!r}: give Y,X in nm a second, such as 0.02,-0.01") from None
    return (y, x)
