// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What a server says about one znode.
package struct ZnodeStatus: Hashable, Sendable {
    package var created: Zxid
    package var modified: Zxid
    /// Counts the changes of the data.
    package var version: Int32
    /// The session that owns it, or zero for a persistent one.
    package var ephemeralOwner: Int64
    package var dataLength: Int32
    package var childCount: Int32

    init(reading reader: inout JuteReader) throws(JuteError) {
        self.created = Zxid(try reader.readInt64())
        self.modified = Zxid(try reader.readInt64())
        _ = try reader.readInt64()  // created at
        _ = try reader.readInt64()  // modified at
        self.version = try reader.readInt32()
        _ = try reader.readInt32()  // version of the children
        _ = try reader.readInt32()  // version of the access list
        self.ephemeralOwner = try reader.readInt64()
        self.dataLength = try reader.readInt32()
        self.childCount = try reader.readInt32()
        _ = try reader.readInt64()  // last change among the children
    }
}

/// The data of one znode, with its status.
package struct Znode: Hashable, Sendable {
    package var data: [UInt8]
    package var status: ZnodeStatus
}

/// How a znode ends.
package enum ZnodeLifetime: Int32, Hashable, Sendable {
    case persistent = 0
    /// With the session that created it.
    case ephemeral = 1
}

/// The error numbers of replies.
package struct ZooKeeperCode: Hashable, Sendable, CustomStringConvertible {
    package var rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    package static let noNode = Self(rawValue: -101)
    package static let noAuthorization = Self(rawValue: -102)
    package static let badVersion = Self(rawValue: -103)
    package static let nodeExists = Self(rawValue: -110)
    package static let sessionExpired = Self(rawValue: -112)
    package static let sessionMoved = Self(rawValue: -118)
    package static let readOnly = Self(rawValue: -119)

    package var description: String {
        switch self.rawValue {
        case -4: "connection loss"
        case -5: "the server could not read the request"
        case -6: "not implemented by the server"
        case -8: "bad arguments"
        case -101: "no such node"
        case -102: "no permission"
        case -103: "another version"
        case -108: "ephemeral nodes have no children"
        case -110: "the node exists"
        case -111: "the node has children"
        case -112: "the session expired"
        case -115: "authentication failed"
        case -118: "the session moved to another server"
        case -119: "the server is read-only"
        case -122: "the server timed the request out"
        default: "error \(self.rawValue)"
        }
    }
}

/// The bodies of requests and how their replies are read.
enum SessionMessage {
    enum Operation: Int32 {
        case create = 1
        case exists = 3
        case getData = 4
        case setData = 5
        case getChildren = 8
        case sync = 9
        case ping = 11
        case close = -11
    }

    /// The number that marks a ping and its reply.
    static let pingNumber: Int32 = -2

    static func connect(sessionTimeoutMilliseconds: Int32) -> [UInt8] {
        var writer = JuteWriter()
        writer.write(Int32(0))  // protocol version
        writer.write(Int64(0))  // last zxid seen
        writer.write(sessionTimeoutMilliseconds)
        writer.write(Int64(0))  // a new session
        writer.write([UInt8](repeating: 0, count: 16))
        // Reads from a server cut off from its quorum would say nothing about the ensemble.
        writer.write(false)
        return writer.frame
    }

    static func request(_ number: Int32, _ operation: Operation, _ body: (inout JuteWriter) -> Void) -> [UInt8] {
        var writer = JuteWriter()
        writer.write(number)
        writer.write(operation.rawValue)
        body(&writer)
        return writer.frame
    }

    static func emptyBody(_ writer: inout JuteWriter) {}

    /// A path with the wish for a watch, which is always no.
    static func path(_ path: String) -> (inout JuteWriter) -> Void {
        {
            $0.write(path)
            $0.write(false)
        }
    }

    static func create(_ path: String, data: [UInt8], lifetime: ZnodeLifetime) -> (inout JuteWriter) -> Void {
        {
            $0.write(path)
            $0.write(data)
            $0.write(Int32(1))  // one entry in the access list: everybody may do everything
            $0.write(Int32(31))
            $0.write("world")
            $0.write("anyone")
            $0.write(lifetime.rawValue)
        }
    }
}

/// The first reply on a connection.
struct ConnectReply: Hashable, Sendable {
    /// Zero means that the session is gone.
    var timeoutMilliseconds: Int32
    var sessionID: Int64

    enum Refusal: Error, Hashable {
        case readOnlyServer
        case malformed(String)
    }

    init(_ frame: [UInt8]) throws(Refusal) {
        // A server in read-only mode answers with the header of an ordinary reply instead of a session.
        if frame.count == ReplyHeader.length {
            if let header = try? ReplyHeader(frame), header.code == .readOnly { throw .readOnlyServer }
            throw .malformed("a reply header instead of a session")
        }
        // Servers before 3.4 do not know the last byte, which says whether the session is read-only.
        guard frame.count == 37 || frame.count == 36 else {
            throw .malformed("\(frame.count) bytes instead of a session")
        }
        var reader = JuteReader(frame)
        do {
            _ = try reader.readInt32()
            self.timeoutMilliseconds = try reader.readInt32()
            self.sessionID = try reader.readInt64()
            guard try reader.readBuffer().count == 16 else { throw JuteError(message: "a password of another length") }
            if reader.remaining == 1, try reader.readBool() { throw Refusal.readOnlyServer }
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw .malformed((error as? JuteError)?.message ?? "\(error)")
        }
    }
}

/// What comes before the body of every later reply.
struct ReplyHeader: Hashable, Sendable {
    static let length = 16

    var number: Int32
    var zxid: Zxid
    /// Zero means success.
    var code: ZooKeeperCode

    init(_ frame: [UInt8]) throws(JuteError) {
        var reader = JuteReader(frame)
        self.number = try reader.readInt32()
        self.zxid = Zxid(try reader.readInt64())
        self.code = ZooKeeperCode(rawValue: try reader.readInt32())
    }
}
