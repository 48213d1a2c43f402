"""Benchmarks of orak against peers, measured in the same run."""
