"""What we say beside what happened."""

import collections

HAPPENED = ("never", "once", "more than once", "still running", "broke off")
# What may have happened for what we say. To be in doubt is never wrong, but only some troubles excuse it.
TRUE = {
    "done": {"once"},
    "not sent": {"never"},
    # The end of its time can strike right after its own end.
    "timed out": {"once", "broke off"},
    "stopped": {"once", "broke off"},
    "signalled": {"broke off"},
    "in doubt": {"never", "once", "broke off"},
}


def word(ending):
    """What a record of the journal says, in words."""
    return "done" if ending == "exited" else ending.replace("_", " ")


class Results:
    """The outcomes of all trials, and the report about them."""

    def __init__(self, seed):
        self.seed = seed
        self.trials = []

    def add(self, result):
        self.trials.append(result)

    @property
    def faults(self):
        return [f"{trial['name']}: {fault}" for trial in self.trials for fault in trial["faults"]]

    @property
    def unmade(self):
        return [f"{trial['name']}: {trial['unmade']}" for trial in self.trials if trial.get("unmade")]

    @property
    def skipped(self):
        return sorted({trial["skipped"] for trial in self.trials if trial.get("skipped")})

    def text(self):
        made = [trial for trial in self.trials if not trial.get("unmade") and not trial.get("skipped")]
        struck, outcomes, table = collections.Counter(), collections.Counter(), collections.Counter()
        for trial in made:
            struck.update(trial["struck"])
            outcomes[f"{trial['kind']}: {trial['outcome']}"] += 1
            table.update((said, happened) for said, happened in trial["rows"])
        kills = sum(len(trial["struck"]) for trial in made)
        lines = ["", f"{len(made)} trials, {kills} kills, seed {self.seed}"]
        for kind in ("record", "cluster record"):
            records = [trial["number"] for trial in made if trial["kind"] == kind and trial["was_killed"]]
            if records:
                lines.append(f"{kind}: a run was killed after each of its records, 1 to {max(records)}")
        for title, counter in (("Where the kills struck", struck), ("How the runs came out", outcomes)):
            lines += ["", title] + [f"  {count:5}  {what}" for what, count in sorted(counter.items(), key=lambda item: (-item[1], item[0]))]
        lines += ["", f"{'What we say':<20}" + "".join(f"{what:>16}" for what in HAPPENED)]
        for said in dict.fromkeys(["done", "not sent", "in doubt"] + sorted({said for said, _ in table})):
            lines.append(f"{said:<20}" + "".join(f"{table[(said, happened)] or '-':>16}" for happened in HAPPENED))
        faults = self.faults
        lines += ["", f"Acts repeated, lost or misreported: {len(faults) or 'none'}"] + [f"  {line}" for line in faults]
        if self.unmade:
            lines += [f"Trials that could not be made: {len(self.unmade)}"] + [f"  {line}" for line in self.unmade]
        lines += [f"Left out: {line}" for line in self.skipped]
        return "\n".join(lines)
