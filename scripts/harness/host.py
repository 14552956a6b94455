"""A host for trials: a real sshd with a disk, a clock, a boot id and a PATH of its own, which can be harmed in many ways.

Nothing of it reaches the production program. What has to differ on one host only is done on that host: its PATH begins with a folder whose
'sh' edits the text of the wrapper before the real sh reads it, so that the boot id comes from a file of the host, and so that a test can
plant a fault in the wrapper.
"""

import ctypes
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

from .program import Broken, PATIENCE_SECONDS

FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), None)
PORT = 2222

TELL = """#!/bin/sh
# tell STEP SECONDS: does nothing but take its time, and writes into the ledger that it began and that it ended. The effect's name is in the
# arguments of the process that supervises us.
effect=$(tr '\\0' '\\n' </proc/$PPID/cmdline | sed -n 's/^selfheal-//p')
printf 'begin %s %s %s %s\\n' "$TORTURE_NAME" "$1" "$effect" "$$" >>"$TORTURE_LEDGER"
sleep "$2"
printf 'end %s %s %s %s\\n' "$TORTURE_NAME" "$1" "$effect" "$$" >>"$TORTURE_LEDGER"
echo "told $effect"
exit 0
"""

SHELL = """#!/bin/sh
# Only the wrapper comes as a program on standard input.
[ "${2-}" = 'eval "$(cat)"' ] || exec /bin/sh "$@"
sed -f "$TORTURE_HOST/edits" | /bin/sh "$@"
"""

# Faults that a test plants in the wrapper on its way into the shell, as lines of sed.
FAULTS = {
    # Whatever an earlier claim or a seal left there is thrown away before a start looks for it.
    "claim dropped": r'''s|^if \[ ! -e "$h_e" \]; then$|rm -rf "$h_e"; &|''',
    # Whoever asks what became of a command is told that it never began, and never will.
    "never said": r'''s|^h_ask() {$|h_ask() { h_host \&\& h_answer never asked; return|''',
}


class Host:
    """One sshd on an address of its own; everything that was started through it carries TORTURE_HOST."""

    def __init__(self, base, number, identity, ledger, address):
        self.name = f"kafka{number}"
        self.folder = os.path.join(base, self.name)
        self.address = address
        self.ledger = ledger
        self.has_fake_clock = False
        self.server = None
        self.mounted = None
        self.locked = None
        self.home = os.path.join(self.folder, "home")
        self.receipts = os.path.join(self.home, ".selfheal")
        for path in (self.folder, self.home, os.path.join(self.folder, "bin")):
            os.makedirs(path, mode=0o700)
        self.write("bin/tell", TELL, 0o700)
        self.write("bin/sh", SHELL, 0o700)
        self.write("clock", "+0")
        self.set_boot_id()
        key = os.path.join(self.folder, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        with open(key + ".pub", encoding="ascii") as file:
            self.key = " ".join(file.read().split()[:2])
        self.identity = identity

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)

    # What is different on this host.

    def set_boot_id(self):
        """A fresh boot id, as after a reboot."""
        with open("/proc/sys/kernel/random/uuid", encoding="ascii") as file:
            self.write("boot_id", file.read())
        self.write("edits", f"s|/proc/sys/kernel/random/boot_id|{self.folder}/boot_id|g\n")

    def plant(self, fault):
        with open(os.path.join(self.folder, "edits"), "a", encoding="ascii") as file:
            file.write(FAULTS[fault] + "\n")

    def set_clock(self, seconds):
        """Lets everything on the host but its uptime believe in another time of day."""
        self.has_fake_clock = True
        self.write("clock", f"{seconds:+d}")

    # Its processes.

    def start(self):
        variables = {
            "HOME": self.home, "SHLVL": "2", "PATH": f"{self.folder}/bin:/usr/local/bin:/usr/bin:/bin",
            "TORTURE_HOST": self.folder, "TORTURE_NAME": self.name, "TORTURE_LEDGER": self.ledger,
        }
        if self.has_fake_clock:
            variables.update(
                LD_PRELOAD=FAKETIME, FAKETIME_TIMESTAMP_FILE=f"{self.folder}/clock", FAKETIME_NO_CACHE="1",
                FAKETIME_DONT_FAKE_MONOTONIC="1")
        self.write("sshd_config", "\n".join([
            f"ListenAddress {self.address}", f"Port {PORT}", f"HostKey {self.folder}/key", "PidFile none", "StrictModes no",
            f"AuthorizedKeysFile {self.identity}.pub", "UsePAM no", "PasswordAuthentication no", "PermitRootLogin prohibit-password",
            "KbdInteractiveAuthentication no", "UseDNS no", "PrintMotd no", "PrintLastLog no", "MaxStartups 100:30:200", "LogLevel VERBOSE",
            "SetEnv " + " ".join(f"{name}={value}" for name, value in variables.items()), ""]))
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        self.server = subprocess.Popen(
            [program, "-D", "-f", f"{self.folder}/sshd_config", "-E", f"{self.folder}/sshd.log"],
            stdin=subprocess.DEVNULL, env=dict(os.environ, TORTURE_HOST=self.folder), start_new_session=True)
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection((self.address, PORT), 5).close()
                return
            except OSError as error:
                if self.server.poll() is not None or time.monotonic() > end:
                    raise Broken(f"sshd of {self.name} does not listen: {error}") from None
                time.sleep(0.02)

    def processes(self):
        """(pid, name) of all that runs on the host: what carries its mark, the server, and what descends from the server."""
        table = {}
        for folder in glob.glob("/proc/[0-9]*"):
            try:
                with open(f"{folder}/stat", encoding="utf-8", errors="replace") as file:
                    text = file.read()
            except OSError:
                continue
            fields = text[text.rindex(")") + 2:].split()
            if fields[0] not in "ZX":
                table[int(folder[6:])] = (int(fields[1]), text[text.index("(") + 1:text.rindex(")")])
        mark = f"TORTURE_HOST={self.folder}".encode()
        ours = {pid for pid in table if pid == (self.server and self.server.pid) or mark in self.environment(pid)}
        while True:
            more = {pid for pid, (parent, _) in table.items() if parent in ours} - ours
            if not more:
                return [(pid, table[pid][1]) for pid in sorted(ours)]
            ours |= more

    @staticmethod
    def environment(pid):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                return file.read().split(b"\0")
        except OSError:
            return []

    def signal_all(self, number, only=lambda name: True):
        """Signals until a look finds nobody new: a process can start another between our look and our signal."""
        done = set()
        for _ in range(20):
            fresh = [pid for pid, name in self.processes() if pid not in done and only(name)]
            if not fresh:
                return
            for pid in fresh:
                done.add(pid)
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
        raise Broken(f"{self.name} starts processes faster than they can be signalled")

    def wait_until_gone(self, only=lambda name: True):
        end = time.monotonic() + PATIENCE_SECONDS
        while [1 for _, name in self.processes() if only(name)]:
            if time.monotonic() > end:
                raise Broken(f"processes of {self.name} do not end: {self.processes()}")
            if self.server:
                self.server.poll()
            time.sleep(0.02)

    def is_idle(self):
        return all(name.startswith("sshd") for _, name in self.processes())

    # Troubles.

    def kill_sshd(self):
        """The server and every login end; what the logins started does not."""
        def is_server(name):
            return name.startswith("sshd")
        self.signal_all(signal.SIGKILL, is_server)
        self.wait_until_gone(is_server)

    def freeze(self):
        self.signal_all(signal.SIGSTOP)

    def thaw(self):
        self.signal_all(signal.SIGCONT)

    def reboot(self):
        """Everything ends at the same moment, and the machine comes up with another boot id."""
        self.freeze()
        self.signal_all(signal.SIGKILL)
        self.wait_until_gone()
        self.set_boot_id()

    def lose_receipts(self):
        # Whoever writes a receipt just now makes the folder anew under our hands.
        for _ in range(100):
            shutil.rmtree(self.receipts, ignore_errors=True)
            if not os.path.exists(self.receipts):
                return
        raise Broken(f"the receipts of {self.name} do not go away")

    def mount_small_disk(self):
        """A disk of its own for the receipts, small enough to be filled; False where that is not allowed."""
        os.makedirs(self.receipts, mode=0o700, exist_ok=True)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"tmpfs", self.receipts.encode(), b"tmpfs", 0, b"size=512k,mode=700") != 0:
            return False
        self.mounted = self.receipts
        return True

    def fill_disk(self):
        with open(f"{self.receipts}/filler", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def clear_disk(self):
        os.remove(f"{self.receipts}/filler")

    def lock_receipts(self):
        """Nothing can be written into any of the receipts; root needs an attribute for that, because modes do not hold it."""
        folders = [folder for folder, _, _ in os.walk(self.receipts)] or [self.home]
        self.locked = folders
        if os.geteuid() == 0:
            # The attribute of a folder hinders whoever would make, rename or remove a file in it.
            subprocess.run(["chattr", "+i", *folders], check=True, stderr=subprocess.PIPE)
        else:
            for folder in folders:
                os.chmod(folder, 0o500)

    def unlock_receipts(self):
        folders, self.locked = self.locked or [], None
        for folder in folders:
            if os.geteuid() == 0:
                subprocess.run(["chattr", "-i", folder], check=False, stderr=subprocess.DEVNULL)
            else:
                os.chmod(folder, 0o700)

    def stop(self):
        """Leaves no process and no mount."""
        try:
            self.signal_all(signal.SIGKILL)
            self.wait_until_gone()
        finally:
            self.unlock_receipts()
            if self.mounted:
                ctypes.CDLL(None).umount2(self.mounted.encode(), 2)
            if self.server:
                self.server.wait()


def runs(pid, name):
    """Whether a process of this number and name is there and not dead; nobody may ask after the dead in a container."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return False
    return text[text.index("(") + 1:text.rindex(")")] == name and text[text.rindex(")") + 2] not in "ZX"


def login_name():
    return pwd.getpwuid(os.geteuid()).pw_name
