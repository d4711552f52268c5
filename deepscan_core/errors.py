"""Everything DeepScan raises on purpose.

::

    DeepScanError
    ├── InputError            a file, an argument or a record that cannot be used
    │   ├── CalibrationError  a length in nm was asked of an image without pixel size
    │   └── ProtocolError     a scan protocol that breaks its schema or its own limits
    ├── MissingError          a package or a weights file that is not installed
    └── InstrumentError       the instrument failed while it was being used
        ├── UnsupportedStep   the instrument cannot do what a step asks for
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


class MissingError(DeepScanError):
    """A package or a weights file that is not installed."""


class InstrumentError(DeepScanError):
    """The instrument failed while it was being used."""


class UnsupportedStep(InstrumentError):
    """The instrument cannot do what a step asks for; nothing was exposed."""


class RunAborted(InstrumentError):
    """The run was stopped by a person or a program before its last step."""
