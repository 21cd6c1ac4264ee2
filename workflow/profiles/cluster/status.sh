#!/bin/sh
# Prints running, success or failed for the SLURM job with this number.
state=$(squeue --noheader --states all --jobs "$1" --format %T 2>/dev/null)
# squeue forgets a finished job after some minutes; sacct does not.
[ -n "$state" ] || state=$(sacct --noheader --parsable2 --allocations --jobs "$1" --format State | cut -d ' ' -f 1)
case $state in
    COMPLETED) echo success ;;
    BOOT_FAIL | CANCELLED* | DEADLINE | FAILED | NODE_FAIL | OUT_OF_MEMORY | PREEMPTED | TIMEOUT) echo failed ;;
    *) echo running ;;
esac
