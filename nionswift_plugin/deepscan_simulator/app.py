"""The application that ``deepscan swift`` hands to Swift's launcher: Swift itself, with a profile of its own.

The launcher calls `main` inside the new process. Only the place of the profile differs from Swift's own start.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

PROFILE_VARIABLE = "DEEPSCAN_SWIFT_PROFILE"


def main(arguments: list[Any], bootstrap_arguments: dict[str, Any]) -> Any:
    """Make Swift's application; it opens the profile that ``deepscan swift`` prepared."""
    from nionui_app.nionswift.main import main as swift_main

    application = swift_main(arguments, bootstrap_arguments)
    start, profile = application.start, Path(os.environ[PROFILE_VARIABLE])

    def start_with_own_profile(**kwargs: Any) -> bool:
        return bool(start(profile_dir=profile, **kwargs))

    application.start = start_with_own_profile
    return application
