"""Plugins and what they offer: found, isolated where they are broken, looked up by kind and name, built from options.

Start with `catalog` (components by name); `discovery` finds plugins, `workspace` reads plugins.toml.
"""
