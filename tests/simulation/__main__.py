"""Replay seeds: `python -m tests.simulation 1234 flicker-5678`."""

import sys

from tests.simulation import draw, faults, flicker, run

FLICKER = "flicker-"


def main(seeds: list[str]) -> int:
    """Show what happens in each of the seeds' schedules; 1 where a fault is found."""
    lines: list[str] = []
    found = False
    for seed in seeds:
        make = flicker if seed.startswith(FLICKER) else draw
        result = run(make(int(seed.removeprefix(FLICKER))))
        schedule = result.schedule
        lines.append(f"{schedule.name}, {schedule.ceiling:g} per second")
        calls = zip(schedule.calls, result.outcomes, strict=True)
        for number, (call, outcome) in enumerate(calls):
            arrivals = [
                f"{arrival.at:.6f} {'' if arrival.admitted else '(refused)'}".strip()
                for arrival in result.arrivals
                if arrival.call == number
            ]
            counted = ", ".join(arrivals) or "never counted"
            lines.append(f"  call {number}: {outcome}; {counted}; {call}")
        for fault in faults(result):
            found = True
            lines.append(f"  FAULT {fault}")
    sys.stdout.write("\n".join([*lines, ""]))
    return int(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
