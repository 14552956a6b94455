// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// First in, first out, without moving everything on each take.
struct FIFOQueue<Element> {
    private var elements: [Element?] = []
    private var head = 0

    var count: Int { self.elements.count - self.head }
    var isEmpty: Bool { self.count == 0 }

    mutating func append(_ element: Element) {
        self.elements.append(element)
    }

    mutating func popFirst() -> Element? {
        guard self.head < self.elements.count else { return nil }
        let element = self.elements[self.head]
        self.elements[self.head] = nil
        self.head += 1
        if self.head == self.elements.count {
            self.elements.removeAll(keepingCapacity: true)
            self.head = 0
        } else if self.head >= 64, self.head * 2 >= self.elements.count {
            self.elements.removeFirst(self.head)
            self.head = 0
        }
        return element
    }

    /// Drops what is no longer wanted, keeping the order of the rest.
    mutating func removeAll(where isUnwanted: (Element) -> Bool) {
        self.elements = self.elements[self.head...].filter { element in
            element.map { !isUnwanted($0) } ?? false
        }
        self.head = 0
    }
}
