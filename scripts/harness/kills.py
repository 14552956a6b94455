"""Trials with the practice cluster: the engine is killed while it heals, another goes on, and the ledger of the cluster tells the truth."""

import collections
import os
import random
import re
import threading

from .program import Broken, Hung, Life, Store, call
from .table import word

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUNBOOK = os.path.join(ROOT, "runbooks", "zookeeper_quorum_loss.yaml")
# How often a trial's engine is started before we give up.
LIVES = 8
# What the steps of the runbook ask of a host's service command.
ACTS = [
    (r"\.start_(member|holder|empty_member|other_empty_member)\.", ("zookeeper", "start")),
    (r"_start_(member|holder|empty_member|other_empty_member)\.", ("zookeeper", "start")),
    (r"\.stop_kafka_brokers\.", ("kafka", "stop")),
    (r"_start_broker\.", ("kafka", "start")),
]
HOST = re.compile(r"\.((?:zk|kafka)\d+)\.\d+\.[0-9a-f]+$")
# What may have happened for what we say of an act that the ledger shows.
TRUE = {
    "done": {1}, "timed out": {0, 1}, "stopped": {0, 1}, "signalled": {1}, "not sent": {0}, "in doubt": {0, 1}, "under way": {0, 1},
}


def act_of(effect):
    """(host, service, verb) of an effect's name, or nothing for a script, which the ledger does not see."""
    host = HOST.search(effect)
    for pattern, (service, verb) in ACTS:
        if host and re.search(pattern, effect):
            return (host.group(1), service, verb)
    return None


class Lab(Store):
    """One practice cluster with a store of its own."""

    def __init__(self, binary, folder):
        self.folder = folder
        super().__init__(binary, os.path.join(folder, "selfheal.yaml"))
        self.lab("up")

    def lab(self, verb, *words, check=True):
        return call(self.binary, "lab", verb, *words, "--folder", self.folder, check=check)

    def ledger(self):
        with open(os.path.join(self.folder, "ledger"), encoding="utf-8") as file:
            return [tuple(line.split()[1:]) for line in file]

    def is_healthy(self):
        return self.lab("status", check=False).returncode == 0


class Account:
    """What the journal says about the acts of a run, beside the ledger of the same time."""

    def __init__(self, records, ledger):
        self.said = collections.OrderedDict()
        for record in records:
            effect = record["body"].get("effect")
            if record["kind"] == "effect.began":
                self.said[effect] = "under way"
            elif record["kind"] == "effect.ended":
                self.said[effect] = word(record["body"]["ending"])
        self.ledger = collections.Counter(ledger)

    @property
    def open_effects(self):
        return [effect for effect, said in self.said.items() if said == "under way"]

    def rows(self):
        """(what we say, how often it happened) for each act, and for each line of the ledger that no act explains."""
        left = collections.Counter(self.ledger)
        groups = collections.defaultdict(list)
        for effect, said in self.said.items():
            if act_of(effect):
                groups[act_of(effect)].append(said)
        certain = {"done": 0, "timed out": 0, "stopped": 0, "signalled": 0, "in doubt": 1, "under way": 1, "not sent": 2}
        rows = []
        for act, sayings in groups.items():
            sayings.sort(key=lambda said: certain.get(said, 0))
            for index, said in enumerate(sayings):
                happened = min(left[act], 1)
                left[act] -= happened
                is_last = index == len(sayings) - 1
                rows.append((said, happened + (left.pop(act, 0) if is_last else 0)))
        rows += [("not in the journal", count) for act, count in left.items() if count > 0]
        return rows

    def faults(self):
        return [f"'{said}' happened {count} times" for said, count in self.rows() if count not in TRUE.get(said, set())]


class Approver:
    """Two people who agree to whatever they are asked, in the background."""

    def __init__(self, lab):
        self.lab = lab
        self.work = None

    def hear(self, line):
        if "allow_rebuild: waits for" in line:
            self.work = threading.Thread(target=self.approve, daemon=True)
            self.work.start()

    def approve(self):
        runs = self.lab.runs()
        for person in ("dana", "lin"):
            if runs:
                self.lab.engine("approve", runs[0], "allow_rebuild", "--as", person)

    def finish(self):
        # An approval that finds no engine holds the store for a moment, and the next engine would be refused meanwhile.
        if self.work:
            self.work.join()


class Trial:
    def __init__(self, lab, kind, number, seed, data_every):
        self.lab = lab
        self.kind = kind
        self.number = number
        self.dice = random.Random(f"{seed}/{kind} {number}")
        self.is_data = kind == "random" and number % data_every == 0
        self.faults = []
        self.struck = []
        self.text = []
        self.run = None

    def plan(self):
        """Uniform in time, after a line of progress, or soon after a command was sent: those moments are short, and matter most."""
        dice = self.dice
        kind = dice.choice(["time", "line", "sent", "sent"])
        if kind == "time":
            return ("time", dice.uniform(0.0, 12.0 if self.is_data else 5.0))
        if kind == "line":
            return ("line", dice.randint(1, 70 if self.is_data else 30), dice.choice([0, dice.uniform(0, 0.9)]))
        return ("sent", dice.randint(1, 9 if self.is_data else 2), dice.choice([0, dice.uniform(0, 0.12)]))

    def make(self):
        """Breaks, heals, kills and resumes; afterwards `struck` and `faults` tell."""
        lab = self.lab
        lab.lab("break", "data" if self.is_data else "quorum")
        self.offset = len(lab.ledger())
        known = set(lab.runs())
        words = ["run", RUNBOOK, "--param", "settle_time=0s", "--param", "broker_pause=0s",
                 "--param", f"backup_folder={lab.folder}/backups"]
        plan = self.plan() if self.kind == "random" else None
        crash_after = self.number if self.kind == "cluster record" else None
        for life in range(LIVES):
            approver = Approver(lab)
            engine = Life(lab, words, crash_after if life == 0 else None, on_line=approver.hear)
            try:
                was_killed = engine.kill_by(plan)
            finally:
                approver.finish()
                self.text += engine.text + [f"-- exit {engine.process.returncode}"]
            new = [one for one in lab.runs() if one not in known]
            self.run = new[0] if new else None
            if life == 0:
                self.was_killed = was_killed
            if not was_killed:
                if engine.process.returncode not in (0, 1):
                    self.faults.append(f"exit {engine.process.returncode}: {' / '.join(engine.text[-3:])}")
                return
            self.faults += self.look(life)
            if self.run:
                words = ["resume", self.run]
            again = self.kind == "random" and life < LIVES - 2 and self.dice.random() < 0.3
            plan = self.plan() if again else None

    def look(self, life):
        """What is said of the run between two engines must be true already."""
        where = "a second time, while it was resumed" if life else None
        ledger = self.lab.ledger()[self.offset:]
        if self.run is None:
            self.struck.append(where or "before the run was written down")
            return [f"unknown to the store, and yet on a host: {line}" for line in ledger]
        journal = self.lab.journal(self.run)
        account = Account(journal["records"], ledger)
        if account.open_effects:
            self.struck.append("between began and ended" + (", while it was resumed" if life else ""))
        elif journal["outcome"]:
            self.struck.append("after the run's last record")
        else:
            self.struck.append(where or "between two acts")
        return [f"after kill {life + 1}: {fault}" for fault in account.faults()]

    def judge(self):
        """The rows of the table and the run's outcome."""
        if not self.run:
            return [], "no run"
        journal = self.lab.journal(self.run)
        account = Account(journal["records"], self.lab.ledger()[self.offset:])
        outcome = journal["outcome"] or journal["state"]
        self.faults += account.faults()
        if account.open_effects and journal["outcome"]:
            self.faults.append(f"the run ended and {account.open_effects[0]} did not")
        if outcome != "succeeded":
            self.faults.append(f"the run came out {outcome}: {journal['records'][-1]['then'][-1:]}")
        if not self.lab.is_healthy():
            self.faults.append("the cluster is not healthy afterwards")
        names = {0: "never", 1: "once"}
        return [(said, names.get(count, "more than once")) for said, count in account.rows()], outcome


def make(lab, kind, number, seed, data_every):
    """Makes one trial and returns its result."""
    trial = Trial(lab, kind, number, seed, data_every)
    result = {"name": f"{kind} {number}", "kind": "data loss" if trial.is_data else "quorum loss", "number": number, "rows": [],
              "outcome": "no run"}
    if kind != "random":
        result["kind"] = kind
    try:
        try:
            trial.make()
            result["rows"], result["outcome"] = trial.judge()
        except Hung as hung:
            trial.faults.append(str(hung))
    except (Broken, OSError, ValueError) as error:
        result["unmade"] = f"{type(error).__name__}: {error}"
    result["struck"], result["faults"] = trial.struck, trial.faults
    result["was_killed"] = getattr(trial, "was_killed", False)
    if trial.faults or result.get("unmade"):
        result["text"] = trial.text
    if trial.faults or result.get("unmade") or not trial.run:
        lab.lab("heal")
    return result
