// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What travels: four bytes of length, most significant first, then that many bytes.
///
/// A reply is any number of frames and then an empty one, so that its end differs from an engine that is gone.
/// The length's highest bit marks a refusal: text for people from the socket itself instead of a reply.
enum ControlFrame: Hashable {
    case body([UInt8])
    case end
    case refusal(String)

    static let headerBytes = 4
    private static let refusalBit: UInt32 = 1 << 31

    var bytes: [UInt8] {
        switch self {
        case .body(let body): Self.header(UInt32(body.count)) + body
        case .end: Self.header(0)
        case .refusal(let text): Self.header(UInt32(text.utf8.count) | Self.refusalBit) + Array(text.utf8)
        }
    }

    private static func header(_ length: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
    }

    /// A frame's length as its header claims it, and whether it is a refusal.
    static func parse(_ header: some Sequence<UInt8>) -> (length: Int, isRefusal: Bool) {
        let word = header.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return (Int(word & ~Self.refusalBit), word & Self.refusalBit != 0)
    }
}

/// Puts frames together from the pieces in which they arrive.
struct FrameBuffer {
    private var bytes: [UInt8] = []
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    mutating func append(_ piece: some Sequence<UInt8>) {
        self.bytes.append(contentsOf: piece)
    }

    var isEmpty: Bool { self.bytes.isEmpty }

    /// The next whole frame; `nil` while more bytes are needed.
    ///
    /// The claimed length is checked as soon as it is known, before its bytes are waited for.
    mutating func next() throws(ControlError) -> ControlFrame? {
        guard self.bytes.count >= ControlFrame.headerBytes else {
            return nil
        }
        let (length, isRefusal) = ControlFrame.parse(self.bytes.prefix(ControlFrame.headerBytes))
        guard length <= self.limit else {
            throw ControlError(.malformed, "a message of \(length) bytes was announced; \(self.limit) is the limit")
        }
        let end = ControlFrame.headerBytes + length
        guard self.bytes.count >= end else {
            return nil
        }
        let body = Array(self.bytes[ControlFrame.headerBytes..<end])
        self.bytes.removeFirst(end)
        if isRefusal {
            return .refusal(String(decoding: body, as: UTF8.self))
        }
        return body.isEmpty ? .end : .body(body)
    }
}
