"""Use cases for operators: statistics, dead letters, orphans and batches."""
