"""Set-up: what has to be fetched, bundled or built once before Tocsin can start.

`python -m data.setup` runs the steps of `steps.STEPS` in order; a step whose inputs have not changed is skipped.
"""
