#!/usr/bin/env bash
# A real, small SLURM cluster on this one machine, for the tests beside this file.
#
#   cluster.sh up            install what is missing, start the cluster, wait until all nodes are idle
#   cluster.sh down          cancel all jobs, end every daemon that `up` started, remove the state directory
#   cluster.sh fail NODE     simulate a crash of a node: end its slurmd and all that runs on it with SIGKILL
#   cluster.sh recover NODE  start that node's slurmd again and wait until it is idle
#
# slurmctld, a slurmd a node, munge, and slurmdbd with a private MariaDB are Debian's own, started directly, with no
# init system, no containers and no cgroups: CPUs and memory are counted, not enforced. GPUs are counted too, and jobs
# get CUDA_VISIBLE_DEVICES, but no device is behind it. Needs root on Debian; tested on Debian 12.
#
# SWEEP_SLURM_DIR names the state directory, SWEEP_SLURM_PORT the first of the TCP ports on loopback.

set -euo pipefail
# No inherited SLURM_* setting may steer the tools below (SLURM_CONF, SLURM_JOB_ID ...).
for v in ${!SLURM_@} ${!SBATCH_@} ${!SRUN_@}; do unset "$v"; done
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin

STATE=${SWEEP_SLURM_DIR:-/tmp/sweep-slurm}
PORT=${SWEEP_SLURM_PORT:-26900}          # +0 slurmctld, +1 slurmdbd, +11 and +12 slurmd
NODES=2 GPUS=1 CPUS=2 MEM_MB=16000 NODE_TIMEOUT=10
ETC=$STATE/etc RUN=$STATE/run LOG=$STATE/log
CONF=$ETC/slurm.conf
SYSCONF=/etc/slurm/slurm.conf            # where Debian's SLURM tools look
MARK=$STATE/.sweep-slurm                 # says that the directory is ours
CLUSTER=sweep

say()  { printf 'cluster.sh: %s\n' "$*"; }
die()  { printf 'cluster.sh: error: %s\n' "$*" >&2; exit 1; }

# ---------------------------------------------------------------- processes --
# Every process is remembered as "PID STARTTIME" (field 22 of /proc/PID/stat),
# and only ended while both still match: a PID used anew by another program is
# never touched.

starttime() {                            # PID -> start time, empty if gone
    local s
    s=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    s=${s##*) }                          # the name in () may hold spaces
    # shellcheck disable=SC2086
    set -- $s
    [ "$1" = Z ] || printf '%s' "${20}"  # a zombie counts as gone
}

alive() {                                # NAME -> is the process we started there?
    local pid t
    [ -s "$RUN/$1.pid" ] || return 1
    read -r pid t <"$RUN/$1.pid" || return 1
    [ -n "$t" ] && [ "$(starttime "$pid")" = "$t" ]
}

launch() {                               # NAME COMMAND... : start detached, remember
    local name=$1; shift
    # setsid: not in the caller's process group, so that a Ctrl-C or the end of
    # a test script does not take the cluster along; 9 is our lock.
    (cd "$STATE" && exec setsid "$@") </dev/null >>"$LOG/$name.out" 2>&1 9>&- &
    local pid=$!
    printf '%s %s\n' "$pid" "$(starttime "$pid")" >"$RUN/$name.pid"
    disown "$pid" 2>/dev/null || true
}

stop() {                                 # NAME [SIGNAL] [SECONDS]
    local name=$1 sig=${2:-TERM} secs=${3:-10} pid i
    if alive "$name"; then
        read -r pid _ <"$RUN/$name.pid"
        kill "-$sig" "$pid" 2>/dev/null || true
        for ((i = 0; i < secs * 10; i++)); do alive "$name" || break; sleep 0.1; done
        if alive "$name"; then
            say "$name (pid $pid) ignores SIG$sig, sending SIGKILL"
            kill -KILL "$pid" 2>/dev/null || true
            for ((i = 0; i < 50; i++)); do alive "$name" || break; sleep 0.1; done
        fi
    fi
    rm -f "$RUN/$name.pid"
}

wait_for() {                             # SECONDS WHAT COMMAND... : until it succeeds
    local secs=$1 what=$2 until; shift 2
    until=$((SECONDS + secs))
    while [ $SECONDS -le $until ]; do
        "$@" >>"$LOG/wait.log" 2>&1 && return 0
        sleep 0.2
    done
    say "gave up after ${secs}s waiting for $what; last lines of the logs:" >&2
    tail -n 5 "$LOG"/*.log "$LOG"/*.out >&2 2>/dev/null || true
    exit 1
}

# --------------------------------------------------------------- installation --
install_missing() {
    local -a need=()
    command -v munged     >/dev/null || need+=(munge)
    command -v slurmctld  >/dev/null || need+=(slurmctld)
    command -v slurmd     >/dev/null || need+=(slurmd)
    command -v sbatch     >/dev/null || need+=(slurm-client)
    command -v slurmdbd   >/dev/null || need+=(slurmdbd)
    # mariadb-server-core: only the programs; no service, no system database
    command -v mariadbd   >/dev/null || need+=(mariadb-server-core)
    command -v my_print_defaults >/dev/null || need+=(mariadb-client-core)
    [ ${#need[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "not Debian; install by hand: ${need[*]}"
    say "installing ${need[*]}"
    # Packages that contain services must not start them: a policy-rc.d that
    # says no, for the time of the installation, where there is none yet.
    local policy=/usr/sbin/policy-rc.d mine=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; mine=1
    fi
    local rc=0
    {
        export DEBIAN_FRONTEND=noninteractive
        apt-get -o DPkg::Lock::Timeout=300 update &&
        apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${need[@]}"
    } >"$LOG/apt.log" 2>&1 9>&- || rc=$?
    [ -z "$mine" ] || rm -f "$policy"
    [ $rc = 0 ] || { tail -n 20 "$LOG/apt.log" >&2; die "apt-get failed"; }
}

# -------------------------------------------------------------- configuration --
node_names() { local i; for ((i = 1; i <= NODES; i++)); do printf 'n%d ' "$i"; done; }

write_config() {
    local host i
    host=$(uname -n); host=${host%%.*}
    {
        cat <<CONF
ClusterName=$CLUSTER
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$PORT
# root, as there is nobody else to keep out; jobs run as whoever submits them
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# a requeued job waits until its old credential has expired
AuthInfo=socket=$RUN/munge.socket,cred_expire=10
# bind to the addresses given here (127.0.0.1), not to all
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$STATE/ctld
SlurmdSpoolDir=$STATE/spool/%n
SlurmctldPidFile=$RUN/slurmctld.daemon
SlurmdPidFile=$RUN/slurmd-%n.daemon
SlurmctldLogFile=$LOG/slurmctld.log
SlurmdLogFile=$LOG/slurmd-%n.log

# no cgroups: processes are found through /proc, nothing is bound or limited
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
MpiDefault=none
PropagateResourceLimits=NONE

GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# believe the node lines below rather than what the hardware says
SlurmdParameters=config_overrides
# schedule at once rather than at leisure
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=5,bf_interval=5,bf_continue

# notice failures fast; a node that comes back is used again
SlurmctldTimeout=10
SlurmdTimeout=$NODE_TIMEOUT
MessageTimeout=10
KillWait=5
UnkillableStepTimeout=60
ReturnToService=2
# how long \`squeue --states=all\` still shows a finished job
MinJobAge=300

AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((PORT + 1))
# not a password: the munge socket to use towards slurmdbd
AccountingStoragePass=$RUN/munge.socket
AccountingStorageTRES=gres/gpu
# keeps what the executor says of each job: its rule and wildcards
AccountingStoreFlags=job_comment
CONF
        for ((i = 1; i <= NODES; i++)); do
            echo "NodeName=n$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$((PORT + 10 + i))" \
                 "CPUs=$CPUS RealMemory=$MEM_MB Gres=gpu:$GPUS State=UNKNOWN"
        done
        echo "PartitionName=cpu Nodes=n[1-$NODES] Default=YES MaxTime=INFINITE DefaultTime=60 State=UP"
        echo "PartitionName=gpu Nodes=n[1-$NODES] MaxTime=INFINITE DefaultTime=60 State=UP"
    } >"$CONF"

    echo 'AutoDetect=off' >"$ETC/gres.conf"
    for ((i = 1; i <= NODES; i++)); do
        # Without a file, and one that is a device, SLURM counts GPUs but sets no CUDA_VISIBLE_DEVICES.
        mkdir -p "$STATE/dev/n$i"
        ln -sfn /dev/null "$STATE/dev/n$i/nvidia0"
        echo "NodeName=n$i Name=gpu File=$STATE/dev/n$i/nvidia0" >>"$ETC/gres.conf"
    done

    cat >"$ETC/slurmdbd.conf" <<CONF
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((PORT + 1))
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$RUN/munge.socket
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_acct_db
LogFile=$LOG/slurmdbd.log
PidFile=$RUN/slurmdbd.daemon
CONF
    chmod 600 "$ETC/slurmdbd.conf"
}

# Debian's SLURM tools look in /etc/slurm. An exported SLURM_CONF would do for
# most, but some callers (Snakemake's job step is one) strip SLURM_* variables
# before they call srun inside a job; hence a link, which `down` takes away.
link_config() {
    mkdir -p /etc/slurm
    if [ -L "$SYSCONF" ]; then
        local to; to=$(readlink "$SYSCONF")
        if [ "$to" != "$CONF" ] && [ -e "$SYSCONF" ] && [ ! -e "$(dirname "$to")/../.sweep-slurm" ]; then
            die "$SYSCONF points to $to, which is not ours"
        fi
    elif [ -e "$SYSCONF" ]; then
        die "$SYSCONF exists: this machine already belongs to a SLURM cluster"
    fi
    ln -sfn "$CONF" "$SYSCONF"
}

# --------------------------------------------------------------------- daemons --
port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start_munge() {
    alive munged && return 0
    if [ ! -s "$ETC/munge.key" ]; then
        (umask 077; head -c 128 /dev/urandom >"$ETC/munge.key")
    fi
    rm -f "$RUN/munge.socket" "$RUN/munge.socket.lock"
    launch munged munged --foreground --force --socket="$RUN/munge.socket" \
        --key-file="$ETC/munge.key" --pid-file="$RUN/munged.daemon" \
        --seed-file="$STATE/munge.seed"
    wait_for 10 munged munge -n -S "$RUN/munge.socket"
}

start_database() {
    if ! alive mariadbd; then
        if [ ! -d "$STATE/db/mysql" ]; then
            rm -rf "$STATE/db"
            mariadb-install-db --no-defaults --user=root --datadir="$STATE/db" \
                --auth-root-authentication-method=socket --skip-test-db \
                --innodb-log-file-size=8M >"$LOG/mariadb-install.log" 2>&1 9>&- ||
                die "mariadb-install-db failed, see $LOG/mariadb-install.log"
        fi
        rm -f "$RUN/mysql.sock"
        # No TCP at all: only root on this machine, through the socket.
        launch mariadbd mariadbd --no-defaults --user=root --datadir="$STATE/db" \
            --socket="$RUN/mysql.sock" --pid-file="$RUN/mariadbd.daemon" --skip-networking \
            --log-error="$LOG/mariadbd.log" --innodb-log-file-size=8M \
            --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 \
            --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --performance-schema=off
        wait_for 30 MariaDB test -S "$RUN/mysql.sock"
    fi
    if ! alive slurmdbd; then
        # libmariadb takes the socket's place from MYSQL_UNIX_PORT. slurmdbd is the
        # one daemon that cannot be told to listen on 127.0.0.1 only (munge guards it).
        launch slurmdbd env SLURM_CONF="$CONF" MYSQL_UNIX_PORT="$RUN/mysql.sock" slurmdbd -D
        wait_for 30 slurmdbd timeout 5 sacctmgr -n -i list cluster
    fi
    local have; have=$(sacctmgr -n -P list cluster format=cluster)
    case $have in
        *"$CLUSTER"*) ;;
        *) sacctmgr -i add cluster "$CLUSTER" >"$LOG/sacctmgr.log" 2>&1 || true ;;
    esac
}

start_node() {                           # NODE
    alive "slurmd-$1" && return 0
    mkdir -p "$STATE/spool/$1"
    launch "slurmd-$1" slurmd -D -N "$1" -f "$CONF"
}

nodes_idle() {                           # NODE... : all idle (or busy with jobs)?
    local n s
    for n in "$@"; do
        s=$(sinfo -h -N -n "$n" -o %T | sort -u)
        case $s in idle|mixed|allocated|completing) ;; *) return 1 ;; esac
    done
}

# Everything that runs on a node of ours: the slurmstepds of its jobs, known by
# that node's log file being open (their environment is overwritten by their
# title), the jobs' processes, known by what slurmd put into their environment,
# and all descendants of both.
node_processes() {                       # NODE -> PIDs
    local node=$1 d p e l pp grew
    local -A hit=() parent=()
    for d in /proc/[0-9]*; do
        p=${d#/proc/}
        { read -r l <"$d/stat"; } 2>/dev/null || continue
        l=${l##*) }
        # shellcheck disable=SC2086
        set -- $l; parent[$p]=$2
        case $(tr -d '\0' 2>/dev/null <"$d/cmdline") in
            'slurmstepd: '*)
                for l in "$d"/fd/*; do
                    [ "$(readlink "$l")" != "$LOG/slurmd-$node.log" ] || { hit[$p]=1; break; }
                done ;;
            *)
                e=$'\n'$({ tr '\0' '\n' <"$d/environ"; } 2>/dev/null)$'\n' || continue
                case $e in *$'\n'"SLURMD_NODENAME=$node"$'\n'*)
                    case $e in *$'\n'"SLURM_CONF=$CONF"$'\n'*) hit[$p]=1 ;; esac ;;
                esac ;;
        esac
    done
    grew=1
    while [ $grew = 1 ]; do
        grew=0
        for p in "${!parent[@]}"; do
            pp=${parent[$p]}
            if [ -z "${hit[$p]:-}" ] && [ -n "${hit[$pp]:-}" ]; then hit[$p]=1 grew=1; fi
        done
    done
    unset "hit[$$]" "hit[1]"
    printf '%s\n' "${!hit[@]}"
}

kill_node_processes() {                  # NODE
    local p
    for p in $(node_processes "$1"); do kill -KILL "$p" 2>/dev/null || true; done
}

# ----------------------------------------------------------------------- verbs --
whole() {                                # are all daemons there?
    local n
    alive munged && alive slurmctld && alive mariadbd && alive slurmdbd || return 1
    for n in $(node_names); do alive "slurmd-$n" || return 1; done
}

do_up() {
    [ "$(id -u)" = 0 ] || die "run as root"
    local n t0=$SECONDS
    if [ ! -e "$MARK" ] && [ -n "$(ls -A "$STATE" | grep -v '^lock$')" ]; then
        die "$STATE exists and is not ours"
    fi
    mkdir -p "$ETC" "$RUN" "$LOG" "$STATE/ctld" "$STATE/spool"
    chmod 755 "$STATE" "$ETC" "$RUN" "$LOG"
    touch "$MARK"
    install_missing
    if ! whole || [ "$(readlink "$SYSCONF" 2>/dev/null)" != "$CONF" ]; then
        if ! alive slurmctld; then
            for n in "$PORT" $((PORT + 11)); do
                port_free "$n" || die "port $n is taken; set SWEEP_SLURM_PORT"
            done
        fi
        write_config
        link_config
        start_munge
        start_database
        alive slurmctld || launch slurmctld slurmctld -D -i -f "$CONF"
        wait_for 30 slurmctld timeout 5 scontrol ping
        for n in $(node_names); do start_node "$n"; done
    fi
    # shellcheck disable=SC2046
    wait_for 60 'all nodes to be idle' nodes_idle $(node_names)
    say "up in $((SECONDS - t0))s; logs: $LOG"
}

do_down() {
    local n i
    if alive slurmctld && [ "$(readlink "$SYSCONF" 2>/dev/null)" = "$CONF" ]; then
        # let SLURM end the jobs itself, so that nothing of theirs stays behind
        timeout 15 squeue -h -o %A | sort -u | timeout 15 xargs -r scancel || true
        for ((i = 0; i < 50; i++)); do
            [ -n "$(timeout 15 squeue -h)" ] || break
            sleep 0.2
        done 2>/dev/null
    fi
    for n in $(node_names); do stop "slurmd-$n"; done
    for n in $(node_names); do kill_node_processes "$n"; done
    stop slurmctld
    stop slurmdbd
    stop mariadbd TERM 20
    stop munged
    if [ "$(readlink "$SYSCONF" 2>/dev/null)" = "$CONF" ]; then rm -f "$SYSCONF"; fi
    rm -rf -- "$STATE"
    say down
}

check_node() {
    [ -e "$MARK" ] || die "no cluster in $STATE; run: $0 up"
    case " $(node_names)" in *" $1 "*) ;; *) die "no node '$1'; there are: $(node_names)" ;; esac
}

do_fail() {
    check_node "$1"
    stop "slurmd-$1" KILL
    kill_node_processes "$1"
    say "$1 crashed; slurmctld notices within about 30s"
}

do_recover() {
    check_node "$1"
    start_node "$1"
    wait_for 60 "$1 to be idle" nodes_idle "$1"
    say "$1 is back"
}

case ${1:-}-$# in
    up-1|down-1|fail-2|recover-2)
        # one at a time
        mkdir -p "$STATE"
        exec 9>"$STATE/lock"
        flock -w 300 9 || die "another cluster.sh holds $STATE/lock"
        if [ "$1" = down ] && [ ! -e "$MARK" ]; then say "no cluster in $STATE"; exit 0; fi
        "do_$1" "${@:2}" ;;
    *) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
