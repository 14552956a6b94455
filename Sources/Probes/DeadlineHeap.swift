// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Something that waits for a moment and remembers its place in a ``DeadlineHeap``.
protocol HasDeadline: AnyObject {
    var deadline: MonotonicTime { get }
    /// Owned by the heap; `nil` while not in it.
    var heapIndex: Int? { get set }
}

/// Finds the earliest deadline at once, and takes any element out in logarithmic time.
///
/// Elements know their index, so one that finishes early leaves nothing behind: the heap is never larger than the
/// number of jobs under way.
struct DeadlineHeap<Element: HasDeadline> {
    private var elements: [Element] = []

    var first: Element? { self.elements.first }
    var count: Int { self.elements.count }

    mutating func insert(_ element: Element) {
        precondition(element.heapIndex == nil, "the driver takes an element out before it changes its deadline")
        self.elements.append(element)
        element.heapIndex = self.elements.count - 1
        self.siftUp(from: self.elements.count - 1)
    }

    /// Takes the element out, or does nothing if it is not in.
    mutating func remove(_ element: Element) {
        guard let index = element.heapIndex else { return }
        element.heapIndex = nil
        let last = self.elements.removeLast()
        guard last !== element else { return }
        self.place(last, at: index)
        self.siftUp(from: index)
        self.siftDown(from: last.heapIndex ?? index)
    }

    private mutating func place(_ element: Element, at index: Int) {
        self.elements[index] = element
        element.heapIndex = index
    }

    private mutating func siftUp(from start: Int) {
        var index = start
        let element = self.elements[index]
        while index > 0 {
            let parent = (index - 1) / 2
            guard element.deadline < self.elements[parent].deadline else { break }
            self.place(self.elements[parent], at: index)
            index = parent
        }
        self.place(element, at: index)
    }

    private mutating func siftDown(from start: Int) {
        var index = start
        let element = self.elements[index]
        while true {
            var child = 2 * index + 1
            guard child < self.elements.count else { break }
            if child + 1 < self.elements.count, self.elements[child + 1].deadline < self.elements[child].deadline {
                child += 1
            }
            guard self.elements[child].deadline < element.deadline else { break }
            self.place(self.elements[child], at: index)
            index = child
        }
        self.place(element, at: index)
    }
}
