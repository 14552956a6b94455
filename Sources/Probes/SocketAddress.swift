// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// A numeric IPv4 or IPv6 endpoint, ready for `connect`.
struct SocketAddress: Sendable {
    private var storage = sockaddr_storage()
    private let length: socklen_t

    /// Reads a numeric address; `nil` means that the text is a name and must be looked up.
    init?(numeric text: String, port: UInt16) {
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if unsafe inet_pton(AF_INET, text, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            self.length = socklen_t(MemoryLayout<sockaddr_in>.size)
            unsafe withUnsafeMutableBytes(of: &self.storage) { storage in
                unsafe withUnsafeBytes(of: four) { unsafe storage.copyMemory(from: $0) }
            }
        } else if unsafe inet_pton(AF_INET6, text, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            self.length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            unsafe withUnsafeMutableBytes(of: &self.storage) { storage in
                unsafe withUnsafeBytes(of: six) { unsafe storage.copyMemory(from: $0) }
            }
        } else {
            return nil
        }
    }

    /// Copies an address that the resolver returned; `nil` if it is of a family we do not speak.
    init?(copying address: UnsafePointer<sockaddr>, length: socklen_t) {
        let family = unsafe Int32(address.pointee.sa_family)
        guard family == AF_INET || family == AF_INET6, length <= socklen_t(MemoryLayout<sockaddr_storage>.size) else {
            return nil
        }
        self.length = length
        unsafe withUnsafeMutableBytes(of: &self.storage) { storage in
            unsafe storage.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length)))
        }
    }

    var family: Int32 { Int32(self.storage.ss_family) }

    /// Lends the C structure to one call.
    func withAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        unsafe withUnsafePointer(to: self.storage) { storage in
            unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, self.length) }
        }
    }

    /// Whether the socket's own end is this very endpoint.
    ///
    /// A connect to a free port of the same host can be given that port as its source and so meet itself, which TCP
    /// allows. Without this question a dead server in the ephemeral range would sometimes look alive.
    func isLocalEnd(of descriptor: Int32) -> Bool {
        var own = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = unsafe withUnsafeMutablePointer(to: &own) { own in
            unsafe own.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe clinux_getsockname(descriptor, $0, &length)
            }
        }
        guard result == 0, own.ss_family == self.storage.ss_family else { return false }
        return unsafe withUnsafeBytes(of: own) { own in
            unsafe withUnsafeBytes(of: self.storage) { peer in
                // Family, port and IPv4 address are the first 8 bytes; IPv6 has its flow label there instead.
                if self.family == AF_INET {
                    unsafe own[0..<8].elementsEqual(peer[0..<8])
                } else {
                    unsafe own[0..<4].elementsEqual(peer[0..<4]) && own[8..<24].elementsEqual(peer[8..<24])
                }
            }
        }
    }
}
