// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A system library that we call.
package enum Library: String, Hashable, Sendable, CaseIterable {
    case libssh
    case libcurl
    case libyaml
    case sqlite = "SQLite"
    case openssl = "OpenSSL"
}

/// A library as it is loaded into this process.
package struct LibraryFacts: Hashable, Sendable {
    package var library: Library
    /// What the library says of itself when it is asked; nil when nobody could be asked.
    package var version: String?
    /// What else belongs to it: with libcurl, what does its TLS.
    package var with: String?
    package var package: PackageFacts

    package init(_ library: Library, version: String?, with: String? = nil, package: PackageFacts) {
        self.library = library
        self.version = version
        self.with = with
        self.package = package
    }
}

/// Where a loaded library comes from.
package enum PackageFacts: Hashable, Sendable {
    case debian(name: String, revision: DebianVersion)
    /// The file is there, and no package has brought it.
    case none(file: String)
    case unknown(because: String)
}

/// The distribution's own name and that of its release, as `/etc/os-release` has them.
package struct Distribution: Hashable, Sendable {
    package var id: String
    package var codename: String

    package init(id: String, codename: String) {
        self.id = id
        self.codename = codename
    }

    package static let debian12 = Distribution(id: "debian", codename: "bookworm")

    /// Reads the text of `/etc/os-release`.
    package init(osRelease text: String) {
        var values: [Substring: String] = [:]
        for line in text.split(separator: "\n") {
            guard let equals = line.firstIndex(of: "=") else {
                continue
            }
            values[line[..<equals]] = line[line.index(after: equals)...].filter { $0 != "\"" && $0 != "'" }
        }
        self.init(id: values["ID"] ?? "", codename: values["VERSION_CODENAME"] ?? "")
    }
}

/// A library with what is known against it.
package struct LibraryFinding: Hashable, Sendable {
    package var facts: LibraryFacts
    package var defects: [DefectFinding]

    /// Every defect that we know of, judged for this library.
    package init(_ facts: LibraryFacts, on distribution: Distribution) {
        self.facts = facts
        self.defects = KnownDefect.all.filter { $0.library == facts.library }.map { defect in
            DefectFinding(defect: defect, state: defect.state(of: facts, on: distribution))
        }
    }

    package var finding: Finding {
        let name = self.facts.library.rawValue
        guard let version = self.facts.version else {
            return Finding(name, .unknown, "its version could not be asked for")
        }
        let open = self.defects.filter { $0.state == .open && $0.defect.noHarm == nil }
        if !open.isEmpty {
            let what = open.map { "\($0.defect.id): \($0.defect.what)" }.joined(separator: "; ")
            return Finding(name, .wrong, "\(version) has known defects (\(what))", cure: self.cure(open.map(\.defect)))
        }
        let unknown = self.defects.filter { $0.state == .unknown }
        if !unknown.isEmpty {
            let ids = unknown.map(\.defect.id).joined(separator: ", ")
            return Finding(
                name,
                .unknown,
                "whether \(ids) is fixed in it is not known: \(self.whyUnknown(version))",
                cure: "look it up where the library comes from"
            )
        }
        let harmless = self.defects.filter { $0.state == .open }
        if let first = harmless.first {
            return Finding(
                name,
                .note,
                "\(first.defect.id) is open, and does not reach us: \(first.defect.noHarm ?? "")"
            )
        }
        return Finding(name, .fine, "all \(self.defects.count) defects of the table are fixed")
    }

    private func whyUnknown(_ version: String) -> String {
        switch self.facts.package {
        case .debian(let name, let revision): "nothing says what the package \(name) \(revision) adds to \(version)"
        case .none(let file): "no package has brought \(file), so who built it may have added the fix"
        case .unknown(let reason): "\(reason), and \(version) may have the fix added"
        }
    }

    private func cure(_ open: [KnownDefect]) -> String {
        if case .debian(let name, _) = self.facts.package, let newest = open.compactMap(\.debian12).max() {
            return "bring it to \(newest) or later: apt-get update && apt-get install --only-upgrade \(name)"
        }
        let versions = open.flatMap { $0.fixedIn + ($0.fixedSince.map { [$0] } ?? []) }
        let newest = versions.max().map { " \($0) or later" } ?? " a version with the fix"
        return "bring it to\(newest)"
    }
}

package struct DefectFinding: Hashable, Sendable {
    package var defect: KnownDefect
    package var state: DefectState
}

package enum DefectState: String, Hashable, Sendable {
    case fixed
    case open
    case unknown
}
