// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary

/// What a command is known to do, whatever its step says.
struct KnownCommand: Hashable, Sendable {
    /// As a message names it: `systemctl stop`.
    var name: String
    var effect: EffectClass

    /// Nothing for a command that is not known.
    init?(_ words: [ShellWord]) {
        let words = Self.withoutPrefix(words)
        guard let first = words.first else {
            return nil
        }
        self.init(program: Self.program(first.text), words.dropFirst())
    }

    /// Of a program with its arguments.
    init?(program: String, _ arguments: ArraySlice<ShellWord>) {
        guard Self.programs.contains(program) || program.hasPrefix("mkfs.") else {
            return nil
        }
        let rest = arguments.map(\.text)
        guard let found = Self.effect(of: program, rest) else {
            return nil
        }
        self.name = found.argument.map { "\(program) \($0)" } ?? program
        self.effect = found.effect
    }

    /// The last part of a path, without `.sh`.
    static func program(_ word: String) -> String {
        let isPath = word.utf8.contains(UInt8(ascii: "/"))
        guard isPath || word.utf8.last == UInt8(ascii: "h") else {
            return word
        }
        let name = isPath ? String(word.split(separator: "/").last ?? "") : word
        return name.hasSuffix(".sh") ? String(name.dropLast(3)) : name
    }

    /// All that ``effect(of:_:)`` knows something about: most commands are ruled out by one look.
    private static let programs: Set<String> = [
        "systemctl", "rc-service", "initctl", "supervisorctl", "service", "invoke-rc.d", "zkServer", "zookeeper-server",
        "kafka", "zookeeper", "kill", "pkill", "killall", "kafka-server-stop", "zookeeper-server-stop",
        "kafka-server-start", "zookeeper-server-start", "reboot", "poweroff", "halt", "shutdown", "docker", "podman",
        "nerdctl", "rm", "mkfs", "wipefs", "shred", "blkdiscard", "fdisk", "sgdisk", "parted", "lvremove", "vgremove",
        "zpool", "zfs", "dd", "find", "kafka-storage", "kafka-topics", "kafka-delete-records", "kafka-leader-election",
        "kafka-consumer-groups", "kafka-reassign-partitions", "kafka-configs", "zkCli", "zookeeper-shell", "kubectl",
        "oc",
    ]

    private static let prefixes: Set<String> = [
        "sudo", "doas", "env", "exec", "nohup", "nice", "ionice", "command", "then", "do", "else", "if", "while",
        "until", "!",
        "{", "time", "setsid",
    ]

    /// Behind `sudo -u kafka FOO=bar timeout 30`.
    static func withoutPrefix(_ words: [ShellWord]) -> ArraySlice<ShellWord> {
        var rest = words[...]
        while let word = rest.first?.text {
            if self.prefixes.contains(self.program(word)) {
                rest = rest.dropFirst()
                while let option = rest.first?.text, option.hasPrefix("-") {
                    rest = rest.dropFirst(option == "-u" || option == "-g" || option == "-n" && word != "sudo" ? 2 : 1)
                }
            } else if word == "timeout" {
                rest = rest.dropFirst().drop { $0.text.hasPrefix("-") }.dropFirst()
            } else if word.utf8.contains(UInt8(ascii: "=")), let equals = word.firstIndex(of: "="),
                word[..<equals].allSatisfy({ $0.isLetter || $0 == "_" })
            {
                rest = rest.dropFirst()
            } else {
                break
            }
        }
        return rest
    }

    private typealias Found = (effect: EffectClass, argument: String?)

    private static func effect(of program: String, _ rest: [String]) -> Found? {
        self.serviceEffect(of: program, rest) ?? self.diskEffect(of: program, rest)
            ?? self.clusterEffect(of: program, rest)
    }

    // MARK: Processes and hosts

    private static func serviceEffect(of program: String, _ rest: [String]) -> Found? {
        let words = rest.filter { !$0.hasPrefix("-") }
        switch program {
        case "systemctl", "rc-service", "initctl", "supervisorctl":
            return words.lazy.compactMap { word in self.serviceVerb(word).map { ($0, word) } }.first
        case "service", "invoke-rc.d":
            return words.dropFirst().lazy.compactMap { word in self.serviceVerb(word).map { ($0, word) } }.first
        case "zkServer", "zookeeper-server", "kafka", "zookeeper":
            return words.first.flatMap { word in self.serviceVerb(word).map { ($0, word) } }
        case "kill", "pkill", "killall":
            // Signal 0 only asks whether the process is there.
            return rest.first == "-0" || rest.isEmpty || rest.first == "-l" ? nil : (.stops, nil)
        case "kafka-server-stop", "zookeeper-server-stop": return (.stops, nil)
        case "kafka-server-start", "zookeeper-server-start": return (.starts, nil)
        case "reboot": return (.restarts, nil)
        case "poweroff", "halt", "shutdown": return (.stops, nil)
        case "docker", "podman", "nerdctl":
            switch words.first {
            case "stop", "kill", "rm", "pause": return (.stops, words.first)
            case "restart": return (.restarts, words.first)
            case "start", "run": return (.starts, words.first)
            default: return nil
            }
        default: return nil
        }
    }

    private static func serviceVerb(_ word: String) -> EffectClass? {
        switch word {
        case "stop", "kill", "mask", "disable": .stops
        case "restart", "try-restart", "reload-or-restart", "force-reload", "condrestart": .restarts
        case "start", "start-foreground": .starts
        default: nil
        }
    }

    // MARK: Disks

    private static func diskEffect(of program: String, _ rest: [String]) -> Found? {
        switch program {
        case "rm":
            let isRecursive = rest.contains { word in
                word == "--recursive" || word.hasPrefix("-") && !word.hasPrefix("--") && word.lowercased().contains("r")
            }
            let path = rest.first { !$0.hasPrefix("-") && self.isData($0) }
            return isRecursive ? path.map { _ in (.wipes, "-r") } : nil
        case "mkfs", "wipefs", "shred", "blkdiscard", "fdisk", "sgdisk", "parted", "lvremove", "vgremove":
            return (.wipes, nil)
        case let name where name.hasPrefix("mkfs."): return (.wipes, nil)
        case "zpool", "zfs": return rest.first == "destroy" ? (.wipes, "destroy") : nil
        case "dd": return rest.contains { $0.hasPrefix("of=/dev/") && $0 != "of=/dev/null" } ? (.wipes, nil) : nil
        case "find": return rest.contains("-delete") ? (.wipes, "-delete") : nil
        default: return nil
        }
    }

    /// Whether a folder may hold what a service must keep; scratch folders and an unfinished copy may go.
    private static func isData(_ path: String) -> Bool {
        let marks = [
            "version-2", "/var/lib", "kafka-logs", "kafka-data", "kafka_data", "zookeeper", "$DATA", "${DATA", "$LOGS",
            "${LOGS", "/data", "log_dir", "data_dir",
        ]
        return path == "/" || path == "/*" || marks.contains { path.contains($0) }
    }

    // MARK: Clusters

    private static func clusterEffect(of program: String, _ rest: [String]) -> Found? {
        switch program {
        case "kafka-storage": return rest.first == "format" ? (.wipes, "format") : nil
        case "kafka-topics": return rest.contains("--delete") ? (.wipes, "--delete") : nil
        case "kafka-delete-records": return (.wipes, nil)
        case "kafka-leader-election": return rest.contains { $0.lowercased() == "unclean" } ? (.wipes, "unclean") : nil
        case "kafka-consumer-groups":
            return rest.contains("--reset-offsets") && rest.contains("--execute")
                ? (.movesData, "--reset-offsets") : nil
        case "kafka-reassign-partitions": return rest.contains("--execute") ? (.movesData, "--execute") : nil
        case "kafka-configs": return rest.contains("--alter") ? (.changes, "--alter") : nil
        case "zkCli", "zookeeper-shell":
            return rest.first { ["deleteall", "rmr", "delete"].contains($0) }.map { (.wipes, $0) }
                ?? rest.first { ["set", "create", "reconfig"].contains($0) }.map { (.changes, $0) }
        case "kubectl", "oc": return self.kubernetesEffect(rest)
        default: return nil
        }
    }

    private static func kubernetesEffect(_ rest: [String]) -> Found? {
        let options = ["-n", "--namespace", "--context", "-l", "--selector", "-o", "--kubeconfig"]
        let words = rest.indices.filter { index in
            !rest[index].hasPrefix("-") && !(index > 0 && options.contains(rest[index - 1]))
        }.map { rest[$0] }
        guard let verb = words.first else {
            return nil
        }
        let kind = words.dropFirst().first.map { $0.split(separator: "/").first.map(String.init) ?? $0 } ?? ""
        switch verb {
        case "delete":
            let holdsData = [
                "pvc", "pv", "persistentvolumeclaim", "persistentvolume", "namespace", "ns", "statefulset", "sts",
            ]
            return holdsData.contains(kind) ? (.wipes, "delete \(kind)") : (.restarts, "delete")
        case "drain", "scale", "cordon": return (.stops, verb)
        case "rollout": return kind == "restart" ? (.restarts, "rollout restart") : nil
        case "apply", "patch", "replace", "edit": return (.changes, verb)
        default: return nil
        }
    }
}

extension EffectClass {
    /// Whether guard rails that go by this word are at least as careful as the other needs.
    func covers(_ needed: EffectClass) -> Bool {
        switch needed {
        case .reads: true
        case .starts: self != .reads
        case .changes: self != .reads
        case .stops: [.stops, .restarts, .fences, .wipes].contains(self)
        case .restarts: [.restarts, .stops, .wipes, .fences].contains(self)
        case .fences: [.fences, .wipes].contains(self)
        case .movesData: self.endangersData
        case .promotes: [.promotes, .wipes].contains(self)
        case .wipes: self == .wipes
        }
    }
}
