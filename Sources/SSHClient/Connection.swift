// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibssh

/// One libssh session and everything that must live as long as it: allocated here, freed here, and nowhere else.
///
/// libssh allows a session to be used by one thread at a time; the driver's thread is the only one that
/// ever sees this object. No call blocks. What libssh reports through callbacks is only written down, and
/// acted upon after the call that caused it has returned.
@safe final class Connection {
    enum Step {
        case again
        case done
        case failed
    }

    /// How often one turn may read from the socket, 4 kB each, before other hosts get theirs.
    private static let readsPerTurn = 64

    private let session: ssh_session
    private let event: ssh_event
    /// One for all channels: a channel that is freed lingers in libssh until the server lets go of it, and
    /// so long must the callbacks that it points to.
    private let callbacks: UnsafeMutablePointer<ssh_channel_callbacks_struct>
    private let counter: UnsafeMutablePointer<ssh_counter_struct>
    private let socket: ClientSocket
    private var isInEvent = false
    private var agentDesk: AgentDesk?
    private var hasSignature = false
    /// By the address of libssh's object.
    private var channels: [UInt: Channel] = [:]

    /// Returns `nil` if libssh has no memory or refuses an option.
    static func make(
        over socket: ClientSocket,
        to host: SSHHost,
        at address: String,
        _ pins: HostKeyPins
    ) -> Connection? {
        guard let session = unsafe ssh_new() else { return nil }
        guard unsafe Options.apply(to: session, socket, host, address, pins), let event = unsafe ssh_event_new() else {
            unsafe ssh_free(session)
            return nil
        }
        return unsafe Connection(session, event, socket)
    }

    private init(_ session: ssh_session, _ event: ssh_event, _ socket: ClientSocket) {
        unsafe self.session = session
        unsafe self.event = event
        self.socket = socket
        unsafe self.callbacks = .allocate(capacity: 1)
        unsafe self.counter = .allocate(capacity: 1)
        unsafe self.callbacks.initialize(to: ssh_channel_callbacks_struct())
        // What the macro `ssh_callbacks_init` does.
        unsafe self.callbacks.pointee.size = MemoryLayout<ssh_channel_callbacks_struct>.size
        unsafe self.callbacks.pointee.userdata = Unmanaged.passUnretained(self).toOpaque()
        unsafe Callbacks.install(in: self.callbacks)
        unsafe self.counter.initialize(to: ssh_counter_struct())
        unsafe ssh_set_counters(session, nil, self.counter)
        unsafe ssh_set_blocking(session, 0)
    }

    deinit {
        self.leaveEvent()
        unsafe ssh_event_free(self.event)
        // Frees the channels too, those that wait for the server's last word included.
        unsafe ssh_free(self.session)
        unsafe self.callbacks.deallocate()
        unsafe self.counter.deallocate()
    }

    private func leaveEvent() {
        if self.isInEvent {
            self.isInEvent = false
            unsafe ssh_event_remove_session(self.event, self.session)
        }
    }

    var descriptor: CInt { self.socket.descriptor }

    /// Whether libssh waits to be told that it may write.
    var wantsToWrite: Bool { unsafe ssh_get_poll_flags(self.session) & SSH_WRITE_PENDING != 0 }

    var isAlive: Bool {
        guard unsafe ssh_is_connected(self.session) != 0 else { return false }
        return unsafe ssh_get_status(self.session) & (SSH_CLOSED | SSH_CLOSED_ERROR) == 0
    }

    /// What libssh said last; to be read directly after the call that failed.
    var lastError: String {
        let text = unsafe String(cString: ssh_get_error(UnsafeMutableRawPointer(self.session)))
        return text.isEmpty ? "no reason given" : SSHHost.printable(text, limit: 300)
    }

    /// Whether the last failure was the server's plain no, and not the connection's.
    var lastErrorIsRefusal: Bool {
        let code = unsafe ssh_get_error_code(UnsafeMutableRawPointer(self.session))
        return code == CInt(bitPattern: SSH_REQUEST_DENIED.rawValue)
    }

    // MARK: Connecting

    /// Greeting and key exchange.
    func shakeHands() -> Step {
        self.socket.acknowledgeQuickly()
        let status = unsafe ssh_connect(self.session)
        self.socket.restoreNonBlocking()
        switch status {
        case SSH_OK: return .done
        case SSH_AGAIN: return .again
        default: return .failed
        }
    }

    /// The key that the server has just proved to hold.
    func serverKey() throws(SSHPublicKey.FormatError) -> SSHPublicKey {
        var key: ssh_key?
        var text: UnsafeMutablePointer<CChar>?
        defer {
            unsafe ssh_key_free(key)
            unsafe ssh_string_free_char(text)
        }
        guard unsafe ssh_get_server_publickey(self.session, &key) == SSH_OK,
            unsafe ssh_pki_export_pubkey_base64(key, &text) == SSH_OK,
            let text = unsafe text,
            let blob = unsafe Base64.decode(String(cString: text).utf8, limit: SSHPublicKey.byteLimit)
        else {
            throw SSHPublicKey.FormatError(message: "the server's host key cannot be read")
        }
        return try SSHPublicKey(blob: blob)
    }

    /// Proves who we are; `done` once the server is convinced.
    func authenticate(with key: PrivateKey) -> Step {
        self.socket.acknowledgeQuickly()
        return self.authenticated(unsafe ssh_userauth_publickey(self.session, nil, key.pointer))
    }

    /// How an attempt with the agent's key goes on.
    enum AgentStep {
        case again
        case done
        case failed
        /// The agent is to be asked this, without waiting for it here; then comes another attempt with its answer.
        case sign([UInt8])
    }

    /// Like ``authenticate(with:)``, with a key that an agent keeps; `answer` is what the agent said to the request for a signature.
    func authenticate(withAgentsKey key: SSHPublicKey, answer: [UInt8]?) -> AgentStep {
        self.socket.acknowledgeQuickly()
        if self.agentDesk == nil {
            self.agentDesk = AgentDesk(key) { unsafe ssh_set_agent_socket(self.session, $0) == SSH_OK }
        }
        guard let desk = self.agentDesk else { return .failed }
        if let answer {
            desk.layOut(answer: answer)
            self.hasSignature = true
        }
        switch self.authenticated(unsafe ssh_userauth_agent(self.session, nil)) {
        case .again: return .again
        case .done: return .done
        case .failed:
            guard !self.hasSignature, self.isAlive, let request = desk.takeSignRequest() else { return .failed }
            return .sign(request)
        }
    }

    private func authenticated(_ status: CInt) -> Step {
        switch status {
        case SSH_AUTH_SUCCESS.rawValue:
            // From here on packets arrive whenever the server likes; the event takes in all of them.
            self.isInEvent = unsafe ssh_event_add_session(self.event, self.session) == SSH_OK
            return self.isInEvent ? .done : .failed
        case SSH_AUTH_AGAIN.rawValue: return .again
        default: return .failed
        }
    }

    // MARK: Connected

    /// Takes in what has arrived and sends what waits, as far as both go without blocking.
    ///
    /// Asking a channel for data instead would stop taking in packets at the end of its output, with its exit
    /// status still unread and the socket readable for ever.
    func exchange() {
        for _ in 0..<Self.readsPerTurn {
            self.socket.acknowledgeQuickly()
            guard unsafe ssh_event_dopoll(self.event, 0) == SSH_OK, self.isAlive else { return }
        }
    }

    /// Asks for any answer at all, as OpenSSH's `ServerAliveInterval` does; it counts as a packet when it comes.
    func askForLife() {
        // The first call may do no more than take note of the answer to the last question; then the second one asks. Where the
        // first has asked, the second does nothing, because that question is open.
        _ = unsafe ssh_send_keepalive(self.session)
        _ = unsafe ssh_send_keepalive(self.session)
    }

    func makeChannel() -> Channel? {
        guard let pointer = unsafe ssh_channel_new(self.session) else { return nil }
        unsafe ssh_set_channel_callbacks(pointer, self.callbacks)
        let channel = unsafe Channel(pointer, on: self)
        self.channels[channel.address] = channel
        return channel
    }

    /// Gives a channel back to libssh, which keeps it until the server has let go of it too.
    func free(_ channel: Channel) {
        guard self.channels.removeValue(forKey: channel.address) != nil else { return }
        unsafe ssh_remove_channel_callbacks(channel.pointer, self.callbacks)
        unsafe ssh_channel_free(channel.pointer)
    }

    /// How many packets have come in, whichever call took them in.
    ///
    /// Every call on one channel takes in packets for all, and libssh tells nobody that a channel has opened or
    /// a request was answered. When this number has grown, all channels need another look.
    var packetsTaken: UInt64 { unsafe self.counter.pointee.in_packets }

    /// Says goodbye if the socket takes it at once.
    func disconnect() {
        self.leaveEvent()
        unsafe ssh_disconnect(self.session)
    }

    fileprivate func channel(at pointer: ssh_channel?) -> Channel? {
        self.channels[UInt(bitPattern: pointer)]
    }
}

/// What libssh calls while it takes in packets.
///
/// Nothing here may call libssh again, and a channel that is no longer ours has nothing to say.
private enum Callbacks {
    static func install(in callbacks: UnsafeMutablePointer<ssh_channel_callbacks_struct>) {
        unsafe callbacks.pointee.channel_data_function = { _, channel, bytes, count, isError, context in
            if let channel = unsafe Callbacks.find(channel, context), let bytes = unsafe bytes {
                let data = unsafe UnsafeRawBufferPointer(start: bytes, count: Int(count))
                unsafe channel.tunnel?.receive(data)
                unsafe channel.command?.receive(data, on: isError == 0 ? .standardOutput : .standardError)
            }
            // All of it is used up, so libssh opens the window again and nothing stays behind in its buffers.
            return CInt(bitPattern: count)
        }
        unsafe callbacks.pointee.channel_exit_status_function = { _, channel, status, context in
            unsafe Callbacks.find(channel, context)?.exitStatus = status
        }
        unsafe callbacks.pointee.channel_exit_signal_function = { _, channel, signal, _, _, _, context in
            if let signal = unsafe signal {
                unsafe Callbacks.find(channel, context)?.signal = String(cString: signal)
            }
        }
        unsafe callbacks.pointee.channel_eof_function = { _, channel, context in
            unsafe Callbacks.find(channel, context)?.hasAllOutput = true
        }
        unsafe callbacks.pointee.channel_close_function = { _, channel, context in
            unsafe Callbacks.find(channel, context)?.isClosedByPeer = true
        }
    }

    private static func find(_ channel: ssh_channel?, _ context: UnsafeMutableRawPointer?) -> Channel? {
        guard let context = unsafe context else { return nil }
        return unsafe Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue().channel(at: channel)
    }
}

/// What every connection insists on.
private enum Options {
    static let keyExchanges = [
        "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521", "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
        "diffie-hellman-group14-sha256",
    ]
    /// No SHA-1, no DSA.
    static let signatures = [
        "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512",
        "rsa-sha2-256",
    ]
    /// No CBC.
    ///
    /// The GCM modes come first because a server without strict key exchange leaves them safe.
    static let ciphers = [
        "aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr",
        "aes192-ctr", "aes128-ctr",
    ]
    static let authenticators = [
        "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512",
    ]
    /// The shortest RSA key that we take from a host or use ourselves.
    static let smallestRSAKey: CInt = 2_048

    static func apply(
        to session: ssh_session,
        _ socket: ClientSocket,
        _ host: SSHHost,
        _ address: String,
        _ pins: HostKeyPins
    ) -> Bool {
        // A server picks the first of our types that it has: ask for the pinned ones, and take another only to
        // be able to say which it was.
        let pinned = Self.signatures.filter { signature in
            let type = signature.hasPrefix("rsa-") ? "ssh-rsa" : signature
            return pins.accepted.contains { $0.type == type }
        }
        let hostKeyOrder = pinned + Self.signatures.filter { !pinned.contains($0) }
        let texts: [(ssh_options_e, String)] = [
            (SSH_OPTIONS_HOST, address),
            (SSH_OPTIONS_USER, host.user),
            // Nothing is there to be read, and nobody's home folder has to be looked up.
            (SSH_OPTIONS_SSH_DIR, "/dev/null"),
            (SSH_OPTIONS_KNOWNHOSTS, "/dev/null"),
            (SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null"),
            (SSH_OPTIONS_KEY_EXCHANGE, Self.keyExchanges.joined(separator: ",")),
            (SSH_OPTIONS_HOSTKEYS, hostKeyOrder.joined(separator: ",")),
            (SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, Self.signatures.joined(separator: ",")),
            (SSH_OPTIONS_CIPHERS_C_S, Self.ciphers.joined(separator: ",")),
            (SSH_OPTIONS_CIPHERS_S_C, Self.ciphers.joined(separator: ",")),
            (SSH_OPTIONS_HMAC_C_S, Self.authenticators.joined(separator: ",")),
            (SSH_OPTIONS_HMAC_S_C, Self.authenticators.joined(separator: ",")),
            (SSH_OPTIONS_COMPRESSION, "no"),
        ]
        let numbers: [(ssh_options_e, CInt)] = [
            // Or ~/.ssh/config is read, with commands in it.
            (SSH_OPTIONS_PROCESS_CONFIG, 0),
            (SSH_OPTIONS_STRICTHOSTKEYCHECK, 1),
            (SSH_OPTIONS_PORT, CInt(host.port)),
            (SSH_OPTIONS_RSA_MIN_SIZE, Self.smallestRSAKey),
            (SSH_OPTIONS_FD, socket.descriptor),
        ]
        for (option, value) in numbers {
            var value = value
            guard unsafe ssh_options_set(session, option, &value) == SSH_OK else { return false }
        }
        for (option, value) in texts {
            guard unsafe ssh_options_set(session, option, value) == SSH_OK else { return false }
        }
        return true
    }
}
