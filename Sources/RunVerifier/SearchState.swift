// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// One state of the search, in eight bytes: which desk, which world.
struct SearchState: StateKey {
    let desk: UInt32
    let world: UInt32

    var spread: UInt64 {
        spreadBits((UInt64(self.desk) << 32 | UInt64(self.world)) &+ 0x9e37_79b9_7f4a_7c15)
    }

    static var blank: Self {
        Self(desk: 0, world: 0)
    }

    static func == (left: Self, right: Self) -> Bool {
        left.desk == right.desk && left.world == right.world
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(self.spread)
    }
}

/// States to be expanded: by bad luck, then by length.
struct SearchQueue: Sendable {
    private var buckets: [[ContiguousArray<UInt32>]] = []
    private var luck = 0
    private var depth = 0
    private var position = 0

    mutating func add(_ index: Int, luck: Int, depth: Int) {
        while self.buckets.count <= luck {
            self.buckets.append([])
        }
        while self.buckets[luck].count <= depth {
            self.buckets[luck].append([])
        }
        self.buckets[luck][depth].append(UInt32(index))
    }

    mutating func next() -> (index: Int, depth: Int)? {
        while self.luck < self.buckets.count {
            while self.depth < self.buckets[self.luck].count {
                if self.position < self.buckets[self.luck][self.depth].count {
                    defer { self.position += 1 }
                    return (Int(self.buckets[self.luck][self.depth][self.position]), self.depth)
                }
                self.buckets[self.luck][self.depth] = []
                self.depth += 1
                self.position = 0
            }
            self.luck += 1
            self.depth = 0
            self.position = 0
        }
        return nil
    }
}
