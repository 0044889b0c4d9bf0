#!/bin/sh
# Measures the session store on the disk that holds the given directory (the
# system's for temporary files by default), beside the disk's own rate of syncs.
#
#	bench/sessions.sh [-dir DIR] [-live N] [-seconds S]
set -eu
cd "$(dirname "$0")/.."
exec go run ./bench/sessions "$@"
