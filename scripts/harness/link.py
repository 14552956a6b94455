"""The network between the engine and one host: a forwarder on loopback that can hold back either direction.

Needs no rights over the machine's network. What it holds is on its way, as on a link that has gone quiet; nobody is told.
"""

import collections
import socket
import struct
import threading
import time

GOODBYE_SECONDS = 0.2
UP, DOWN = "to the host", "to the engine"


class Connection:
    """Two sockets, and for each direction what has been read and not yet been passed on."""

    def __init__(self, near, far, held):
        self.ends = {UP: (near, far), DOWN: (far, near)}
        self.held = set(held)
        self.pending = {UP: collections.deque(), DOWN: collections.deque()}
        self.changed = threading.Condition()
        # How much more gets through to the host before it is held, if that is limited.
        self.allowance = None
        # How many directions may still pass something on.
        self.left = 2

    def begin(self):
        for direction in self.ends:
            for work in (self.read, self.write):
                threading.Thread(target=work, args=(direction,), daemon=True).start()

    def hold(self, directions):
        with self.changed:
            self.held |= set(directions)

    def hold_after(self, count):
        """Lets so many more bytes through to the host, and holds what comes behind them."""
        with self.changed:
            self.allowance = count

    def release(self):
        with self.changed:
            self.allowance = None
            self.held.clear()
            self.changed.notify_all()

    def sever(self):
        """Ends the engine's side; what it has sent is still on its way."""
        end_socket(self.ends[UP][0])

    def reset(self):
        """Ends both sides; what was on its way is lost."""
        with self.changed:
            for pieces in self.pending.values():
                pieces.clear()
        self.release()
        for end in self.ends[UP]:
            end_socket(end)

    def read(self, direction):
        while True:
            try:
                piece = self.ends[direction][0].recv(65536)
            except OSError:
                piece = b""
            with self.changed:
                if direction == UP and self.allowance is not None:
                    self.allowance -= len(piece)
                    if self.allowance < 0:
                        self.held.add(UP)
                self.pending[direction].append(piece)
                self.changed.notify_all()
            if not piece:
                return

    def write(self, direction):
        source, sink = self.ends[direction]
        while True:
            with self.changed:
                self.changed.wait_for(lambda: direction not in self.held and self.pending[direction])
                piece = self.pending[direction].popleft()
            if not piece and direction == UP:
                # A goodbye comes a moment after the last words, so that the host has heard them.
                time.sleep(GOODBYE_SECONDS)
            try:
                if piece:
                    sink.sendall(piece)
                else:
                    sink.shutdown(socket.SHUT_WR)
            except OSError:
                # An engine that does not listen any more may still have said something that is on its way.
                if direction == UP:
                    end_socket(source)
            if not piece:
                break
        with self.changed:
            self.left -= 1
            is_last = self.left == 0
        if is_last:
            source.close()
            sink.close()


def end_socket(end):
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Link:
    def __init__(self, address, port):
        self.target = (address, port)
        self.held = set()
        self.connections = []
        self.listener = socket.create_server((address, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.join, args=(near,), daemon=True).start()

    def join(self, near):
        try:
            far = socket.create_connection(self.target, 60)
            far.settimeout(None)
        except OSError:
            # As if the host itself had refused.
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            near.close()
            return
        connection = Connection(near, far, self.held)
        self.connections.append(connection)
        connection.begin()

    def hold(self, *directions):
        """From now on nothing gets through in these directions."""
        self.held = set(directions)
        for connection in list(self.connections):
            connection.hold(directions)

    def release(self):
        self.held = set()
        for connection in list(self.connections):
            connection.release()

    def reset(self):
        """What there is ends; what comes gets through."""
        self.held = set()
        for connection in list(self.connections):
            connection.reset()

    def close(self):
        self.reset()
        self.listener.close()
