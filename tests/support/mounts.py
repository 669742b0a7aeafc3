"""Whether a test may mount a disk of its own here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def may_mount() -> bool:
    """Whether this machine gives whoever runs the tests a mount namespace and loop devices."""
    asked = ["unshare", "--mount", "true"]
    return (
        os.geteuid() == 0 and Path("/dev/loop-control").exists() and subprocess.run(asked, check=False).returncode == 0
    )
