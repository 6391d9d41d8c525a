"""What is wrong with data beyond single records: duplicates in and between tasks, and problems of benchmarks in it.

Start with `auditing`, which does it all; `shingles` says what counts as the same, `similar` finds near duplicates,
`leakage` finds the problems of published sets.
"""
