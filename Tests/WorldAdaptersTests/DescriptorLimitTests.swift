// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing
import WorldAdapters

@Suite struct DescriptorLimitTests {
    @Test(
        arguments: [
            (nodes: 8, soft: 1_024, hard: 524_288, wanted: nil),
            (nodes: 1_000, soft: 1_024, hard: 524_288, wanted: 12_256),
            (nodes: 1_000, soft: 1_024, hard: 4_096, wanted: 4_096),
            (nodes: 1_000, soft: 65_536, hard: 65_536, wanted: nil),
            (nodes: 1_000, soft: 1_024, hard: UInt64.max, wanted: 12_256),
        ] as [(nodes: Int, soft: UInt64, hard: UInt64, wanted: UInt64?)]
    )
    func `a fleet gets the descriptors that it may need`(nodes: Int, soft: UInt64, hard: UInt64, wanted: UInt64?) throws
    {
        #expect(try DescriptorLimit.wanted(forNodes: nodes, soft: soft, hard: hard) == wanted)
    }

    @Test func `a hard limit that is too low is refused with the cure`() throws {
        let shortage = try #require(throws: DescriptorLimit.Shortage.self) {
            try DescriptorLimit.wanted(forNodes: 1_000, soft: 1_024, hard: 2_000)
        }
        #expect(shortage.needed == 2_256)
        #expect("\(shortage)".contains("LimitNOFILE=2256"))
        #expect("\(shortage)".contains("may have 2000"))
    }

    // Raising it does no other test harm, and lowering it would; so the fleet is one that needs a little more than there is.
    @Test(
        .enabled("the hard limit leaves nothing to raise") {
            processLimit().rlim_max >= processLimit().rlim_cur + 1_000
        }
    )
    func `the limit of the process is really raised`() throws {
        let nodes = (Int(processLimit().rlim_cur) - 256) / 12 + 20
        try DescriptorLimit.raise(forNodes: nodes)
        #expect(processLimit().rlim_cur == rlim_t(256 + 12 * nodes))
    }
}

private func processLimit() -> rlimit {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return limit
}
