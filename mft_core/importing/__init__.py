"""Recipes from the configurations of other tools: every key carried over, or listed with the reason why not.

Start with `importer`, what an importer's plugin implements; `config_files` reads what people have, and `writing` writes
the recipe.
"""
