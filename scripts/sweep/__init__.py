"""The sweep as a library: grid, data, training, tables, figures, report. It knows nothing of Snakemake."""
