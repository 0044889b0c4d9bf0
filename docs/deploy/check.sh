#!/usr/bin/env bash
# Checks what is in this folder with the parsers, linters and schemas of the tools
# that it is for. It starts nothing and needs no Docker and no cluster. On Debian
# and as root it installs what is missing; else it says what is.
set -euo pipefail
cd "$(dirname "$0")"

fail() { echo "docs/deploy/check.sh: $*" >&2; exit 1; }

home=$(mktemp -d)
policy=
trap 'rm -rf "$home" "$policy"' EXIT

missing=()
command -v promtool >/dev/null || missing+=(prometheus)
command -v caddy >/dev/null || missing+=(caddy)
command -v systemd-analyze >/dev/null || missing+=(systemd)
if [ ${#missing[@]} -gt 0 ]; then
	echo "docs/deploy/check.sh: installing ${missing[*]}"
	# Packages must not start their services here.
	if [ ! -e /usr/sbin/policy-rc.d ] && printf '#!/bin/sh\nexit 101\n' 2>/dev/null >/usr/sbin/policy-rc.d; then
		policy=/usr/sbin/policy-rc.d
		chmod 755 "$policy"
	fi
	{ apt-get update -qq && apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null 2>&1 ||
		fail "install the Debian packages ${missing[*]}, or what has promtool, caddy and systemd-analyze elsewhere"
fi

quietly() {
	local out
	out=$("$@" 2>&1) || { echo "$out" >&2; fail "$* fails"; }
}

# Containerfile, compose.yaml, kubernetes.yaml, dashboard.json: see check/main.go.
(cd check && unset GOFLAGS && go vet . && go run . ..)

quietly promtool check rules alerts.yaml
quietly promtool test rules alerts_test.yaml
echo "alerts.yaml: ok"

XDG_DATA_HOME=$home XDG_CONFIG_HOME=$home HOME=$home quietly caddy validate --config Caddyfile --adapter caddyfile
echo "Caddyfile: ok"

# The program of the units is not installed here: another stands in for it.
for unit in tallyman tallyman-watch@ tallyman-mail@; do
	sed 's#/usr/local/bin/tallyman#/bin/true#' "$unit.service" >"$home/$unit.service"
	out=$(systemd-analyze verify "$home/${unit/@/@srv-inbox}.service" 2>&1) && [ -z "$out" ] || fail "$unit.service: $out"
	quietly systemd-analyze security --offline=true --threshold=20 "$home/${unit/@/@srv-inbox}.service"
	echo "$unit.service: ok"
done
