"""Everything DeepScan raises on purpose.

::

    DeepScanError
    ├── InputError            a file, an argument or a record that cannot be used
    │   ├── CalibrationError  a length in nm was asked of an image without pixel size
    │   └── ProtocolError     a scan protocol that breaks its schema or its own limits
    ├── MissingError          a package or a weights file that is not installed
    └── InstrumentError       the instrument failed while it was being used
        ├── UnsupportedStep   the instrument cannot do what a step asks for
        ├── InstrumentTaken   somebody else uses the instrument just now
        ├── TimedOut          the instrument took far longer than predicted
        ├── LimitReached      a step was stopped because it would have passed a limit of the run
        ├── WrongFrame        the instrument returned no frame, or one of another shape
        ├── StepSkipped       a step was given up after a fault; the run goes on
        ├── DriftLost         where the specimen has drifted to is not known well enough to go on
        └── RunAborted        somebody pressed Abort

Every message is one line that names the offending value and the remedy: the command line prints it as it is.
"""


class DeepScanError(Exception):
    """Base of all errors that DeepScan raises on purpose."""


class InputError(DeepScanError, ValueError):
    """A file, an argument or a record that cannot be used."""


class CalibrationError(InputError):
    """A length in nm was asked of an image without pixel size."""


class ProtocolError(InputError):
    """A scan protocol that breaks its schema or its own limits."""


class BeyondLimit(ProtocolError):
    """A step that would pass a limit of the run on time, electrons or dose; it is not sent."""


class MissingError(DeepScanError):
    """A package or a weights file that is not installed."""


class InstrumentError(DeepScanError):
    """The instrument failed while it was being used.

    Attributes
    ----------
    nothing_exposed : it is certain that the step exposed nothing; else it may have been exposed wholly or in part.
    """

    def __init__(self, *args: object, nothing_exposed: bool = False) -> None:
        super().__init__(*args)
        self.nothing_exposed = nothing_exposed


class UnsupportedStep(InstrumentError):
    """The instrument cannot do what a step asks for; nothing was exposed."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args, nothing_exposed=True)


class InstrumentTaken(InstrumentError):
    """Somebody else uses the instrument just now; the step was not recorded."""


class TimedOut(InstrumentError):
    """The instrument took far longer than predicted, or did not answer at all.

    Attributes
    ----------
    is_hung : it did not even answer an abort, so that it may still be doing what it was asked for.
    """

    def __init__(self, *args: object, is_hung: bool = False) -> None:
        super().__init__(*args)
        self.is_hung = is_hung


class LimitReached(InstrumentError):
    """A step took longer than predicted and was stopped before it passed a limit of the run; it was exposed in part."""


class WrongFrame(InstrumentError):
    """The instrument returned no frame, or one of another shape than was asked for.

    Attributes
    ----------
    shape : of what was returned; None where that was nothing.
    """

    def __init__(self, *args: object, shape: tuple[int, ...] | None = None) -> None:
        super().__init__(*args)
        self.shape = shape


class StepSkipped(InstrumentError):
    """A step was given up after a fault, or would pass a limit; raised in the strategy, which may go on with another."""


class DriftLost(InstrumentError):
    """Where the specimen has drifted to is not known well enough to go on; the next step was not exposed."""


class RunAborted(InstrumentError):
    """The run was stopped by a person or a program before its last step."""
