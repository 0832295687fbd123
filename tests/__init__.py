"""The tests of cams_async."""
