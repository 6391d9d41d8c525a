"""Instruction data made with a language model, checked, and written as a task folder.

Start with `maker`, what a method implements; `production` asks it for records until there are enough; `filters` say
which are kept.
"""
