// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibYAML
import RunbookSource

/// One thing that libyaml saw.
struct YAMLEvent {
    enum Kind {
        case streamStart
        case streamEnd
        case documentStart
        case documentEnd
        case alias(anchor: String)
        case scalar(text: String, style: YAMLScalar.Style, properties: Properties)
        case sequenceStart(isFlow: Bool, properties: Properties)
        case mappingStart(isFlow: Bool, properties: Properties)
        case collectionEnd
    }

    /// What may stand in front of a value.
    struct Properties {
        var anchor: String?
        var tag: String?

        var isEmpty: Bool { self.anchor == nil && self.tag == nil }
    }

    var kind: Kind
    var start: SourcePosition
    var end: SourcePosition
}

/// Why libyaml stopped, in its own words; ``YAMLTroubles`` knows better ones.
struct YAMLTrouble: Error {
    var problem: String
    var place: SourcePosition
    var context: String
    var contextPlace: SourcePosition
}

/// Reads libyaml's events, and turns its marks into positions of the file.
///
/// A mark counts scalars from wherever libyaml started, which is behind a byte order mark. At the end of a
/// file without a last line feed libyaml invents a line, so there the position is the file's own.
@safe struct YAMLEventReader: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let file: SourceFile
    /// A scalar whose byte is known, somewhere behind which the next one probably is.
    private var known = (scalar: 0, offset: 0)

    /// Farther than this a search in the file's table is faster than walking.
    private static let walkLimit = 512
    private static let byteOrderMark = 3

    /// The bytes must stay where they are as long as the reader lives.
    init?(reading bytes: UnsafeBufferPointer<UInt8>, of file: SourceFile) {
        unsafe self.parser = .allocate(capacity: 1)
        guard unsafe yaml_parser_initialize(self.parser) == 1 else {
            unsafe self.parser.deallocate()
            return nil
        }
        self.file = file
        let start = file.hasByteOrderMark ? Self.byteOrderMark : 0
        self.known = (scalar: 0, offset: start)
        unsafe yaml_parser_set_encoding(self.parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(
            self.parser,
            bytes.baseAddress.map { unsafe $0 + start },
            bytes.count - start
        )
    }

    deinit {
        unsafe yaml_parser_delete(self.parser)
        unsafe self.parser.deallocate()
    }

    mutating func next() throws(YAMLTrouble) -> YAMLEvent {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(self.parser, &event) == 1 else { throw self.trouble() }
        defer { unsafe yaml_event_delete(&event) }
        let start = unsafe self.position(event.start_mark)
        let end = unsafe self.position(event.end_mark)
        return YAMLEvent(kind: unsafe Self.kind(of: event), start: start, end: end)
    }

    private mutating func trouble() -> YAMLTrouble {
        let place = unsafe self.position(self.parser.pointee.problem_mark)
        let contextPlace = unsafe self.position(self.parser.pointee.context_mark)
        return YAMLTrouble(
            problem: unsafe self.parser.pointee.problem.map { unsafe String(cString: $0) } ?? "out of memory",
            place: place,
            context: unsafe self.parser.pointee.context.map { unsafe String(cString: $0) } ?? "",
            contextPlace: contextPlace
        )
    }

    private static func kind(of event: yaml_event_t) -> YAMLEvent.Kind {
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT: return .streamStart
        case YAML_STREAM_END_EVENT: return .streamEnd
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_ALIAS_EVENT:
            return .alias(anchor: unsafe Self.text(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            return .scalar(
                text: unsafe String(decoding: bytes, as: UTF8.self),
                style: unsafe Self.style(scalar.style),
                properties: .init(anchor: unsafe Self.text(scalar.anchor), tag: unsafe Self.text(scalar.tag))
            )
        case YAML_SEQUENCE_START_EVENT:
            let start = unsafe event.data.sequence_start
            return .sequenceStart(
                isFlow: unsafe start.style == YAML_FLOW_SEQUENCE_STYLE,
                properties: .init(anchor: unsafe Self.text(start.anchor), tag: unsafe Self.text(start.tag))
            )
        case YAML_MAPPING_START_EVENT:
            let start = unsafe event.data.mapping_start
            return .mappingStart(
                isFlow: unsafe start.style == YAML_FLOW_MAPPING_STYLE,
                properties: .init(anchor: unsafe Self.text(start.anchor), tag: unsafe Self.text(start.tag))
            )
        default:
            return .collectionEnd
        }
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        unsafe pointer.map { unsafe String(cString: $0) }
    }

    private static func style(_ style: yaml_scalar_style_t) -> YAMLScalar.Style {
        switch style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
        case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
        case YAML_LITERAL_SCALAR_STYLE: .literal
        case YAML_FOLDED_SCALAR_STYLE: .folded
        default: .plain
        }
    }

    private mutating func position(_ mark: yaml_mark_t) -> SourcePosition {
        let offset = self.offset(ofScalar: mark.index)
        guard offset < self.file.utf8.count else { return self.file.position(atUTF8Offset: offset) }
        return SourcePosition(line: mark.line + 1, column: mark.column + 1, offset: offset)
    }

    private mutating func offset(ofScalar index: Int) -> Int {
        guard !self.file.isASCII else { return min(index, self.file.utf8.count) }
        guard index >= self.known.scalar, index - self.known.scalar <= Self.walkLimit else {
            return self.file.utf8Offset(ofScalar: index + (self.file.hasByteOrderMark ? 1 : 0))
        }
        var offset = self.known.offset
        for _ in self.known.scalar..<index where offset < self.file.utf8.count {
            let byte = self.file.utf8[offset]
            offset += byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        }
        self.known = (scalar: index, offset: offset)
        return offset
    }
}
