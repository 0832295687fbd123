"""Bulk jobs: phone numbers from a file, their verification statuses into a file.

    plan = Plan(input=Path("numbers.csv"), output=Path("statuses.jsonl"))
    async with CamsClient() as cams, Job(plan) as job:
        await job.run(cams)

A job can be killed at any moment; started again, it resumes where it ended. Modules,
from the input to the output: `lines`, `records`, `csv_records` and `rows` read the
input, `row_index` holds the rows on disk, `results` and `output` write them,
`journal` identifies the job, `resume` opens an earlier output, `store` combines these,
`outage` pauses the job, and `job` runs it.
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
