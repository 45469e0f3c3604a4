#!/usr/bin/env bash
# A Slurm cluster of one node, this machine, for as long as a command runs: to try sweeps before they go to a real one
# (notebooks-md/scaling.md). Needs Debian's slurmctld, slurmd, slurm-client and munge, and root.
#
#   Scripts/slurm.sh COMMAND...        such as: Scripts/slurm.sh make -f sweep.mk -j2 SRUN='srun --ntasks=1 --cpus-per-task=1'
set -euo pipefail

if [ $# -eq 0 ]; then sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; fi
for tool in munged slurmctld slurmd srun sinfo; do
  if ! PATH=$PATH:/usr/sbin command -v $tool >/dev/null; then
    echo "slurm.sh: $tool is not installed (apt-get install slurmctld slurmd slurm-client munge)" >&2
    exit 3
  fi
done
if [ "$(id -u)" -ne 0 ]; then echo "slurm.sh: as root" >&2; exit 1; fi
export PATH=$PATH:/usr/sbin

state=$(mktemp -d)
node=$(hostname -s)
export SLURM_CONF=$state/slurm.conf
daemons=()
stop() {
  for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do kill "${daemons[i]}" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$state"
}
trap stop EXIT
chmod 755 "$state"
mkdir "$state/controller" "$state/node"
dd if=/dev/urandom of="$state/munge.key" bs=1024 count=1 status=none
chmod 600 "$state/munge.key"
cat >"$SLURM_CONF" <<END
ClusterName=one
SlurmctldHost=$node(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$state/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$state/controller
SlurmdSpoolDir=$state/node
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
KillWait=5
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END

munged --foreground --force --key-file="$state/munge.key" --socket="$state/munge.socket" --pid-file="$state/munged.pid" \
  --log-file="$state/munged.log" --seed-file="$state/munged.seed" >/dev/null 2>&1 &
daemons+=($!)
for _ in $(seq 50); do [ -S "$state/munge.socket" ] && break; sleep 0.1; done
slurmctld -D >"$state/slurmctld.log" 2>&1 &
daemons+=($!)
slurmd -D -N "$node" >"$state/slurmd.log" 2>&1 &
daemons+=($!)
for _ in $(seq 100); do
  if sinfo --noheader --format=%t 2>/dev/null | grep -q '^idle$'; then break; fi
  sleep 0.2
done
if ! sinfo --noheader --format=%t 2>/dev/null | grep -q '^idle$'; then
  echo "slurm.sh: the node does not come up" >&2
  tail -3 "$state"/*.log >&2
  exit 1
fi
"$@"
