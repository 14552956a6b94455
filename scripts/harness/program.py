"""The program under test as processes: one life of an engine, and short questions to a store."""

import json
import os
import signal
import subprocess
import threading
import time

# How long anything may take before a trial counts as hanging.
PATIENCE_SECONDS = 240


class Broken(Exception):
    """A trial that could not be made."""


class Hung(Exception):
    """An engine that neither goes on nor says what it waits for."""


def call(binary, *words, check=True):
    """Runs the program to its end."""
    # A session of its own, here and below: Ctrl-C is for the harness, which lets its trials end.
    done = subprocess.run(
        [binary, *words], capture_output=True, text=True, timeout=PATIENCE_SECONDS, start_new_session=True)
    if check and done.returncode != 0:
        raise Broken(f"selfheal {' '.join(words)}: exit {done.returncode}: {done.stderr.strip()[-400:]}")
    return done


class Store:
    """What one configuration's store says of its runs."""

    def __init__(self, binary, configuration):
        self.binary = binary
        self.configuration = configuration

    def engine(self, *words):
        return call(self.binary, *words, "--config", self.configuration, check=False)

    def runs(self):
        done = self.engine("runs", "--format", "json")
        return [run["run"] for run in json.loads(done.stdout)] if done.returncode == 0 else []

    def journal(self, run):
        done = self.engine("show", run, "--format", "json")
        if done.returncode != 0:
            raise Broken(f"show {run}: exit {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout)


class Life:
    """One process of the engine, from its start to its end, natural or not."""

    def __init__(self, store, words, crash_after=None, on_line=None):
        environment = dict(os.environ, NO_COLOR="1")
        if crash_after:
            environment["SELFHEAL_CRASH_AFTER_RECORD"] = str(crash_after)
        self.store = store
        self.lines = 0
        self.sent = 0
        self.text = []
        self.on_line = on_line
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            [store.binary, *words, "--config", store.configuration],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment,
            start_new_session=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            with self.changed:
                self.text.append(line.rstrip())
                self.lines += 1
                self.sent += ": begun" in line
                self.changed.notify_all()
            if self.on_line:
                self.on_line(line)
        with self.changed:
            self.lines = self.sent = 1 << 30
            self.changed.notify_all()

    def says(self, *words):
        """Whether one of its lines has all these words."""
        return any(all(word in line for word in words) for line in list(self.text))

    def wait_for(self, *words):
        """Waits until it has said so, or is over; whether it has."""
        with self.changed:
            self.changed.wait_for(lambda: self.says(*words) or self.lines >= 1 << 30, PATIENCE_SECONDS)
        return self.says(*words)

    @property
    def is_over(self):
        return self.process.poll() is not None

    @property
    def was_killed(self):
        return self.process.returncode == -signal.SIGKILL

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(5)

    def kill_by(self, plan):
        """Kills by plan and waits; True when it was killed. ('time', s), ('line', n, s), ('sent', n, s), or None to let it end."""
        if plan and plan[0] == "time":
            try:
                self.process.wait(plan[1])
            except subprocess.TimeoutExpired:
                self.process.kill()
        elif plan:
            with self.changed:
                self.changed.wait_for(lambda: (self.sent if plan[0] == "sent" else self.lines) >= plan[1], PATIENCE_SECONDS)
            time.sleep(plan[2])
            self.process.kill()
        self.end()
        return self.was_killed

    def end(self):
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Hung("the engine hung: " + " / ".join(self.text[-4:])) from None
        self.reader.join(5)
