"""Attacks on runs, on files and on data: ``python -m tests.attacks`` repeats docs/reliability.md.

One module a kind of attack, each with ``run(folder, ...)``, which yields an ``Outcome`` a try.
"""
