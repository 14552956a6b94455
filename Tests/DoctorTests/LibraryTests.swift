// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Doctor
import Testing

@Suite struct LibraryTests {
    private static let trixie = Distribution(id: "debian", codename: "trixie")

    private func libssh(
        _ version: String?,
        _ package: PackageFacts,
        on distribution: Distribution = .debian12
    ) -> Finding {
        LibraryFinding(LibraryFacts(.libssh, version: version, package: package), on: distribution).finding
    }

    @Test func `the distribution's revision counts, since the version alone tells nothing`() {
        let old = self.libssh("0.10.6", .debian(name: "libssh-4", revision: "0.10.6-0+deb12u1"))
        #expect(old.grade == .wrong)
        #expect(old.says.contains("CVE-2025-5372") && old.says.contains("CVE-2026-59847"))
        #expect(!old.says.contains("CVE-2023-48795"))
        #expect(
            old.cure
                == "bring it to 0.10.6-0+deb12u3 or later: apt-get update && apt-get install --only-upgrade libssh-4"
        )
        #expect(self.libssh("0.10.6", .debian(name: "libssh-4", revision: "0.10.6-0+deb12u3")).grade == .fine)
    }

    @Test func `an old version of nobody's package may have been mended by whoever built it`() {
        let finding = self.libssh("0.10.6", .none(file: "/opt/lib/libssh.so.4"))
        #expect(finding.grade == .unknown)
        #expect(finding.says.contains("/opt/lib/libssh.so.4"))
        #expect(self.libssh("0.10.6", .unknown(because: "dpkg-query is not there")).grade == .unknown)
    }

    @Test func `another distribution's revisions are not measured with Debian 12's`() {
        let finding = self.libssh("0.11.2", .debian(name: "libssh-4", revision: "0.11.2-1"), on: Self.trixie)
        #expect(finding.grade == .unknown)
        #expect(finding.says.contains("CVE-2026-59847") && !finding.says.contains("CVE-2025-5372"))
    }

    @Test func `a fix in a branch is in the later releases of that branch, and proves nothing of newer branches`() {
        #expect(self.libssh("0.11.5", .none(file: "f")).grade == .fine)
        #expect(self.libssh("0.11.6", .none(file: "f")).grade == .fine)
        #expect(self.libssh("0.12.0", .none(file: "f")).grade == .unknown)
    }

    @Test func `a library that does not tell its version is unknown`() {
        #expect(self.libssh(nil, .unknown(because: "not loaded")).grade == .unknown)
    }

    @Test func `a defect that cannot reach us is said and is no alarm`() {
        let facts = LibraryFacts(
            .sqlite,
            version: "3.40.1",
            package: .debian(name: "libsqlite3-0", revision: "3.40.1-2+deb12u2")
        )
        let finding = LibraryFinding(facts, on: .debian12).finding
        #expect(finding.grade == .note)
        #expect(finding.says.contains("one connection alone"))
        let old = LibraryFacts(.sqlite, version: "3.40.1", package: .debian(name: "libsqlite3-0", revision: "3.40.1-2"))
        #expect(LibraryFinding(old, on: .debian12).finding.grade == .wrong)
    }

    @Test func `every library of the table has defects, each with a place where it is fixed`() {
        for library in Library.allCases {
            #expect(KnownDefect.all.contains { $0.library == library })
        }
        for defect in KnownDefect.all {
            #expect(defect.fixedSince != nil || !defect.fixedIn.isEmpty, "\(defect.id)")
            #expect(defect.debian12 != nil || defect.noHarm != nil, "\(defect.id)")
        }
        #expect(Set(KnownDefect.all.map(\.id)).count == KnownDefect.all.count)
    }

    @Test func `the distribution is read from its own file`() {
        let text = "NAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=bookworm\nID=debian\n"
        #expect(Distribution(osRelease: text) == .debian12)
        #expect(Distribution(osRelease: "") == Distribution(id: "", codename: ""))
    }
}
