// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource

/// Builds the tree from events, and refuses what a runbook may not contain.
struct YAMLTreeBuilder {
    let file: SourceFile
    let features: YAMLFeatures
    let limits: YAMLLimits
    private(set) var diagnostics: [Diagnostic]

    private var open: [YAMLFrame] = []
    /// What is inside of the open lists, and of the open mappings, those of the innermost one last.
    private var openNodes: [YAMLNode] = []
    private var openPairs: [YAMLPair] = []
    private var root: YAMLNode?
    private var anchors: [String: Anchored] = [:]
    private var nodes = 0
    private let nodeLimit: Int
    private var hasTooManyAliases = false

    /// A value that aliases may bring in again.
    private struct Anchored {
        let node: YAMLNode
        /// How many values it stands for.
        let weight: Int
    }

    init(file: SourceFile, features: YAMLFeatures, limits: YAMLLimits, diagnostics: [Diagnostic]) {
        self.file = file
        self.features = features
        self.limits = limits
        self.nodeLimit = limits.nodes(inFileOf: file.utf8.count)
        self.diagnostics = diagnostics
    }

    /// The tree, or nil when reading had to stop.
    mutating func read(from reader: consuming YAMLEventReader) -> YAMLNode? {
        do {
            while try self.handle(try reader.next()) {}
        } catch {
            self.report(YAMLTroubles(in: self.file, innermost: self.open.last?.asContext).diagnostic(for: error))
            return nil
        }
        guard self.open.isEmpty else { return nil }
        if self.root == nil, !self.diagnostics.hasErrors {
            self.report(.emptyFile(self.file))
        }
        return self.root
    }

    /// Takes one event in, and says whether to go on.
    private mutating func handle(_ event: YAMLEvent) throws(YAMLTrouble) -> Bool {
        switch event.kind {
        case .streamStart, .documentStart:
            return true
        case .streamEnd:
            return false
        case .documentEnd:
            self.checkRest(behind: event.end)
            return false
        case .alias(let anchor):
            self.expand(anchor, event)
        case .scalar(let text, let style, let properties):
            self.addScalar(text, style, properties, event)
        case .sequenceStart(let isFlow, let properties), .mappingStart(let isFlow, let properties):
            guard self.open.count < self.limits.depth else {
                self.report(.nestedTooDeep(limit: self.limits.depth, at: self.span(event.start, event.start)))
                return false
            }
            var isMapping = false
            if case .mappingStart = event.kind { isMapping = true }
            let start = self.contentStart(event, properties)
            self.open.append(
                YAMLFrame(
                    isMapping: isMapping,
                    isFlow: isFlow,
                    anchor: properties.anchor,
                    start: start,
                    first: isMapping ? self.openPairs.count : self.openNodes.count
                )
            )
        case .collectionEnd:
            self.close(event)
        }
        guard self.nodes <= self.nodeLimit else {
            self.report(.tooManyValues(limit: self.nodeLimit, at: self.span(event.start, event.end)))
            return false
        }
        return true
    }

    private mutating func report(_ diagnostic: Diagnostic) {
        guard self.diagnostics.count < self.limits.diagnostics else { return }
        self.diagnostics.append(diagnostic)
    }

    private func span(_ start: SourcePosition, _ end: SourcePosition) -> SourceSpan {
        SourceSpan(self.file.pathNumber, start: start, end: end)
    }
}

// MARK: Values

extension YAMLTreeBuilder {
    private mutating func addScalar(
        _ text: String,
        _ style: YAMLScalar.Style,
        _ properties: YAMLEvent.Properties,
        _ event: YAMLEvent
    ) {
        let start = self.contentStart(event, properties)
        let end = style == .literal || style == .folded ? self.trimmed(event.end, from: start) : event.end
        let span = self.span(start, end)
        let scalar = YAMLScalar(text: text, style: style, span: span, file: self.file)
        if self.isAtKey {
            self.takeKey(scalar, properties)
            return
        }
        let node = YAMLNode(kind: .scalar(scalar), span: span)
        if let anchor = properties.anchor {
            self.anchors[anchor] = Anchored(node: node, weight: 1)
        }
        self.nodes += 1
        // An empty document is told apart from one that says nothing but `null`.
        guard !self.open.isEmpty || style != .plain || !text.isEmpty else { return }
        self.add(node, weight: 1, end: end)
    }

    private mutating func close(_ event: YAMLEvent) {
        guard let frame = self.open.popLast() else { return }
        // libyaml ends a block collection where the next thing starts, which may be pages below.
        let end = frame.isFlow ? event.end : max(frame.lastEnd, frame.start)
        let kind: YAMLNode.Kind =
            frame.isMapping ? .mapping(self.takePairs(of: frame)) : .sequence(self.takeNodes(of: frame))
        let node = YAMLNode(kind: kind, span: self.span(frame.start, end))
        self.nodes += 1
        if let anchor = frame.anchor {
            self.anchors[anchor] = Anchored(node: node, weight: frame.weight)
        }
        self.add(node, weight: frame.weight, end: end)
    }

    private mutating func expand(_ anchor: String, _ event: YAMLEvent) {
        let place = self.span(event.start, event.end)
        var node = YAMLNode(kind: .scalar(YAMLScalar(text: "", style: .plain, span: place)), span: place)
        var weight = 1
        if let anchored = self.anchors[anchor] {
            if self.nodes + anchored.weight <= self.nodeLimit {
                node = anchored.node
                node.alias = place
                weight = anchored.weight
            } else if !self.hasTooManyAliases {
                // Said once: in a bomb nearly every alias is one too many.
                self.hasTooManyAliases = true
                self.report(.aliasesExpandTooFar(limit: self.nodeLimit, at: place, anchor: anchored.node.span))
            }
        } else if let frame = self.open.last(where: { $0.anchor == anchor }) {
            self.report(.aliasInsideItself(anchor, at: place, anchor: self.span(frame.start, frame.start)))
        } else {
            self.report(.unknownAlias(anchor, at: place, known: self.anchors.keys.sorted()))
        }
        if self.isAtKey {
            if let scalar = node.scalar {
                self.takeKey(scalar, .init())
            } else {
                self.report(.keyIsNotText(node.kindName, at: place))
                self.open[self.open.count - 1].key = .unusable
            }
            return
        }
        self.nodes += weight
        self.add(node, weight: weight, end: event.end)
    }

    /// Whether what comes next is a key of the innermost mapping.
    private var isAtKey: Bool {
        guard let index = self.open.indices.last, self.open[index].isMapping else { return false }
        return self.open[index].key == nil
    }

    /// Puts a finished value where it belongs.
    private mutating func add(_ node: YAMLNode, weight: Int, end: SourcePosition) {
        guard let index = self.open.indices.last else {
            self.root = node
            return
        }
        self.open[index].weight += weight
        self.open[index].lastEnd = max(self.open[index].lastEnd, end)
        guard self.open[index].isMapping else {
            self.openNodes.append(node)
            return
        }
        switch self.open[index].key {
        case nil:
            self.report(.keyIsNotText(node.kindName, at: node.span))
            self.open[index].key = .unusable
            return
        case .unusable:
            break
        case .merge(let key):
            self.open[index].merges.append(YAMLPair(key: key, value: node))
        case .text(let key):
            if self.open[index].isFlow {
                self.warnAboutMissingSpace(key, node)
            }
            self.openPairs.append(YAMLPair(key: key, value: node))
        }
        self.open[index].key = nil
    }

    private mutating func takeNodes(of frame: YAMLFrame) -> [YAMLNode] {
        defer { self.openNodes.removeSubrange(frame.first...) }
        return Array(self.openNodes[frame.first...])
    }
}

// MARK: Keys

extension YAMLTreeBuilder {
    private mutating func takeKey(_ key: YAMLScalar, _ properties: YAMLEvent.Properties) {
        let index = self.open.count - 1
        self.open[index].lastEnd = max(self.open[index].lastEnd, key.span.end)
        if let anchor = properties.anchor {
            self.anchors[anchor] = Anchored(node: YAMLNode(kind: .scalar(key), span: key.span), weight: 1)
        }
        if key.style == .plain, key.text == "<<" {
            self.open[index].key = .merge(key)
            if !self.features.contains(.mergeKeys) {
                self.report(.mergeKeyNotAllowed(at: key.span))
                self.open[index].key = .unusable
            }
        } else if key.style == .plain, key.text.isEmpty {
            self.report(.keyIsMissing(at: key.span))
            self.open[index].key = .unusable
        } else if let first = Self.firstUse(of: key, in: &self.open[index], self.openPairs) {
            self.report(.duplicateKey(key.text, at: key.span, first: first))
            self.open[index].key = .unusable
        } else {
            self.open[index].key = .text(key)
        }
    }

    /// Where a key of the same text stands already; if nowhere, the key is expected to be added.
    private static func firstUse(of key: YAMLScalar, in frame: inout YAMLFrame, _ pairs: [YAMLPair]) -> SourceSpan? {
        let own = frame.first..<pairs.count
        guard own.count >= YAMLFrame.smallMapping else {
            for index in own where pairs[index].key.text == key.text {
                return pairs[index].key.span
            }
            return nil
        }
        if frame.places.isEmpty {
            for index in own {
                frame.places[pairs[index].key.text] = pairs[index].key.span
            }
        }
        if let place = frame.places[key.text] { return place }
        frame.places[key.text] = key.span
        return nil
    }

    /// The frame's own pairs, then what it merges in and does not have itself.
    private mutating func takePairs(of frame: YAMLFrame) -> [YAMLPair] {
        var frame = frame
        for merge in frame.merges {
            let sources = merge.value.sequence ?? [merge.value]
            for source in sources {
                guard let pairs = source.mapping else {
                    self.report(.mergeNeedsMapping(source.kindName, at: source.alias ?? source.span))
                    continue
                }
                for pair in pairs where Self.firstUse(of: pair.key, in: &frame, self.openPairs) == nil {
                    self.openPairs.append(pair)
                }
            }
        }
        defer { self.openPairs.removeSubrange(frame.first...) }
        return Array(self.openPairs[frame.first...])
    }

    /// `{port:80}` is a key `port:80` without a value, which nobody means.
    private mutating func warnAboutMissingSpace(_ key: YAMLScalar, _ value: YAMLNode) {
        guard key.style == .plain, value.span.isEmpty, value.alias == nil,
            let colon = key.text.firstIndex(of: ":"), colon != key.text.startIndex
        else { return }
        self.report(.spaceIsMissing(key.text, name: String(key.text[..<colon]), at: key.span, severity: .warning))
    }
}

// MARK: Places

extension YAMLTreeBuilder {
    /// Where the value itself starts, behind its anchor and tag; tags are reported on the way.
    private mutating func contentStart(_ event: YAMLEvent, _ properties: YAMLEvent.Properties) -> SourcePosition {
        guard !properties.isEmpty else { return event.start }
        let bytes = self.file.utf8
        var index = event.start.offset
        // Behind its own properties may stand those of its first key, which are not this value's.
        var remaining = (properties.anchor == nil ? 0 : 1) + (properties.tag == nil ? 0 : 1)
        scan: while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x09, 0x0A, 0x0D:
                index += 1
            case UInt8(ascii: "#"):
                while index < bytes.count, bytes[index] != 0x0A, bytes[index] != 0x0D { index += 1 }
            case UInt8(ascii: "&") where remaining > 0, UInt8(ascii: "!") where remaining > 0:
                let start = index
                while index < bytes.count, !Self.endsProperty(bytes[index]) { index += 1 }
                remaining -= 1
                if bytes[start] == UInt8(ascii: "!") {
                    self.report(.tag(self.file.span(utf8Range: start..<index), in: self.file))
                }
            default:
                break scan
            }
        }
        // A value that is left out ends before whatever comes next.
        guard case .scalar = event.kind, index > event.end.offset else {
            return self.file.position(atUTF8Offset: index)
        }
        return event.end
    }

    private static func endsProperty(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"): true
        default: false
        }
    }

    /// A block scalar ends with its last line, not with the blank lines below it.
    private func trimmed(_ end: SourcePosition, from start: SourcePosition) -> SourcePosition {
        var offset = min(end.offset, self.file.utf8.count)
        while offset > start.offset, [0x20, 0x09, 0x0A, 0x0D].contains(self.file.utf8[offset - 1]) {
            offset -= 1
        }
        return self.file.position(atUTF8Offset: offset)
    }

    /// Behind the document only comments may follow; libyaml is not asked, so no second one costs anything.
    private mutating func checkRest(behind end: SourcePosition) {
        var isEnded = self.file.utf8[..<end.offset].suffix(3).elementsEqual("...".utf8)
        for line in end.line...max(end.line, self.file.lineCount) {
            var range = self.file.utf8Range(ofLine: line)
            if line == end.line {
                range = min(max(range.lowerBound, end.offset), range.upperBound)..<range.upperBound
            }
            let bytes = self.file.utf8[range]
            guard let first = bytes.first(where: { $0 != 0x20 && $0 != 0x09 }), first != UInt8(ascii: "#") else {
                continue
            }
            if bytes.elementsEqual("...".utf8) {
                isEnded = true
                continue
            }
            let isDocument = isEnded || bytes.starts(with: "---".utf8)
            let span = self.file.span(utf8Range: range)
            self.report(isDocument ? .secondDocument(at: span) : .textBehindValue(at: span))
            return
        }
    }
}
