"""A bulk job in a process of its own: `python -m tests.bulk_process SETTINGS`.

The settings are JSON: endpoint, key, secret, input, output, format, strategy, window.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from cams_async import CamsClient, Credentials, LocalThrottle
from cams_async.bulk import Job, Plan
from tests.fakes import FAST


async def main(settings: dict[str, Any]) -> None:
    """Do what is left of the job."""
    plan = Plan(
        input=Path(settings["input"]),
        output=Path(settings["output"]),
        format=settings["format"],
    )
    client = CamsClient(
        Credentials(settings["key"], settings["secret"]),
        endpoint=settings["endpoint"],
        qps=FAST,
        throttle=LocalThrottle(),
    )
    async with client, Job(plan) as job:
        await job.run(client, strategy=settings["strategy"], window=settings["window"])


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
