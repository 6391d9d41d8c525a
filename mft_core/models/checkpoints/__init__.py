"""Published checkpoints: config.json, weight files, old formats converted while they load, what is refused and why.

Start with `formats`.
"""
