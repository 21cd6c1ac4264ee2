"""Figures of the tables and of the examinations. They are drawn with matplotlib's defaults, so that neither the user's
settings nor those that a notebook gives its child processes change or break them."""

import os

# matplotlib reads these when it is imported: a backend that is not installed, or a damaged file, would end it.
os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}

import matplotlib

# A matplotlibrc in the working directory comes before that of the environment: nothing of it is left. (`rcdefaults`
# would also read the user's style files.)
matplotlib.rcParams.update(matplotlib.rcParamsDefault)
# A dollar in a name is no beginning of a formula.
matplotlib.rcParams["text.parse_math"] = False
