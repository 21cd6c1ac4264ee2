"""The training core. Every file in this folder decides the numbers of every run: a change here retrains all of them."""
