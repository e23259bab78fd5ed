#!/usr/bin/env bash
# Runs a Docker engine in the foreground, where none runs: as root, with runc, and with gVisor where it is installed.
#
#   scripts/start_dockerd.sh FOLDER
#
# It keeps everything in FOLDER and listens at FOLDER/docker.sock. Its containers have no network.
set -euo pipefail

folder=$(realpath --no-symlinks "$1")
mkdir -p "$folder"

runtimes='{}'
if runsc=$(command -v runsc); then
    runtimes="{\"runsc\": {\"path\": \"$runsc\", \"runtimeArgs\": [\"--network=none\", \"--host-uds=open\"]}}"
fi
echo "{\"runtimes\": $runtimes}" > "$folder/daemon.json"

exec dockerd \
    --config-file "$folder/daemon.json" \
    --host "unix://$folder/docker.sock" \
    --data-root "$folder/data" \
    --exec-root "$folder/run" \
    --pidfile "$folder/dockerd.pid" \
    --bridge none --iptables=false --ip6tables=false
