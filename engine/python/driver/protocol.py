"""The half of inferprof that runs in the user's Python: it drives an inference engine on behalf of the other half.

Each line on standard input is a command, a JSON object with "id" and "op"; each line on standard output answers one,
with its "id" and either "result" or "error". Commands are carried out one after the other by the main thread, but for
"abort", which has no answer: it ends a "generate" that is going on at its next step, with what is finished so far.
At the end of the input the engine is shut down and the process ends.

Engines print a lot, and some of it to standard output. So the answers go to a copy of it that only this file knows, and
what is printed goes where standard error goes, the log.

Engines start processes of their own, which outlive a killed parent. So before anything else a guard is forked that waits
for the other half to go away, however it does, and then ends the whole process group.
"""

import importlib.metadata
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback


class UsageError(Exception):
    """What was asked for cannot be: an argument that does not exist, a value that makes no sense."""


class Aborted(Exception):
    """Raised between two steps of an engine after an "abort"."""


abort = threading.Event()


def guard(lifeline):
    """Forks a process that kills this one's group once the other end of the pipe `lifeline` is closed."""
    group = os.getpgrp()
    if group != os.getpid():
        return  # not started as the leader of a group: what would be killed is not ours
    if os.fork() > 0:
        os.close(lifeline)
        return
    os.setpgid(0, 0)
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, signal.SIG_IGN)
    for fd in range(3):
        os.close(fd)
    os.read(lifeline, 1)  # nothing is ever written: it returns when the writer is gone
    end_group(group)
    os._exit(0)


def end_group(group):
    """Kills a process group. The tracker of multiprocessing's resources goes last: when the others are gone, which takes what the
    machine is busy with, it clears up the shared memory that they leave, and ends by itself."""
    trackers = []
    for pid in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        try:
            if not pid.isdigit() or os.getpgid(int(pid)) != group:
                continue
            if is_tracker(pid):
                trackers.append(pid)
                continue
            os.kill(int(pid), signal.SIGKILL)
        except OSError:  # gone since
            pass
    give = time.monotonic() + 10
    while any(map(is_tracker, trackers)) and time.monotonic() < give:
        time.sleep(0.02)
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def is_tracker(pid):
    """Whether a process is a tracker of multiprocessing's resources that has not ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return b"multiprocessing.resource_tracker" in f.read()
    except OSError:
        return False


def tell_end(pid, code):
    """Says in the log how a process ended; of one that a signal ended the code is the signal's, negative."""
    os.write(2, f"inferprof: process {pid} ended with exit code {code}\n".encode())


def tell_ends():
    """Makes multiprocessing tell how the processes end that it has started, as engines start theirs. The system says it to
    one asker only, and engines keep it to themselves."""
    from multiprocessing import popen_fork
    poll = popen_fork.Popen.poll

    def telling(self, *args, **kwargs):
        known = self.returncode is not None
        code = poll(self, *args, **kwargs)
        if code is not None and not known:
            tell_end(self.pid, code)
        return code

    popen_fork.Popen.poll = telling


def take_pipes():
    """Returns files for the commands and the answers. Everything else reads nothing, and prints to standard error.

    Nobody may wait in sys.stdin: a process that an engine forks closes it, and would wait for a lock that a thread holds
    which it does not have."""
    commands = os.fdopen(os.dup(0), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return commands, answers


def read_commands(lines, commands):
    for line in lines:
        command = json.loads(line)
        if command["op"] == "abort":
            abort.set()
            continue
        if command["op"] == "generate":
            abort.clear()  # here, and not when its turn comes: an "abort" may follow at once
        commands.put(command)
    abort.set()
    commands.put(None)


def explain(error):
    """An exception as an answer. The cause that an engine wrapped says more than the wrapping."""
    text = str(error).strip() or type(error).__name__
    return {"type": type(error).__name__, "text": text, "usage": isinstance(error, UsageError)}


def serve(open_engine):
    """Carries out commands until there are no more. `open_engine` makes an engine of the configuration in "open"."""
    if "INFERPROF_LIFELINE" in os.environ:
        guard(int(os.environ.pop("INFERPROF_LIFELINE")))
    os.environ.pop("INFERPROF_DRIVER", None)
    lines, answers = take_pipes()
    tell_ends()
    commands = queue.SimpleQueue()
    threading.Thread(target=read_commands, args=(lines, commands), daemon=True).start()
    engine = None
    while (command := commands.get()) is not None:
        answer = {"id": command["id"]}
        try:
            op = command["op"]
            if op == "open":
                engine = open_engine(command["config"])
                answer["result"] = engine.info()
            elif op == "generate":
                answer["result"] = engine.generate(command["requests"])
            else:
                answer["result"] = getattr(engine, {"start_profile": op, "stop_profile": op}[op])()
        except (Exception, SystemExit) as e:
            traceback.print_exc()
            answer["error"] = explain(e)
        sys.stdout.flush()
        sys.stderr.flush()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    if engine is not None:
        engine.close()


def version_of(*names):
    """The installed version of a distribution that goes by one of several names, or None."""
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    return None


def output(request, prompt_ids, token_ids, text, finish, stop_reason, arrival, first, last):
    """An answer to one request. Times are seconds since 1970; None if there was no token or nobody measured."""
    def ns(seconds):
        return int(seconds * 1e9) if seconds else 0
    return {
        "id": request["id"], "prompt": request.get("prompt") or "", "prompt_token_ids": list(prompt_ids or []),
        "text": text or "", "token_ids": list(token_ids or []), "finish_reason": finish or "abort",
        "stop_reason": stop_reason if isinstance(stop_reason, str) else "",
        "arrival_ns": ns(arrival), "first_token_ns": ns(first), "last_token_ns": ns(last),
    }
