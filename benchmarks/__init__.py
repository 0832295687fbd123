"""What the promises of cams_async are measured by: `python -m benchmarks NAME`."""
