# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# shellcheck disable=SC2317,SC2034 # functions are called by name, variables are for the callers
# What the integration tests share: TAP, a scratch folder that goes away, runs with captured output, waiting with
# a condition and a limit. To be sourced; MSE names the program under test.

: "${MSE:?names the program mse}"
MSE=$(realpath "$MSE")
scratch=$(mktemp -d "${TMPDIR:-/tmp}/mse-test.XXXXXX")
# Nothing of the user who runs the tests.
export XDG_CACHE_HOME="$scratch/cache"
unset MSE_PCCS_URL MSE_KDS_URL
tap_num=0
tap_failed=0
children=

# Enclaves outlive msed: those of this test's platform are known by its folder.
end_shepherds() {
    [ -d "$scratch/operator/node" ] || return 0
    grep -lszF "$scratch/operator/node/" /proc/[0-9]*/cmdline | cut -d/ -f3 | xargs -r kill 2>/dev/null
    return 0
}

# Ends what was started here, newest first, and removes the scratch folder.
cleanup() {
    for pid in $children; do
        kill "$pid" 2>/dev/null || continue
        finish "$pid"
    done
    children=
    end_shepherds
    [ -n "${KEEP:-}" ] || rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# started PID: to be ended by cleanup.
started() {
    children="$1 $children"
}

ok() {
    tap_num=$((tap_num + 1))
    echo "ok $tap_num - $1"
}

not_ok() {
    tap_num=$((tap_num + 1))
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_num - $1"
    for log in "$scratch/out" "$scratch/err" ${logs:-}; do
        if [ -s "$log" ]; then
            echo "# ${log##*/}:"
            tail -n 20 "$log" | sed 's/^/#   /'
        fi
    done
}

skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

# done_testing: the plan, and the exit status.
done_testing() {
    echo "1..$tap_num"
    [ "$tap_failed" -eq 0 ]
    exit
}

# run COMMAND...: stdout in $scratch/out, stderr in $scratch/err, exit status in $status.
run() {
    status=0
    "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
}

# check TEXT COMMAND...: one test, which holds if the command succeeds.
check() {
    check_text=$1
    shift
    if "$@" >/dev/null 2>&1; then ok "$check_text"; else not_ok "$check_text"; fi
}

# expect_status TEXT STATUS: of the last run.
expect_status() {
    if [ "$status" -eq "$2" ]; then ok "$1"; else not_ok "$1 (exit status $status, wanted $2)"; fi
}

# expect_text TEXT FILE FIXED-STRING: FILE is out or err.
expect_text() {
    if grep -qF -- "$3" "$scratch/$2"; then ok "$1"; else not_ok "$1 (nothing says: $3)"; fi
}

# said_by FIXED-STRING COMMAND...: runs it; holds if its output has the text.
said_by() {
    said_text=$1
    shift
    run "$@"
    grep -qF -- "$said_text" "$scratch/out"
}

# expect_soon TEXT FIXED-STRING COMMAND...: what is true only a moment later, as a log that is shipped in batches.
expect_soon() {
    soon_text=$1
    shift
    if wait_for 60 said_by "$@"; then ok "$soon_text"; else not_ok "$soon_text (nothing says: $1)"; fi
}

# wait_for SECONDS COMMAND...: polls ten times a second; fails when the time is over. Never before a minute: that a machine
# is slow is no failure.
wait_for() {
    wait_limit=$(($1 * 10))
    [ "$wait_limit" -ge 600 ] || wait_limit=600
    shift
    until "$@" >/dev/null 2>&1; do
        wait_limit=$((wait_limit - 1))
        [ "$wait_limit" -gt 0 ] || return 1
        sleep 0.1
    done
}

# json FILE EXPRESSION: the value of a Python expression over the document d, as text.
json() {
    /usr/bin/python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}

# ---- what most tests need: a platform, an app, a user

operator=$scratch/operator
user=$scratch/user

# platform: makes the operator's platform and hands its public files to the user.
platform() {
    mkdir -p "$operator" "$user/conf/sim"
    MSE_CONF_PATH=$operator run "$MSE" sim init
    [ "$status" -eq 0 ] || return 1
    publish
}

publish() {
    MSE_CONF_PATH=$operator run "$MSE" sim show --export "$user" && cp "$user/root.pem" "$user/conf/sim/root.pem"
    [ "$status" -eq 0 ]
}

# free_port: one that nobody has, for what must know it before it listens. Below those that the system gives away by itself,
# as another test would have got it meanwhile.
free_port() {
    /usr/bin/python3 -c 'import random, socket
while True:
    port = random.randrange(12000, 32768)
    try:
        socket.create_server(("127.0.0.1", port)).close()
        break
    except OSError:
        pass
print(port)'
}

# msed_up: makes a platform with msed in $operator and starts it; sets msed (the process), url, gateway (its port) and
# token. Where the system forbids namespaces apps run without a sandbox. $msed_settings, where set: a
# function that changes the configuration before.
msed_up() {
    mkdir -p "$operator"
    (cd "$operator" && exec "$MSED" init) >"$scratch/init" 2>&1 || return 1
    token=$(grep -oE 'mset_[A-Za-z0-9_-]{43}' "$scratch/init")
    gateway=$(free_port)
    sed -i "s/:7443\"/:0\"/; s/:8443\"/:$gateway\"/" "$operator/msed.toml"
    if ! unshare --user --map-root-user --mount true 2>/dev/null; then
        echo '# namespaces are forbidden here: the apps run WITHOUT their sandbox'
        sed -i 's/^\[node\]$/&\ninsecure_no_sandbox = true/' "$operator/msed.toml"
    fi
    [ -z "${msed_settings:-}" ] || "$msed_settings"
    "$MSED" run --config "$operator/msed.toml" >"$scratch/msed.out" 2>"$scratch/msed.err" </dev/null &
    msed=$!
    started "$msed"
    logs=$scratch/msed.err
    for role in 'api listens' 'gateway listens' 'node local'; do
        wait_for 30 grep -q "$role" "$scratch/msed.out" || return 1
    done
    url=$(sed -n 's/^msed: api listens on //p' "$scratch/msed.out")
}

# start_app PROJECT OPTION...: in the background; sets launcher and address, waits until it is ready or over. Where the
# system forbids namespaces (some containers) the app runs without a sandbox, and the log says so.
insecure=
start_app() {
    logs=$scratch/app.log
    launch "$@"
    if [ ! -s "$scratch/ready.json" ] && grep -q 'namespaces are forbidden' "$logs"; then
        echo '# namespaces are forbidden here: the app runs WITHOUT its sandbox'
        insecure=--insecure-no-sandbox
        launch "$@"
    fi
    [ -s "$scratch/ready.json" ] || return 1
    cp "$scratch/context.toml" "$user/context.toml"
    address=$(sed -n 's/^domain_name *= *"\(.*\)"$/\1/p' "$scratch/context.toml" | head -n 1)
}

launch() {
    rm -f "$scratch/ready.json"
    MSE_CONF_PATH=$operator "$MSE" sim run "$@" ${insecure:+"$insecure"} --context-out "$scratch/context.toml" \
        --ready-file "$scratch/ready.json" >"$logs" 2>&1 </dev/null &
    launcher=$!
    started "$launcher"
    wait_for 120 ready_or_over
}

ready_or_over() {
    [ -s "$scratch/ready.json" ] || ! kill -0 "$launcher"
}

# as_user ARGUMENT...: runs mse in the user's folder, with the user's configuration.
as_user() {
    cd "$user" && MSE_CONF_PATH=$user/conf run "$MSE" "$@"
}

# finish PID: waits for the end of a child, not for ever; its exit status in $status.
finish() {
    wait_for 120 gone "$1" || kill -KILL "$1" 2>/dev/null
    status=0
    wait "$1" || status=$?
}

# gone PID: whether the process is over (a zombie is).
gone() {
    ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status"
}
