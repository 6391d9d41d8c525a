"""The objective sum_i omega_i L_i: how tasks weigh against each other, and how samples count inside a task.

Start with `loss`, what a plugin implements; `within_task` has the forms of L_i.
"""
