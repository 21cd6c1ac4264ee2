#!/bin/sh
# running, success or failed: what SLURM says of the job with this number.
state=$(squeue --noheader --states all --jobs "$1" --format %T 2>/dev/null | head -n 1)
# squeue forgets a finished job after some minutes; sacct knows it if accounting is on.
[ -n "$state" ] || state=$(sacct --noheader --parsable2 --allocations --jobs "$1" --format State 2>/dev/null | head -n 1)
# While neither answers, the job may still run; after ten such questions it counts as failed. A retry does no harm: a job
# waits while another one trains the same run, and publishes its record.
unknown=.snakemake/log/$1.unknown
if [ -n "$state" ]; then
    rm -f "$unknown"
elif [ "$(cat "$unknown" 2>/dev/null | wc -l)" -lt 9 ]; then
    mkdir -p .snakemake/log
    echo "$(date): neither squeue nor sacct knows the job" >> "$unknown"
    state=PENDING
fi
case $state in
    COMPLETED) echo success ;;
    PENDING | CONFIGURING | RUNNING | COMPLETING | SUSPENDED | STOPPED | SIGNALING | STAGE_OUT | RESIZING | \
        REQUEUED | REQUEUE_HOLD | REQUEUE_FED | RESV_DEL_HOLD | POWER_UP_NODE | UPDATE_DB) echo running ;;
    *) echo failed ;;
esac
