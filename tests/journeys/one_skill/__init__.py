"""One skill that is called over all interfaces: `python -m tests.journeys.one_skill` prints the log.

journey.py  the steps
kernel.py   the kernel of the notebook, as JupyterLab uses it
studio.py   a user in the studio, in a real Chromium
"""
