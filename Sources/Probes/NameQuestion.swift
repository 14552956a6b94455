// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
package import RunVocabulary

/// One question of the domain name system, and how its answer is read (RFC 1035, RFC 3596).
///
/// The bytes are those of a message; over TCP two bytes of length stand before it.
package struct NameQuestion: Hashable, Sendable {
    /// What a server said.
    package struct Answer: Hashable, Sendable {
        /// 0: it knows; 3: there is no such name; everything else: it cannot tell.
        package var code: UInt8
        /// In the server's order, at most ``NameQuestion/addressLimit``.
        package var addresses: [String]
    }

    package struct Malformed: Error, Hashable, Sendable {
        package let message: String
    }

    package static let addressLimit = 256
    private static let pointerLimit = 32

    private let name: [UInt8]
    private let type: DNSAddressType
    private let id: UInt16

    /// - Throws: why the text can be no name in a question.
    package init(name: String, type: DNSAddressType, id: UInt16) throws(Malformed) {
        let labels = (name.hasSuffix(".") ? name.dropLast() : name[...]).split(
            separator: ".",
            omittingEmptySubsequences: false
        )
        var bytes: [UInt8] = []
        for label in labels {
            guard (1...63).contains(label.utf8.count) else {
                throw Malformed(message: "'\(name)' is no name: each part between its dots has 1 to 63 characters")
            }
            guard label.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw Malformed(message: "'\(name)' is no name as servers know it; write other letters as xn--…")
            }
            bytes.append(UInt8(label.utf8.count))
            bytes += label.utf8
        }
        guard bytes.count < 255 else {
            throw Malformed(message: "'\(name.prefix(60))…' is longer than 253 characters")
        }
        self.name = bytes + [0]
        self.type = type
        self.id = id
    }

    private var typeNumber: UInt16 {
        switch self.type {
        case .four: 1
        case .six: 28
        }
    }

    /// Asks for recursion, about the Internet.
    package var bytes: [UInt8] {
        Self.pair(self.id) + [0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0] + self.name + Self.pair(self.typeNumber) + [0, 1]
    }

    private static func pair(_ number: UInt16) -> [UInt8] {
        [UInt8(number >> 8), UInt8(number & 0xFF)]
    }

    /// Reads the message that a server sent in answer to this question.
    package func answer(in message: [UInt8]) throws(Malformed) -> Answer {
        var reader = Reader(bytes: message)
        let id = try reader.number()
        let flags = try reader.number()
        guard id == self.id, flags & 0x8000 != 0 else {
            throw Malformed(message: "what came is no answer to what was asked")
        }
        let (questions, records) = (try reader.number(), try reader.number())
        _ = (try reader.number(), try reader.number())
        let code = UInt8(flags & 0x0F)
        // A server that refuses may leave the question out.
        guard questions == 1 || questions == 0 && code != 0 else {
            throw Malformed(message: "the answer repeats \(questions) questions instead of one")
        }
        if questions == 1 {
            let name = try reader.name()
            guard Self.isSame(name, self.name), try reader.number() == self.typeNumber, try reader.number() == 1 else {
                throw Malformed(message: "the answer is to another question")
            }
        }
        guard code == 0 else {
            return Answer(code: code, addresses: [])
        }
        guard flags & 0x0200 == 0 else {
            throw Malformed(message: "the answer was cut short")
        }
        var addresses: [String] = []
        for _ in 0..<records {
            _ = try reader.name()
            let (type, kind) = (try reader.number(), try reader.number())
            _ = try reader.bytes(4)
            let length = try reader.number()
            let data = try reader.bytes(Int(length))
            // Names on the way to the address come along; they are of other types.
            guard type == self.typeNumber, kind == 1 else { continue }
            guard let text = Self.text(data) else {
                throw Malformed(message: "an address has \(data.count) bytes")
            }
            if addresses.count < Self.addressLimit, !addresses.contains(text) { addresses.append(text) }
        }
        return Answer(code: code, addresses: addresses)
    }

    /// Letters are the same in either case, and servers may change it.
    private static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 0x20 : byte }
        return left.count == right.count && zip(left, right).allSatisfy { lower($0) == lower($1) }
    }

    private static func text(_ address: [UInt8]) -> String? {
        guard address.count == 4 || address.count == 16 else { return nil }
        var room = [CChar](repeating: 0, count: 64)
        let isWritten = unsafe address.withUnsafeBytes { bytes in
            unsafe room.withUnsafeMutableBufferPointer { room in
                unsafe inet_ntop(
                    bytes.count == 4 ? AF_INET : AF_INET6,
                    bytes.baseAddress,
                    room.baseAddress,
                    socklen_t(room.count)
                ) != nil
            }
        }
        guard isWritten else { return nil }
        return String(decoding: room.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        private static let short = Malformed(message: "the answer ends in the middle")

        mutating func bytes(_ count: Int) throws(Malformed) -> [UInt8] {
            guard self.bytes.count - self.position >= count else { throw Self.short }
            defer { self.position += count }
            return Array(self.bytes[self.position..<self.position + count])
        }

        mutating func number() throws(Malformed) -> UInt16 {
            let pair = try self.bytes(2)
            return UInt16(pair[0]) << 8 | UInt16(pair[1])
        }

        /// A name with its pointers followed; each must lead backwards, so that none leads in a circle.
        mutating func name() throws(Malformed) -> [UInt8] {
            var name: [UInt8] = []
            var place = self.position
            var bound = place
            var end: Int?
            for _ in 0..<(NameQuestion.pointerLimit + 128) {
                guard place < self.bytes.count else { throw Self.short }
                let length = self.bytes[place]
                switch length >> 6 {
                case 0:
                    let next = place + 1 + Int(length)
                    guard next <= self.bytes.count else { throw Self.short }
                    name += self.bytes[place..<next]
                    guard name.count <= 255 else { throw Malformed(message: "a name in the answer is too long") }
                    place = next
                    if length == 0 {
                        self.position = end ?? next
                        return name
                    }
                case 3:
                    guard place + 1 < self.bytes.count else { throw Self.short }
                    let target = Int(length & 0x3F) << 8 | Int(self.bytes[place + 1])
                    guard target < bound else { throw Malformed(message: "a name in the answer points forward") }
                    end = end ?? place + 2
                    (place, bound) = (target, target)
                default: throw Malformed(message: "a name in the answer has a part of unknown form")
                }
            }
            throw Malformed(message: "a name in the answer has no end")
        }
    }
}

extension SocketProber {
    /// Asks one server over TCP, where an answer is never cut short nor sent by a stranger.
    package func resolve(
        _ question: NameQuestion,
        at server: String,
        port: UInt16,
        timeout: Duration
    ) async throws(SocketFailure) -> Result<NameQuestion.Answer, NameQuestion.Malformed> {
        let end = ContinuousClock.now + timeout
        var connection = try await self.connect(to: server, port: port, timeout: timeout)
        let bytes = question.bytes
        let framed = [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
        let length = try await connection.exchange(framed, receiving: 2, timeout: end - .now)
        let count = Int(length[0]) << 8 | Int(length[1])
        let message = try await connection.receive(count, timeout: end - .now)
        connection.close()
        do throws(NameQuestion.Malformed) {
            return .success(try question.answer(in: message))
        } catch {
            return .failure(error)
        }
    }
}
