#!/usr/bin/env bash
# Build the image and check what docker/README.md promises: a line a check, exit code 1 where one fails.
# Usage: docker/test.sh BASE_IMAGE [OPTIONS OF docker build]     such as debian:13 --build-arg EXTRAS=cuda13
# It starts no engine. GPUS=all gives the GPU tests the GPUs.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ $# -eq 0 ]; then
    sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}" >&2
    exit 2
elif ! docker version >/dev/null 2>&1; then
    echo "no container engine answers; docker/README.md tells how to get one" >&2
    exit 2
fi

base=$1
shift
build_options=("$@")
image=dali-ssd-test
container=$image-$$
me=$(id -u):$(id -g)
work=$(mktemp -d)
mkdir "$work/out" "$work/damaged" "$work/two"
trap 'two_workers down >/dev/null 2>&1; docker rm -f "$container" >/dev/null 2>&1; rm -rf "$work"' EXIT
failed=0
compose=()
for words in "docker compose" docker-compose; do
    # shellcheck disable=SC2206
    if $words version >/dev/null 2>&1; then compose=($words); break; fi
done

check() { # check NAME COMMAND...: run it and say how it went
    local name=$1 output started=$SECONDS
    shift
    if output=$("$@" 2>&1); then
        echo "ok    $name ($((SECONDS - started)) s)"
    else
        failed=1
        echo "FAIL  $name ($((SECONDS - started)) s)"
        tail -n 20 <<<"$output" | sed 's/^/      /'
    fi
}

# No container gets a network, and all of them the least shared memory: neither is needed.
run() { docker run --rm --network=none --shm-size=1m "$@"; }
mine() { run --user "$me" -v "$work/out:/out" "$@"; }
with_data() { mine -v "$work/out/demo:/data:ro" "$@"; }
exits_with() { # exits_with CODE COMMAND...
    local expected=$1 code=0
    shift
    "$@" || code=$?
    [ "$code" -eq "$expected" ] || { echo "exit code $code, not $expected"; return 1; }
}

short_bench=(bench --draw 16 --contenders dali_ssd,decode --rounds 1 --seconds 2 --batch-sizes 8)

builds() { docker build -f docker/Dockerfile --build-arg BASE_IMAGE="$base" "${build_options[@]}" -t "$image" .; }
prints_help() { run "$image" | grep '^usage: dali-ssd COMMAND'; }
demo() {
    mine "$image" demo --epochs 1 --train-images 32 --val-images 8 --batch-size 8 &&
        [ -s "$work/out/demo/augmented.png" ] && [ -s "$work/out/demo/detections.png" ]
}
bench_on_drawn_shards() {
    mine "$image" "${short_bench[@]}" --json /out/drawn.json --plot /out/drawn.png &&
        [ -s "$work/out/drawn.json" ] && [ -s "$work/out/drawn.png" ]
}
bench_on_mounted_shards() {
    with_data "$image" "${short_bench[@]}" '/data/train*.rec' --json /out/mounted.json && [ -s "$work/out/mounted.json" ]
}
trains() {
    with_data "$image" train --train '/data/train*.rec' --val '/data/val*.rec' --network mobilenet0.25 --epochs 1 \
        --batch-size 8 --save-prefix /out/runs/ && ls "$work"/out/runs/*.params
}
belongs_to_caller() { ! find "$work/out" ! \( -user "${me%:*}" -group "${me#*:}" \) | grep .; }
checks_good_shards() { with_data "$image" check '/data/train*.rec'; }
checks_damaged_shard() {
    head -qc 20000 "$work"/out/demo/train*.rec >"$work/damaged/a.rec"
    exits_with 1 mine -v "$work/damaged:/data:ro" "$image" check /data/a.rec
}
read_only() { mine --read-only --tmpfs /tmp "$image" "${short_bench[@]}" --json /out/read_only.json; }
other_user() { run --user 12345:23456 "$image" "${short_bench[@]}" --json bench.json; }
refuses_early() { # what another user cannot write to is named before anything is measured
    local told
    told=$(exits_with 2 run --user 12345:23456 -v "$work/out:/out" "$image" "${short_bench[@]}" --json /out/b.json 2>&1) &&
        grep -q 'user 12345 may not write to /out' <<<"$told"
}
little_memory() { run --memory 1g --memory-swap 1g "$image" "${short_bench[@]}"; }
kernels_are_there() { # filling the caches again, as a user who may, leaves them as they are
    run --user 0:0 --entrypoint sh -e NUMBA_CACHE_DIR=/opt/dali-ssd/cache/numba "$image" -ec '
        touch /tmp/now
        /opt/dali-ssd/docker/fill_caches.py
        find "$NUMBA_CACHE_DIR" -name "*.nbc" | grep .
        ! find "$NUMBA_CACHE_DIR" -newer /tmp/now | grep .'
}
plugin_works() { # the one for all GPUs that the image was built with: another could not be built in it
    run --entrypoint python -v "$PWD/docker/check_plugin.py:/check_plugin.py:ro" "$image" \
        /check_plugin.py /opt/dali-ssd/plugin
}
gpu_tests() { run ${GPUS:+--gpus "$GPUS"} --entrypoint python -w /opt/dali-ssd "$image" -m pytest -m gpu -q; }
gpu_check() { # with GPUs, a short one; without, it says what is missing
    if [ -n "${GPUS:-}" ]; then
        with_data --gpus "$GPUS" "$image" gpu-check '/data/train*.rec' --out /out/gpu-check --batch-sizes 32 \
            --data-shapes 300 && [ -s "$work/out/gpu-check/gpu-check.json" ] && [ -s "$work/out/gpu-check/gpu-check.md" ]
    else
        local told
        told=$(exits_with 2 with_data "$image" gpu-check '/data/train*.rec' --out /out/gpu-check 2>&1) &&
            grep -q 'there is no NVIDIA GPU here: nvidia-smi is not on PATH' <<<"$told" && [ ! -e "$work/out/gpu-check" ]
    fi
}
health() {
    run --entrypoint sh "$image" -ec '
        healthy=/opt/dali-ssd/docker/healthcheck
        $healthy
        touch "$DALI_SSD_HEARTBEAT" && $healthy
        touch -d "11 minutes ago" "$DALI_SSD_HEARTBEAT" && ! $healthy'
}

ends() { # ends SIGN COMMAND...: once log or processes of the container show SIGN, COMMAND ends it with 130, as fast as
    # docker stop would have it
    local sign=$1 started code log
    shift
    for _ in $(seq 300); do
        grep -q "$sign" <<<"$(docker logs "$container" 2>&1; docker top "$container" 2>&1)" && break
        sleep 1
    done
    started=$SECONDS
    "$@" "$container"
    code=$(docker wait "$container")
    log=$(docker logs "$container" 2>&1)
    docker rm -f "$container"
    echo "$log"
    echo "ended with $code after $((SECONDS - started)) s"
    [ "$code" -eq 130 ] && [ $((SECONDS - started)) -le 10 ] && ! grep -q Traceback <<<"$log"
}
starts() { docker run -d --name "$container" --network=none --user "$me" -v "$work/out:/out" "$image" "$@"; }
interrupted_bench() { starts bench --draw 16 --contenders synthetic --seconds 600 && ends measuring.child docker kill -s INT; }
stopped_bench() { starts bench --draw 16 --contenders synthetic --seconds 600 && ends measuring.child docker stop -t 20; }
interrupted_training() {
    starts demo --out /out/interrupted --train-images 64 --val-images 8 --batch-size 8 --epochs 500 &&
        ends 'Epoch 1. Training cost' docker kill -s INT && ls "$work"/out/interrupted/*.ckpt
}

two_workers() { # two_workers COMMAND OF compose...: with the demo's records, on another port in each run
    env IMAGE="$image" DATA="$work/out/demo" OUT="$work/two" OWNER="$me" PORT=$((20000 + $$ % 10000)) \
        NETWORK=mobilenet0.25 EPOCHS=1 BATCH_SIZE=8 \
        timeout 600 "${compose[@]}" -p "$container" -f docker/compose.yaml "$@"
}
compose_asks_for_folders() {
    local told
    told=$(exits_with 1 "${compose[@]}" -f docker/compose.yaml config 2>&1) && grep 'is the folder of the shards' <<<"$told"
}
compose_trains() { # and ends by itself
    local log
    log=$(two_workers up --abort-on-container-exit --exit-code-from worker-0 2>&1) || { echo "$log"; return 1; }
    grep 'Training in 2 processes' <<<"$log" && ls "$work"/two/*_0000_*.params
}

check "builds on $base" builds
[ $failed -eq 0 ] || exit 1
check "prints help by default" prints_help
check "demo" demo
check "bench on shards it draws" bench_on_drawn_shards
check "bench on mounted shards" bench_on_mounted_shards
check "train from mounted shards, without a network" trains
check "output belongs to the caller" belongs_to_caller
check "check finds nothing wrong with good shards" checks_good_shards
check "check ends with 1 on a damaged shard" checks_damaged_shard
check "read-only root file system" read_only
check "another user" other_user
check "a folder of somebody else is refused before measuring" refuses_early
check "1 GB of memory" little_memory
check "compiled kernels are in the image" kernels_are_there
check "the plugin is in the image, and its operators run on the CPU" plugin_works
check "health check" health
if [ ${#compose[@]} -gt 0 ]; then
    check "compose asks for the folders" compose_asks_for_folders
    check "compose: two workers train as one" compose_trains
else
    echo "skip  compose: neither docker compose nor docker-compose is here"
fi
check "Ctrl-C ends a benchmark" interrupted_bench
check "Ctrl-C ends a training, which is saved" interrupted_training
check "docker stop ends a benchmark" stopped_bench
check "gpu-check writes its report (without a GPU: says what is missing)" gpu_check
check "GPU tests run (skipped without a GPU)" gpu_tests
exit $failed
