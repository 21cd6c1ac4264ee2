"""The sweep as a library; it knows nothing of Snakemake.

Above it are the programs in scripts/, one a rule, and those for people: plan, status, preview, remake, predict,
replay_halving. Below are rooms, in the order in which the data go through them:

    models/       a file a model, and the layers that they share       } these two alone decide a run's numbers, but for
    training/     the training loop and the optimiser                  } what a model imports: see records.code_hash
    data/         where images come from, and the prepared file
    runs/         a run's life: its job, record, weights, checkpoint, device and state; no number changes here
    analysis/     records → tables, the ranking, the write-up's claims; halving, and its replay
    results/      for notebooks: the tables, and kept weights as models
    examination/  weights → what the best run of a model does, in numbers
    figures/      tables and examinations → figures
    report/       tables and examinations → the report, with the origin of each number, and the explorer

and the words that all rooms share:

    grid.py     a run, its name, and the grid of all runs
    sampling.py drawing configurations from a sampled space
    spaces.py   checking what the config says of a search space
    config.py   reading and checking config.yaml
    layout.py   where the files of a sweep are
    metrics.py  the names of metrics and figures, and which figures are points
    files.py    atomic writing, hashes, shared folders
    errors.py   the exception whose message is for the user
    program.py  a function as a command-line program

The law of the house: a room imports rooms above it in this list and the words, never a room below it. (config.py and
spaces.py look into models/ and data/ to check what the config names.)
"""
