// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibcurl
internal import Glibc

extension EasyHandle {
    func prepareCallbacks() {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe self.check(clibcurl_set_bytes_callback(self.pointer, CURLOPT_WRITEFUNCTION, receiveBody))
        unsafe self.check(clibcurl_set_pointer(self.pointer, CURLOPT_WRITEDATA, context))
        unsafe self.check(clibcurl_set_bytes_callback(self.pointer, CURLOPT_HEADERFUNCTION, receiveHeader))
        unsafe self.check(clibcurl_set_pointer(self.pointer, CURLOPT_HEADERDATA, context))
        // Always set: libcurl's own would read our standard input.
        unsafe self.check(clibcurl_set_bytes_callback(self.pointer, CURLOPT_READFUNCTION, provideBody))
        unsafe self.check(clibcurl_set_pointer(self.pointer, CURLOPT_READDATA, context))
        unsafe self.check(clibcurl_set_open_socket_callback(self.pointer, openSocket))
    }

    /// Has libcurl ask before each request leaves, when its connection stands.
    func askBeforeSending() {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe self.check(clibcurl_set_prereq_callback(self.pointer, beforeSending))
        unsafe self.check(clibcurl_set_pointer(self.pointer, CURLOPT_PREREQDATA, context))
    }

    /// Makes the transfer the owner of its sockets, and asked at least once a second whether to go on.
    ///
    /// Only for a handle that is driven to its end by the thread that holds the transfer: a connection that is kept for
    /// later outlives its transfer, and its socket would be closed through a stale pointer.
    func letTransferOwnSockets(_ transfer: Transfer) {
        let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
        unsafe self.check(clibcurl_set_pointer(self.pointer, CURLOPT_OPENSOCKETDATA, context))
        unsafe self.check(clibcurl_set_close_socket_callback(self.pointer, closeSocket))
        unsafe self.check(clibcurl_set_pointer(self.pointer, CURLOPT_CLOSESOCKETDATA, context))
        unsafe self.check(clibcurl_set_progress_callback(self.pointer, goOn))
        unsafe self.check(clibcurl_set_pointer(self.pointer, CURLOPT_XFERINFODATA, context))
        self.set(CURLOPT_NOPROGRESS, 0)
    }
}

// What arrives and leaves while the transfer is under way.
extension EasyHandle {
    fileprivate func takeBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard self.received.body.count + bytes.count <= self.received.bodyLimit else {
            self.received.excess = "an answer of more than \(self.received.bodyLimit) bytes"
            return false
        }
        unsafe self.received.body.append(contentsOf: bytes)
        return true
    }

    fileprivate func takeHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
        self.received.headerBytes += bytes.count
        guard self.received.headerBytes <= Self.headerLimit else {
            self.received.excess = "more than \(Self.headerLimit) bytes of headers"
            return false
        }
        let line = unsafe String(decoding: bytes, as: UTF8.self)
        switch self.transfer?.work {
        case .request: self.takeHeader(line)
        case .mail: self.takeReply(line)
        case .handshake, nil: return false
        }
        return true
    }

    fileprivate func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(room.count, self.unsent.count)
        // With its last bytes a mail can become the server's, whatever we hear of it.
        if count == self.unsent.count, self.transfer?.beginSending() != true { return Int(CURL_READFUNC_ABORT) }
        unsafe room.copyBytes(from: self.unsent.prefix(count))
        self.unsent.removeFirst(count)
        return count
    }

    fileprivate func beginSending() -> Bool {
        self.transfer?.beginSending() ?? false
    }

    private func takeHeader(_ line: String) {
        // Each answer of a series begins anew; the last one counts (an interim 100 comes first).
        if line.hasPrefix("HTTP/") { return self.received.headers.removeAll() }
        guard let header = HTTPHeader(line: line) else { return }
        self.received.headers.append(header)
    }

    private func takeReply(_ line: String) {
        guard let reply = self.received.dialogue.take(line) else { return }
        let verdict = self.received.dialogue.verdict
        // The goodbye follows a refusal or the final yes, and a second is enough for it.
        self.set(CURLOPT_SERVER_RESPONSE_TIMEOUT, reply.code >= 400 || verdict != nil ? 1 : Self.mailReplySeconds)
        // Nor need our caller wait for it.
        if verdict?.code == Self.mailTaken { self.transfer?.settle(.success(self.answer)) }
    }
}

/// Lends the bytes of a callback to the handle, and answers in libcurl's terms: all of them, or none.
private func receiveBody(
    _ bytes: UnsafeMutablePointer<CChar>?,
    _ size: Int,
    _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context = unsafe context else { return 0 }
    let handle = unsafe Unmanaged<EasyHandle>.fromOpaque(context).takeUnretainedValue()
    return unsafe handle.takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}

private func receiveHeader(
    _ bytes: UnsafeMutablePointer<CChar>?,
    _ size: Int,
    _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context = unsafe context else { return 0 }
    let handle = unsafe Unmanaged<EasyHandle>.fromOpaque(context).takeUnretainedValue()
    return unsafe handle.takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}

private func provideBody(
    _ room: UnsafeMutablePointer<CChar>?,
    _ size: Int,
    _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context = unsafe context else { return Int(CURL_READFUNC_ABORT) }
    let handle = unsafe Unmanaged<EasyHandle>.fromOpaque(context).takeUnretainedValue()
    return unsafe handle.give(UnsafeMutableRawBufferPointer(start: room, count: size * count))
}

private func beforeSending(
    _ context: UnsafeMutableRawPointer?,
    _: UnsafeMutablePointer<CChar>?,
    _: UnsafeMutablePointer<CChar>?,
    _: CInt,
    _: CInt
) -> CInt {
    guard let context = unsafe context else { return CURL_PREREQFUNC_ABORT }
    let handle = unsafe Unmanaged<EasyHandle>.fromOpaque(context).takeUnretainedValue()
    return handle.beginSending() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}

/// Opens a socket that the programs we start do not inherit; for a mail, the transfer keeps an eye on it.
private func openSocket(
    _ context: UnsafeMutableRawPointer?,
    _: curlsocktype,
    _ address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
    guard let address = unsafe address?.pointee else { return CURL_SOCKET_BAD }
    let open = { socket(address.family, address.socktype | CInt(SOCK_CLOEXEC.rawValue), address.protocol) }
    guard let context = unsafe context else { return open() }
    return unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().sockets.add(open)
}

private func closeSocket(_ context: UnsafeMutableRawPointer?, _ socket: curl_socket_t) -> CInt {
    guard let context = unsafe context else { return close(socket) }
    return unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().sockets.close(socket)
}

/// Zero to go on.
private func goOn(
    _ context: UnsafeMutableRawPointer?,
    _: curl_off_t,
    _: curl_off_t,
    _: curl_off_t,
    _: curl_off_t
) -> CInt {
    guard let context = unsafe context else { return 1 }
    let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    guard transfer.isAbandoned || transfer.isOverdue else { return 0 }
    // Without this libcurl would say goodbye, and wait for the answer of a server that was just too slow.
    transfer.sockets.hangUp()
    return 1
}
