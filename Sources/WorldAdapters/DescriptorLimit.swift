// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How many files and connections this process may have open at once.
///
/// Most systems begin with 1,024, for the sake of old programs, and let a process take more by itself. We take what the inventory may need.
package enum DescriptorLimit {
    /// The store, sockets of operators, channels, local commands.
    private static let base: UInt64 = 256
    /// At the most: eight connections for commands, and probes beside them.
    private static let most: UInt64 = 12
    /// At the least: a connection for commands, and a probe.
    private static let least: UInt64 = 2

    package struct Shortage: Error, Hashable, CustomStringConvertible {
        package let nodes: Int
        package let needed: UInt64
        package let allowed: UInt64

        package var description: String {
            """
            \(self.nodes) nodes need \(self.needed) open files and connections at once, and this process may have \(self.allowed); raise \
            its hard limit: LimitNOFILE=\(self.needed) in its systemd unit, 'nofile' in /etc/security/limits.conf, or 'ulimit -Hn' as root
            """
        }
    }

    /// Raises the limit to what so many nodes may need, or as far as the hard limit lets us.
    ///
    /// - Throws: ``Shortage`` when not even one connection and one probe for each of them are allowed.
    package static func raise(forNodes nodes: Int) throws(Shortage) {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return }
        let wanted = try self.wanted(forNodes: nodes, soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max))
        guard let wanted else { return }
        limit.rlim_cur = rlim_t(wanted)
        // It cannot fail up to the hard limit; if it does, whoever finds no descriptor left says so.
        _ = setrlimit(resource, &limit)
    }

    /// The soft limit that is to be set, or nothing if the present one will do.
    package static func wanted(forNodes nodes: Int, soft: UInt64, hard: UInt64) throws(Shortage) -> UInt64? {
        let count = UInt64(max(nodes, 0))
        let needed = self.base + self.least * count
        guard hard >= needed else {
            throw Shortage(nodes: nodes, needed: needed, allowed: hard)
        }
        let wanted = min(self.base + self.most * count, hard)
        return wanted > soft ? wanted : nil
    }
}
