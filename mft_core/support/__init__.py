"""What knows nothing of training: whole files, folders for caches, processes, units, words for users.

Start with `durable` (files that are whole or absent) and `ranks` (which process this one is).
"""
