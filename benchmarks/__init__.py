"""Benchmarks of cams_async: `python -m benchmarks NAME`."""
