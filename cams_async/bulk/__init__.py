"""Phone numbers from a file, and what is known of each into a file.

    plan = Plan(input=Path("numbers.csv"), output=Path("statuses.jsonl"))
    async with CamsClient() as cams, Job(plan) as job:
        await job.run(cams)

A job can be killed at any moment and started again: it goes on where it was. From
the files inwards: `rows` reads the input; `scratch` keeps it on disk; `output` writes
`results` and heals what a crash has torn; `journal` tells whose output it is; `store`
is all of these; `job` asks.
"""

from cams_async.bulk.job import Job
from cams_async.bulk.output import OutputError
from cams_async.bulk.plan import Plan, Strategy, Survey, Watching, cheaper
from cams_async.bulk.results import Format, Result

__all__ = [
    "Format",
    "Job",
    "OutputError",
    "Plan",
    "Result",
    "Strategy",
    "Survey",
    "Watching",
    "cheaper",
]
