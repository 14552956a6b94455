// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Every znode that one member holds, for comparing members with each other.
///
/// Members can differ for ever with equal zxids and green health checks, when their histories forked; only their content
/// shows it. Two snapshots of a tree that is being written to differ too, so compare twice before believing it.
package struct ZooKeeperTree: Hashable, Sendable {
    package struct Node: Hashable, Sendable {
        package var path: String
        package var data: [UInt8]
        package var version: Int32

        package init(path: String, data: [UInt8], version: Int32) {
            self.path = path
            self.data = data
            self.version = version
        }
    }

    /// By path; without `/zookeeper`, which the server keeps for itself.
    package let nodes: [Node]

    package init(nodes: [Node]) {
        self.nodes = nodes.sorted { $0.path < $1.path }
    }

    package subscript(_ path: String) -> Node? {
        self.nodes.first { $0.path == path }
    }

    /// The paths that only one of the trees has, or that hold something else in the other, sorted.
    package func differences(from other: ZooKeeperTree) -> [String] {
        let mine = Set(self.nodes)
        let theirs = Set(other.nodes)
        return Set(mine.symmetricDifference(theirs).map(\.path)).sorted()
    }
}

extension ZooKeeperSession {
    /// The most bytes of data a tree may hold in all.
    private static var treeDataLimit: Int { 64 << 20 }

    /// Reads the whole tree as this member has it, or throws once there are more znodes than the limit.
    package mutating func tree(limit: Int = 10_000) async throws(ZooKeeperSessionError) -> ZooKeeperTree {
        var nodes: [ZooKeeperTree.Node] = []
        var byteCount = 0
        var pending = ["/"]
        while let path = pending.popLast() {
            let node: Znode
            let children: [String]
            do throws(ZooKeeperSessionError) {
                node = try await self.get(path)
                children = node.status.childCount > 0 ? try await self.children(of: path) : []
            } catch {
                // Deleted while we were looking.
                if error.reason == .refused(.noNode) { continue }
                throw error
            }
            byteCount += node.data.count
            nodes.append(ZooKeeperTree.Node(path: path, data: node.data, version: node.status.version))
            for child in children {
                let childPath = path == "/" ? "/\(child)" : "\(path)/\(child)"
                if childPath != "/zookeeper" { pending.append(childPath) }
            }
            guard nodes.count + pending.count <= limit, byteCount <= Self.treeDataLimit else {
                throw self.failure(.treeTooLarge(limit: limit), "read the tree")
            }
        }
        return ZooKeeperTree(nodes: nodes)
    }
}
