// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Doctor
import Testing

@Suite struct VersionTests {
    /// As `dpkg --compare-versions` has them, each older than the next.
    private static let inOrder = [
        "0.1.4-3.2", "0.1.6-3", "0.2.5-1", "0.10.6~rc1-1", "0.10.6-0+deb12u1", "0.10.6-0+deb12u2", "0.10.6-0+deb12u10",
        "0.10.6-1~bpo1", "0.10.6-1", "0.11.2-1", "3.0.17-1~deb12u3", "3.0.18-1~deb12u2", "3.0.19-1~deb12u2", "3.0.19-1",
        "3.40.1-2", "3.40.1-2+deb12u2", "7.88.1-10", "7.88.1-10+deb12u4", "7.88.1-10+deb12u15", "1:0.1-1",
    ].map { DebianVersion($0) }

    @Test func `revisions of packages stand in dpkg's order`() {
        for (index, version) in Self.inOrder.enumerated() {
            for later in Self.inOrder[(index + 1)...] {
                #expect(version < later, "\(version) < \(later)")
                #expect(!(later < version), "\(later) < \(version)")
            }
            #expect(!(version < version))
        }
    }

    @Test func `leading zeros of a number do not count`() {
        #expect(
            !(DebianVersion("1.02-1") < DebianVersion("1.2-1")) && !(DebianVersion("1.2-1") < DebianVersion("1.02-1"))
        )
    }

    @Test func `a version is what a text begins with`() {
        #expect(UpstreamVersion(of: "0.10.6/openssl/zlib")?.description == "0.10.6")
        #expect(UpstreamVersion(of: "3.40.1")?.numbers == [3, 40, 1])
        #expect(UpstreamVersion(of: "unknown") == nil)
        #expect(UpstreamVersion(of: "") == nil)
    }

    @Test func `versions stand in the order of their numbers`() throws {
        let versions: [UpstreamVersion] = ["0.9.8", "0.10.6", "0.11.2", "0.11.10", "3.0", "3.0.1"]
        #expect(versions == versions.reversed().sorted())
    }
}
