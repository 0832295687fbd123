"""What a benchmark leaves behind: figures, and where they come from, as JSON."""

import argparse
import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cams_async import __version__

PACKAGES = ("aiohttp", "aiolimiter", "attrs", "cattrs")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option that every benchmark has."""
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write all figures to a file"
    )


def origin() -> dict[str, Any]:
    """Return the machine, the versions and the date."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": platform.system(),
            "release": platform.release(),
            "architecture": platform.machine(),
            "cores": os.cpu_count(),
        },
        "versions": {
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "cams_async": __version__,
            **{name: version(name) for name in PACKAGES},
        },
    }


def heading(name: str) -> str:
    """Return one line that says what was measured where."""
    found = origin()
    machine, versions = found["machine"], found["versions"]
    packages = ", ".join(f"{name} {versions[name]}" for name in PACKAGES[:2])
    return (
        f"{name}: cams_async {versions['cams_async']}, {packages}, "
        f"{versions['python']}, "
        f"{machine['system']} {machine['architecture']}, {machine['cores']} cores, "
        f"{found['date'][:10]}"
    )


def write(path: Path, name: str, figures: Mapping[str, Any]) -> None:
    """Write the figures of a benchmark, with their origin."""
    record = {"benchmark": name, **origin(), **figures}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
