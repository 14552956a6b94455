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

    @Test func `the limit of the process is really raised`() async {
        await #expect(processExitsWith: .exitCode(7)) {
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
            var limit = rlimit(rlim_cur: 512, rlim_max: 2_000)
            setrlimit(resource, &limit)
            try DescriptorLimit.raise(forNodes: 100)
            getrlimit(resource, &limit)
            exit(limit.rlim_cur == 1_456 ? 7 : 1)
        }
    }
}
