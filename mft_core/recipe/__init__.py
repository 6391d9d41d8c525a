"""Recipes: TOML, plugins.toml's defaults and flags become one frozen, typed `Recipe`.

Start with `schema`, which holds every key with its default and its sentence; `choices` are the components that a key
names, with their options; `loading` reads and merges them;
`naming` says which components one names.
"""
