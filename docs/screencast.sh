#!/usr/bin/env bash
# The app at work, played by tmux: it launches on digits, watches, is killed, resumes, compares.
#
#     docs/screencast.sh               plays it in this terminal, of 120 x 41 or larger
#     docs/screencast.sh FILE.cast     records it with asciinema
#     docs/screencast.sh | less        prints each scene's screen
#
# Needs tmux, and tui-trainer on the path. Everything happens in a folder that is removed in the end;
# on two cores it takes about two minutes. PAUSE is how many seconds each scene stays (default 2).
set -euo pipefail
unset TMUX
export LC_ALL=C.UTF-8
recording=${1:-} pause=${PAUSE:-2}
place=$(mktemp -d)
export XDG_STATE_HOME=$place/state
tmux() { command tmux -L "tui-trainer-screencast-$$" -f /dev/null "$@"; }

tidy_up() {
    trap - EXIT
    for run in "$place"/runs/*/*/; do
        run=${run%/} && run=${run#"$place/runs/"}
        tui-trainer -C "$place" stop --now "$run" >"$place/stop.txt" 2>&1 || true
    done
    tmux kill-server 2>"$place/tmux.txt" || true
    rm -rf "$place"
}
trap tidy_up EXIT

cat >"$place/experiments.toml" <<'EOF'
[project]
name = "digits-study"

[defaults]
data = { name = "digits" }
epochs = 12
resources.slots = 1

[experiments.cnn2]
description = "two convolutions, nothing fancy"
model = { name = "cnn", depth = 2, width = 16 }

[experiments.cnn4]
description = "deeper, with augmentation"
base = "cnn2"
model.depth = 4
model.width = 32
augment = [{ name = "rotation", degrees = 10 }]
EOF

scene() { # what happens now, in the line below the app, or above its screen where it is printed
    tmux set -g status-left " $1"
    sleep "$pause"
    [ -t 1 ] || { printf '\n== %s\n' "$1" && tmux capture-pane -p -t app; }
}

press() {
    for key in "$@"; do
        tmux send-keys -t app "$key"
        sleep 0.5
    done
}

see() { # wait until the screen shows this; two minutes, or as many seconds as are given
    local deadline=$((SECONDS + ${2:-120}))
    until tmux capture-pane -p -t app | grep -qE -- "$1"; do
        if [ $SECONDS -ge $deadline ]; then
            { echo "waited in vain for: $1" && tmux capture-pane -p -t app; } >&2
            exit 1
        fi
        sleep 0.2
    done
}

play() {
    see 'cnn4 .*deeper'
    scene "Two experiments on scikit-learn's digits"
    press Enter
    see 'cnn2/1 +. (preflight|running|finished)'
    scene "Enter launched one: a process of its own, which this app only watches"
    press G Enter
    see 'cnn4/1 +. (queued|preflight|running)'
    scene "and another one"
    see 'cnn4/1 +. running +([3-9]|1[0-2])/12' 300
    scene "Curves grow as epochs end"
    press Enter
    see '\[1 curves\]'
    scene "Enter opened its page"
    press 2
    see '\[2 log\]'
    scene "with its log"
    press Escape
    see 'cnn4/1 +. running'
    # shellcheck disable=SC2046 - two numbers: supervisor and training
    kill -9 $(grep -o '"pid": *[0-9]*' "$place/runs/cnn4/1/heartbeat.json" | grep -o '[0-9]*$')
    see 'cnn4/1 +. crashed'
    scene "Somebody killed everything of it (kill -9): it says so at once"
    press r
    see 'cnn4/1 +. (preflight|running|finished)'
    scene "r resumes it from its last good checkpoint, bit for bit"
    see '2 finished' 600
    scene "Both are done"
    press Space g Space c
    see 'compared'
    scene "Space marked them, c compares them: curves, figures, the settings that differ"
    press Escape q
}

play_to_who_watches() { # who is let go in the end, however it ends
    trap 'tmux kill-session 2>"$place/tmux.txt" || true' EXIT
    play >"$place/scenes.txt" 2>"$place/problem.txt"
}

tmux new-session -d -s app -x 120 -y 41 -c "$place" tui-trainer
tmux set -g window-size manual
tmux set -g default-terminal screen-256color
tmux set -g status-style reverse
tmux set -g status-left-length 119
tmux set -g status-right ''
tmux set -g window-status-current-format ''
if [ -n "$recording" ]; then
    command -v asciinema >/dev/null || { echo "asciinema is not installed: it records" >&2 && exit 1; }
    play_to_who_watches &
    asciinema rec --cols 120 --rows 41 -c "tmux -L tui-trainer-screencast-$$ attach -r" "$recording"
    wait $! || { cat "$place/problem.txt" >&2 && exit 1; }
elif [ -t 1 ]; then
    play_to_who_watches &
    tmux attach -r
    wait $! || { cat "$place/problem.txt" >&2 && exit 1; }
else
    play
fi
