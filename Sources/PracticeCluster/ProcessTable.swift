// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The processes of this machine at one moment, from `/proc`.
struct ProcessTable: Sendable {
    struct Entry: Hashable, Sendable {
        let identity: ProcessIdentity
        let parent: Int32
        /// The kernel's letter.
        let state: Character

        /// Gone but for its parent's asking after it, which in a container may never come.
        var isDead: Bool { self.state == "Z" || self.state == "X" }
        var isFrozen: Bool { self.state == "T" || self.state == "t" }
    }

    /// In order of pid; the dead are left out.
    let entries: [Entry]

    static func read() -> ProcessTable {
        let pids = Files.names(in: "/proc").compactMap { Int32($0) }.sorted()
        return ProcessTable(entries: pids.compactMap(Self.entry).filter { !$0.isDead })
    }

    /// Reads `/proc/PID/stat`: the fields after the name in parentheses, which may itself hold parentheses and spaces.
    static func entry(of pid: Int32) -> Entry? {
        guard let text = Files.readText("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else {
            return nil
        }
        // The first of these is field 3, the state; 4 is the parent and 22 the start time.
        let fields = text[text.index(after: end)...].split(whereSeparator: \.isWhitespace)
        guard fields.count > 19, let state = fields[0].first, let parent = Int32(fields[1]),
            let startTime = UInt64(fields[19])
        else {
            return nil
        }
        return Entry(identity: ProcessIdentity(pid: pid, startTime: startTime), parent: parent, state: state)
    }

    /// The given processes and all that descend from them, children before their parents' later children.
    func withDescendants(of roots: Set<Int32>) -> [Entry] {
        var wanted = roots
        var count = -1
        // A child may have a smaller pid than its parent once pids wrap around, so go on until nothing is added.
        while wanted.count != count {
            count = wanted.count
            for entry in self.entries where wanted.contains(entry.parent) {
                wanted.insert(entry.identity.pid)
            }
        }
        return self.entries.filter { wanted.contains($0.identity.pid) }
    }

    static var ownPID: Int32 { getpid() }

    /// This process and those above it.
    var ownAncestry: Set<Int32> {
        let parents = Dictionary(self.entries.map { ($0.identity.pid, $0.parent) }) { first, _ in first }
        var ancestry: Set<Int32> = []
        var next: Int32? = Self.ownPID
        while let pid = next, ancestry.insert(pid).inserted {
            next = parents[pid]
        }
        return ancestry
    }

    /// The processes of a lab: started by its service command, or below one that was.
    ///
    /// They carry the lab's folder in their environment. sshd overwrites its own with its title, which names its
    /// configuration file, so that counts as well; and its children are found as its children. With `host`, only that
    /// host's processes are meant; `known` are processes that count whatever they look like.
    func ofLab(_ layout: Layout, host: String? = nil, known: [ProcessIdentity] = []) -> [Entry] {
        let folder = host.map { layout.host($0).folder } ?? layout.folder
        let known = Set(known)
        let roots = self.entries.filter { entry in
            let pid = entry.identity.pid
            if known.contains(entry.identity) {
                return true
            }
            let environment = Self.words(in: "/proc/\(pid)/environ", separator: 0)
            if environment.contains("SELFHEAL_LAB=\(layout.folder)") {
                guard let host else {
                    return true
                }
                return environment.contains("SELFHEAL_LAB_HOST=\(host)")
            }
            let command = Self.words(in: "/proc/\(pid)/cmdline", separator: UInt8(ascii: " "))
            return command.first == "sshd:" && command.contains { $0.hasPrefix(folder + "/") }
        }
        return self.withDescendants(of: Set(roots.map(\.identity.pid)))
    }

    private static func words(in path: String, separator: UInt8) -> [String] {
        (Files.read(path) ?? []).split { $0 == separator || $0 == 0 }.map { String(decoding: $0, as: UTF8.self) }
    }
}
