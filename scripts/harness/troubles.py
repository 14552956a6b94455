"""Trials with hosts in trouble: a real engine, real sshds, and a ledger of what was executed.

Each trial has hosts and a store of its own. Its runbook lets both hosts work at once and then the first one again; the trouble always meets
the first one. The engine may be killed meanwhile, and is resumed until the run has ended. Where it waits for a person because a command is in
doubt, the person reads the ledger.
"""

import itertools
import os
import random
import re
import shutil
import subprocess
import tempfile
import threading
import time

from .host import FAKETIME, Host, PORT, login_name, runs
from .link import DOWN, Link, UP
from .program import Broken, Hung, Life, PATIENCE_SECONDS, Store
from .table import TRUE, word

HOST = re.compile(r"\.(kafka\d+)\.\d+\.[0-9a-f]+$")
LIVES = 6
# More than it takes to open a channel and to ask for a shell in it; less than the program that the shell is then sent.
REQUEST_BYTES = 2_000
RUNBOOK = """
runbook: tell
title: Both hosts at once, then the first one again
severity: warning
owner: us
targets:
  brokers: { role: kafka_broker }
steps:
  - id: together
    run: { targets: brokers, command: [tell, together, "%(work)s"], effect: changes, batch: { size: 100%% } }
    timeout: %(timeout)s
  - id: between
    pause: 700ms
  - id: alone
    run: { targets: "[brokers[0]]", command: [tell, alone, "%(work)s"], effect: changes }
    timeout: %(timeout)s
"""


class Skipped(Exception):
    """Something that this machine does not allow."""


class Trial:
    """One run from its start to its end, with everything that a trouble needs."""

    addresses = itertools.count(1)

    def __init__(self, binary, base, name, dice, fault=None):
        self.name = name
        self.dice = dice
        self.folder = tempfile.mkdtemp(prefix=name.replace(" ", "-") + ".", dir=base)
        self.ledger = os.path.join(self.folder, "ledger")
        open(self.ledger, "w", encoding="utf-8").close()
        self.identity = os.path.join(self.folder, "identity")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.identity], check=True)
        # An address of its own for each host, in a corner of the loopback that depends on the process.
        corner, pid = next(self.addresses) % 120, os.getpid()
        self.hosts = [
            Host(self.folder, number, self.identity, self.ledger, f"127.{100 + pid // 256 % 150}.{pid % 256}.{2 * corner + number}")
            for number in (1, 2)
        ]
        self.host = self.hosts[0]
        self.links = []
        self.lives = []
        self.struck = []
        self.work, self.timeout = "0.5", "30s"
        self.fault = fault

    @property
    def link(self):
        return self.links[0]

    def begin(self, crash_after=None):
        for host in self.hosts:
            if self.fault:
                host.plant(self.fault)
            host.start()
            self.links.append(Link(host.address, PORT))
        configuration = os.path.join(self.folder, "selfheal.yaml")
        nodes = "\n".join(
            f"    - {{ name: {host.name}, host: {host.address}, port: 9092, id: {number}, datacenter: lab, "
            f'ssh: {{ port: {link.port}, user: "{login_name()}", host_key: "{host.key}" }} }}'
            for number, (host, link) in enumerate(zip(self.hosts, self.links), 1))
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(
                f"cluster:\n  name: lab\n  id: torture\n  kafka_brokers:\n{nodes}\n"
                f'ssh: {{ identity_file: "{self.identity}" }}\n'
                f'people:\n  - {{ name: you, unix_user: "{login_name()}", roles: [sre] }}\n'
                f'store: {{ folder: "{self.folder}/store" }}\n')
        self.runbook = os.path.join(self.folder, "tell.yaml")
        with open(self.runbook, "w", encoding="utf-8") as file:
            file.write(RUNBOOK % {"work": self.work, "timeout": self.timeout})
        self.store = Store(self.binary, configuration)
        self.live("run", self.runbook, crash_after=crash_after)

    def live(self, *words, crash_after=None):
        self.lives.append(Life(self.store, words, crash_after=crash_after))

    @property
    def engine(self):
        return self.lives[-1]

    # What happened.

    def entries(self):
        """(what, host, step, effect, pid) for each line of the ledger."""
        with open(self.ledger, encoding="utf-8") as file:
            return [tuple(line.split()) for line in file]

    def has_begun(self, step, host=None):
        return any(entry[:3] == ("begin", (host or self.host).name, step) for entry in self.entries())

    def wait_until_begun(self, step):
        """Waits until the step runs on the host in question; False when the engine ended instead."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.has_begun(step):
            if self.engine.is_over:
                return self.has_begun(step)
            if time.monotonic() > end:
                raise Hung(f"'{step}' did not begin: " + " / ".join(self.engine.text[-3:]))
            time.sleep(0.01)
        return True

    def happened(self, effect):
        mine = [entry for entry in self.entries() if entry[3:4] == (effect,)]
        begun = [entry for entry in mine if entry[0] == "begin"]
        if len(begun) != 1:
            return "more than once" if begun else "never"
        if len(mine) == 2:
            return "once"
        return "still running" if runs(int(begun[0][4]), "tell") else "broke off"

    # The engine.

    def kill_engine(self, where):
        if not self.engine.is_over:
            self.struck.append(where)
        self.engine.kill()

    def maybe_kill_engine(self, where, chance=0.5):
        """Kills it after a moment, in some of the trials."""
        if self.dice.random() < chance:
            time.sleep(self.dice.uniform(0, 0.3))
            self.kill_engine(where)

    def resume(self):
        """Gives the run to another engine, if it was killed and had been written down."""
        runs = self.store.runs()
        if runs:
            self.live("resume", runs[0])
        else:
            # Killed before the run was written down: nothing may have happened, and the operator starts again.
            if self.entries():
                raise Broken("nothing is in the store, and something is in the ledger")
            self.live("run", self.runbook)

    def finish(self):
        """Sees the run through to its end; a person settles what is in doubt by the ledger."""
        settled = set()
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            if self.engine.is_over:
                if not self.engine.was_killed or len(self.lives) >= LIVES:
                    self.engine.end()
                    return
                self.resume()
            elif self.engine.says("is in doubt"):
                for effect, said in self.said().items():
                    if said == "in doubt" and effect not in settled:
                        settled.add(effect)
                        self.settle(effect)
            if time.monotonic() > end:
                self.engine.kill()
                raise Hung("the run does not end: " + " / ".join(self.engine.text[-4:]))
            time.sleep(0.02)

    def settle(self, effect):
        run, step = effect.split(".")[:2]
        happened = "--not-happened" if self.happened(effect) == "never" else "--happened"
        done = self.store.engine(
            "settle", run, step, happened, "--target", HOST.search(effect).group(1), "--because", "the ledger says so")
        if done.returncode != 0:
            raise Broken(f"settle {effect}: {done.stderr.strip()}")

    def said(self):
        """What the journal says of each act."""
        runs = self.store.runs()
        said, self.outputs = {}, {}
        for record in self.store.journal(runs[0])["records"] if runs else []:
            effect = record["body"].get("effect")
            if record["kind"] == "effect.began":
                said[effect] = "under way"
            elif record["kind"] == "effect.ended":
                said[effect] = word(record["body"]["ending"])
                self.outputs[effect] = (record["body"].get("status"), record["body"].get("stdout"))
        return said

    # The verdict.

    def judge(self, may_doubt, may_lose_output):
        """The rows of the table, and what is wrong with them."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not all(host.is_idle() for host in self.hosts) and time.monotonic() < end:
            time.sleep(0.02)
        said, rows, faults = self.said(), [], []
        for effect, saying in said.items():
            happened = self.happened(effect)
            rows.append((saying, happened))
            if happened not in TRUE.get(saying, ()):
                faults.append(f"'{saying}' and it happened: {happened} ({effect})")
            if saying == "in doubt" and (not may_doubt or HOST.search(effect).group(1) != self.host.name):
                faults.append(f"in doubt, and the receipt was there to be asked ({effect})")
            if saying == "done" and not may_lose_output and self.outputs[effect] != (0, f"told {effect}\n"):
                faults.append(f"done, with another answer: {self.outputs[effect]} ({effect})")
        begun = [entry for entry in self.entries() if entry[0] == "begin"]
        for entry in begun:
            if entry[3] not in said:
                rows.append(("not in the journal", "once"))
                faults.append(f"it happened and is not in the journal: {' '.join(entry)}")
        for place in {entry[1:3] for entry in begun}:
            if sum(entry[1:3] == place for entry in begun) > 1:
                faults.append(f"{place[1]} happened more than once on {place[0]}")
        if not said:
            faults.append("nothing was said: " + " / ".join(self.engine.text[-3:]))
        if self.engine.process.returncode not in (0, 1):
            faults.append(f"exit {self.engine.process.returncode}: " + " / ".join(self.engine.text[-3:]))
        return rows, faults

    def end(self, keeps):
        for life in self.lives:
            life.kill()
        for link in self.links:
            link.close()
        for host in self.hosts:
            host.stop()
        if keeps:
            for number, life in enumerate(self.lives):
                with open(os.path.join(self.folder, f"engine.{number}"), "w", encoding="utf-8") as file:
                    file.write("\n".join(life.text))
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


# The troubles. Each is given a trial that has not begun, and leaves the host as it was.


def engine_killed(trial):
    trial.begin()
    for _ in range(trial.dice.choice([1, 1, 2, 3])):
        if trial.dice.random() < 0.5 and trial.wait_until_begun(trial.dice.choice(["together", "alone"])):
            time.sleep(trial.dice.uniform(0, 0.4))
            trial.kill_engine("while a command ran")
        else:
            time.sleep(trial.dice.uniform(0, 1.6))
            trial.kill_engine("at a random moment")
        trial.resume()


def after_record(number):
    def trouble(trial):
        trial.begin(crash_after=number)
        trial.engine.end()
        if trial.engine.was_killed:
            trial.struck.append("after a record")
    return trouble


def in_the_middle(trial):
    """Some moment of a command's life on the host, from before it began to about its end; False when it never came."""
    step = trial.dice.choice(["together", "alone"])
    if trial.dice.random() < 0.25:
        time.sleep(trial.dice.uniform(0, 0.5))
        return True
    began = trial.wait_until_begun(step)
    time.sleep(trial.dice.uniform(0, 0.5))
    return began


def sshd_killed(trial):
    trial.begin()
    in_the_middle(trial)
    trial.host.kill_sshd()
    trial.maybe_kill_engine("while a host's sshd was gone")
    time.sleep(trial.dice.uniform(0, 1.0))
    trial.host.start()


def cut(*directions):
    def trouble(trial):
        trial.begin()
        in_the_middle(trial)
        trial.link.hold(*directions)
        trial.maybe_kill_engine("while the network was cut")
        time.sleep(trial.dice.uniform(0.1, 1.5))
        # A cut ends in one of two ways: everything arrives late, or the connections are gone.
        if trial.dice.random() < 0.5:
            trial.link.release()
        else:
            trial.link.reset()
    return trouble


def connection_goes_silent(trial):
    """The connections there are carry nothing any more, and nobody says so; new ones do."""
    trial.timeout = "6s"
    trial.begin()
    in_the_middle(trial)
    trial.link.hold(*trial.dice.choice([(UP,), (DOWN,), (UP, DOWN)]))
    trial.link.held = set()
    trial.maybe_kill_engine("while its connections were silent", chance=0.3)


def start_comes_late(trial):
    """The network holds a start back until whoever asks was told that it never began: another engine, or the same one, which lost its connection."""
    trial.begin()
    if not trial.engine.wait_for("together succeeded"):
        raise Broken("the first step did not succeed: " + " / ".join(trial.engine.text[-3:]))
    connections = list(trial.link.connections)
    for connection in connections:
        connection.hold_after(REQUEST_BYTES)
    if not trial.engine.wait_for("alone", ": begun"):
        raise Broken("the last step was not sent: " + " / ".join(trial.engine.text[-3:]))
    time.sleep(trial.dice.uniform(0.1, 0.4))
    if trial.dice.random() < 0.5:
        trial.kill_engine("with a start held back by the network")
        trial.resume()
    else:
        for connection in connections:
            connection.sever()
    trial.finish()
    for connection in connections:
        connection.release()
    # Until the host has read what came, and the login is over.
    end = time.monotonic() + PATIENCE_SECONDS
    while any(connection.left for connection in connections) and time.monotonic() < end:
        time.sleep(0.02)


def frozen(trial):
    trial.begin()
    in_the_middle(trial)
    trial.host.freeze()
    trial.maybe_kill_engine("while a host stood still")
    time.sleep(trial.dice.uniform(0.1, 2.0))
    trial.host.thaw()


def frozen_past_its_time(trial):
    trial.work, trial.timeout = "1.2", "2s"
    trial.begin()
    in_the_middle(trial)
    trial.host.freeze()
    trial.maybe_kill_engine("while a host stood still")
    time.sleep(trial.dice.uniform(2.0, 3.5))
    trial.host.thaw()


def rebooted(trial):
    trial.begin()
    in_the_middle(trial)
    trial.host.reboot()
    trial.maybe_kill_engine("while a host was down")
    time.sleep(trial.dice.uniform(0, 0.5))
    trial.host.start()


def receipts_gone(trial):
    trial.begin()
    in_the_middle(trial)
    trial.host.lose_receipts()
    trial.maybe_kill_engine("after a host lost its receipts")


def disk_full(trial):
    if not trial.host.mount_small_disk():
        raise Skipped("full disks: this user may not mount one")
    if trial.dice.random() < 0.4:
        trial.host.fill_disk()
        trial.begin()
        trial.maybe_kill_engine("while a host's disk was full")
    else:
        trial.begin()
        in_the_middle(trial)
        trial.host.fill_disk()
        trial.maybe_kill_engine("while a host's disk was full")
        if trial.dice.random() < 0.5:
            time.sleep(trial.dice.uniform(0, 1.0))
            trial.host.clear_disk()


def unwritable(trial):
    if os.geteuid() == 0 and not shutil.which("chattr"):
        raise Skipped("receipts that cannot be written: root needs chattr")
    if trial.dice.random() < 0.4:
        with open(trial.host.receipts, "w", encoding="utf-8") as file:
            file.write("not a folder\n")
        trial.begin()
    else:
        trial.begin()
        in_the_middle(trial)
        try:
            trial.host.lock_receipts()
        except subprocess.CalledProcessError as error:
            raise Skipped(f"receipts that cannot be written: {error.stderr.decode().strip()}") from None
        trial.maybe_kill_engine("while a host's receipts could not be written")
        time.sleep(trial.dice.uniform(0, 1.0))
        trial.host.unlock_receipts()


def clock_wrong(trial):
    if not FAKETIME:
        raise Skipped("wrong clocks: libfaketime is not installed")
    trial.host.set_clock(trial.dice.choice([-3600, 3600]))
    trial.begin()
    for _ in range(3):
        time.sleep(trial.dice.uniform(0, 0.5))
        trial.host.set_clock(trial.dice.choice([-3600, 0, 3600]))
    trial.maybe_kill_engine("while a host's clock was wrong")


class Trouble:
    def __init__(self, make, may_doubt=False, may_lose_output=False, is_slow=False):
        self.make = make
        # Whether it is left to the second round, because it waits for the engine's own patience to end.
        self.is_slow = is_slow
        # Whether the trouble may take the receipt away, or keep it from being written.
        self.may_doubt = may_doubt
        self.may_lose_output = may_lose_output


TROUBLES = {
    "engine killed": Trouble(engine_killed),
    "sshd killed": Trouble(sshd_killed),
    "cut off": Trouble(cut(UP, DOWN)),
    "cut towards the host": Trouble(cut(UP)),
    "cut towards the engine": Trouble(cut(DOWN)),
    "connection goes silent": Trouble(connection_goes_silent, is_slow=True),
    "start comes late": Trouble(start_comes_late),
    "frozen": Trouble(frozen),
    "frozen past its time": Trouble(frozen_past_its_time, may_lose_output=True),
    "rebooted": Trouble(rebooted, may_doubt=True),
    "receipts gone": Trouble(receipts_gone, may_doubt=True),
    "disk full": Trouble(disk_full, may_lose_output=True),
    "receipts unwritable": Trouble(unwritable, may_doubt=True, may_lose_output=True),
    "clock wrong": Trouble(clock_wrong),
}


def make(binary, base, kind, number, seed, fault=None):
    """Makes one trial and returns its result."""
    name = f"{kind} {number}"
    dice = random.Random(f"{seed}/{name}")
    trouble = TROUBLES.get(kind) or Trouble(after_record(number))
    result = {"name": name, "kind": kind, "number": number, "struck": [], "rows": [], "faults": [], "outcome": "no run"}
    Trial.binary = binary
    trial = Trial(binary, base, name, dice, fault)
    try:
        try:
            trouble.make(trial)
            trial.finish()
            result["rows"], result["faults"] = trial.judge(trouble.may_doubt, trouble.may_lose_output)
        except Hung as hung:
            result["faults"].append(str(hung))
        runs = trial.store.runs() if trial.lives else []
        if runs:
            journal = trial.store.journal(runs[0])
            result["outcome"] = journal["outcome"] or journal["state"]
        result["was_killed"] = bool(trial.lives) and trial.lives[0].was_killed
    except Skipped as skipped:
        result["skipped"] = str(skipped)
    except (Broken, subprocess.SubprocessError, OSError, ValueError) as error:
        result["unmade"] = f"{type(error).__name__}: {error}"
    finally:
        result["struck"] = trial.struck
        trial.end(keeps=bool(result["faults"] or result.get("unmade")))
    if result["faults"] or result.get("unmade"):
        result["kept"] = trial.folder
    return result
