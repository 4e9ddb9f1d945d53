#!/usr/bin/env bash
# signal.sigtimedwait gives a signal that never came, when its process was stopped beyond the time it waits for.
#
# Versions:  CPython 3.10.13, 3.11.7, 3.12.1 and 3.13.0 on Linux 64 bit; no package is needed.
# Guess:     sigtimedwait returns None once its timeout has passed, and a siginfo only for a signal of its set.
# Behaviour: where the process is stopped (SIGSTOP, a debugger, a frozen container) during the wait and continued after
#            the timeout, it returns a struct_siginfo whose fields are memory that nothing has written: no None, no
#            error. si_signo is often no number of a signal, and may be one of a signal that nobody sent.
# Output:    sigtimedwait after the stop: a siginfo with si_signo 1011389488, and no signal was sent
#
# Takes three seconds. A loop that must survive a stop can wait by signal.sigwait beside a timer (setitimer).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/wait.py" <<'PY'
import os, signal, time

child = os.fork()
if child == 0:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    found = signal.sigtimedwait({signal.SIGUSR1}, 1.0)
    if found is not None:
        print(f"sigtimedwait after the stop: a siginfo with si_signo {found.si_signo}, and no signal was sent", flush=True)
    os._exit(0 if found is None else 10)
time.sleep(0.3)
os.kill(child, signal.SIGSTOP)
time.sleep(1.5)
os.kill(child, signal.SIGCONT)
_, status = os.waitpid(child, 0)
raise SystemExit(os.waitstatus_to_exitcode(status))
PY
python3 --version
status=0
python3 "$work/wait.py" || status=$?
[ "$status" = 10 ] || { echo "not as stated: ended with $status"; exit 1; }
