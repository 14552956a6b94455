// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Doctor
import RunVocabulary

/// What `doctor` shows at a terminal: tables of what is, then what is wrong with what to do.
struct ExaminationText {
    private let examination: Examination
    private let width: Int

    init(_ examination: Examination, width: Int) {
        self.examination = examination
        self.width = width
    }

    var text: String {
        var parts = [self.libraries]
        if !self.examination.hosts.isEmpty {
            parts.append(self.hosts)
        }
        if let store = self.examination.store {
            var lines = [Self.line("store", store.facts.folder), Self.line("", store.summary)]
            for channel in self.examination.channels {
                let state = channel.missing.isEmpty ? "complete" : "NOT COMPLETE"
                lines.append(Self.line("channel", "\(channel.name) (\(channel.kind)): \(state)"))
            }
            parts.append(lines.joined(separator: "\n"))
        } else {
            parts.append("no configuration: hosts, store and channels were not looked at; name it with --config")
        }
        return (parts + [self.findings]).joined(separator: "\n\n")
    }

    private static func line(_ what: String, _ text: String) -> String {
        what + String(repeating: " ", count: 9 - what.count) + text
    }

    private var libraries: String {
        var table = TextTable(["LIBRARY", "VERSION", "PACKAGE", "DEFECTS KNOWN \(KnownDefect.asOf)"])
        for library in self.examination.libraries {
            let with = library.facts.with.map { " (\($0))" } ?? ""
            let package =
                switch library.facts.package {
                case .debian(_, let revision): revision.text
                case .none: "of no package"
                case .unknown: "unknown"
                }
            let open = library.defects.filter { $0.state == .open }
            let harmless = open.count { $0.defect.noHarm != nil }
            let unknown = library.defects.count { $0.state == .unknown }
            let words = [
                "\(library.defects.count - open.count - unknown) of \(library.defects.count) fixed",
                open.count > harmless ? "\(open.count - harmless) OPEN" : "",
                harmless > 0 ? "\(harmless) of no harm" : "", unknown > 0 ? "\(unknown) unknown" : "",
            ]
            let version = (library.facts.version ?? "unknown") + with
            let defects = words.filter { !$0.isEmpty }.joined(separator: ", ")
            table.add([library.facts.library.rawValue, version, package, defects])
        }
        return table.text
    }

    private var hosts: String {
        let heads = HostCheck.allCases.map { $0.rawValue.uppercased() }
        var table = TextTable(["HOST"] + heads + ["TOOK"])
        for host in self.examination.hosts {
            let marks = HostCheck.allCases.map { host.marks[$0]?.word ?? "-" }
            table.add([host.node] + marks + [host.took?.rounded ?? "-"])
        }
        return table.text
    }

    private var findings: String {
        var lines: [String] = []
        let shown = self.examination.findings.enumerated().sorted { left, right in
            left.element.grade == right.element.grade
                ? left.offset < right.offset : left.element.grade > right.element.grade
        }
        for (_, finding) in shown {
            let who = finding.says.hasPrefix("\(finding.subject) ") ? "" : "\(finding.subject): "
            lines += TextWrap.lines(
                "\(finding.grade.rawValue): \(who)\(finding.says)",
                self.width,
                indent: 4
            )
            if let cure = finding.cure {
                lines += TextWrap.lines("    do: \(cure)", self.width, indent: 8)
            }
        }
        let count = self.examination.problems.count
        let verdict = count == 0 ? "nothing is wrong" : count == 1 ? "1 thing is wrong" : "\(count) things are wrong"
        return (lines + [verdict]).joined(separator: "\n")
    }
}

/// Breaks text at blanks, so that it fits the terminal.
enum TextWrap {
    static func lines(_ text: String, _ width: Int, indent: Int) -> [String] {
        var lines: [String] = []
        var line = String(text.prefix { $0 == " " })
        var isEmpty = true
        for word in text.split(separator: " ") {
            if !isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = String(repeating: " ", count: indent)
                isEmpty = true
            }
            line += isEmpty ? String(word) : " \(word)"
            isEmpty = false
        }
        return lines + [line]
    }
}
