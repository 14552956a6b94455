// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// What the name service said.
enum NameLookup: Sendable {
    case found([SocketAddress])
    case notFound
    case failed(String)

    /// More addresses than this are not tried: each gets a share of the time-out, and a thin share proves nothing.
    static let addressLimit = 4

    /// Asks the system's resolver, which may block for as long as its own configuration says.
    static func resolve(_ name: String, port: UInt16) -> Self {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(name, String(port), &hints, &list)
        defer { unsafe freeaddrinfo(list) }
        switch status {
        case 0: break
        case EAI_NONAME, -5: return .notFound  // -5 is EAI_NODATA: the name exists and has no address.
        case EAI_SYSTEM: return .failed(systemErrorText(clinux_errno()))
        case let status: return .failed(unsafe String(cString: gai_strerror(status)))
        }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next, addresses.count < Self.addressLimit {
            if let address = unsafe entry.pointee.ai_addr,
                let copy = unsafe SocketAddress(copying: address, length: entry.pointee.ai_addrlen)
            {
                addresses.append(copy)
            }
            unsafe next = entry.pointee.ai_next
        }
        return addresses.isEmpty ? .notFound : .found(addresses)
    }
}
