// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibssh

/// One channel, from its opening until the server has closed it.
///
/// ```
///            opened              accepted             ended, timed out, or cancelled
///   opening ───────▶ requesting ─────────▶ running ───────────────▶ closing ──▶ freed
///      └ refused ──▶ freed └ refused ─────────────────────────────────▲
/// ```
@safe final class Channel {
    enum State {
        case opening
        case requesting
        case running
        case closing
    }

    let pointer: ssh_channel
    var state = State.opening
    /// When our wish to close was first expressed.
    var closingSince: BootTime?
    /// Whose channel this is; `nil` once the command has its result, or was given up.
    var command: Command?
    /// Whose way to another host this channel is, instead.
    var tunnel: Tunnel?

    // Written by libssh's callbacks.
    var exitStatus: CInt?
    var signal: String?
    var hasAllOutput = false
    var isClosedByPeer = false

    private unowned let connection: Connection
    private var hasSentEnd = false
    private var hasSentClose = false

    init(_ pointer: ssh_channel, on connection: Connection) {
        unsafe self.pointer = pointer
        self.connection = connection
    }

    /// What libssh's callbacks are told apart by.
    var address: UInt { unsafe UInt(bitPattern: self.pointer) }

    var isInUse: Bool { self.command != nil || self.tunnel != nil }

    var hasEnding: Bool { self.exitStatus != nil || self.signal != nil }

    func open() -> Connection.Step {
        unsafe self.step(ssh_channel_open_session(self.pointer))
    }

    /// Opens a connection from the server to `address`, which it resolves itself.
    func open(to address: String, port: UInt16) -> Connection.Step {
        unsafe self.step(ssh_channel_open_forward(self.pointer, address, CInt(port), "127.0.0.1", 0))
    }

    /// `command` must not contain a zero byte.
    func request(_ command: [UInt8]) -> Connection.Step {
        // libssh sends the text with the first call and ignores it in the ones that wait for the answer.
        let status = unsafe (command + [0]).withUnsafeBufferPointer { bytes in
            unsafe ssh_channel_request_exec(
                self.pointer,
                UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
            )
        }
        return self.step(status)
    }

    /// Sends as much as the server's window takes now, and returns how much that was; `nil` if the
    /// command reads no more.
    func write(_ bytes: ArraySlice<UInt8>) -> Int? {
        let count = unsafe bytes.withUnsafeBytes { bytes in
            unsafe ssh_channel_write(self.pointer, bytes.baseAddress, UInt32(bytes.count))
        }
        return count >= 0 ? Int(count) : nil
    }

    /// Tells the command that its input is complete.
    func sendEnd() {
        guard !self.hasSentEnd else { return }
        self.hasSentEnd = true
        // `SSH_AGAIN` means queued.
        _ = unsafe ssh_channel_send_eof(self.pointer)
    }

    /// Returns `true` once our goodbye is on its way.
    ///
    /// libssh sends an end of input first, and gives up before the goodbye itself if that could not be
    /// written at once. It has to be asked again then, or the server keeps the channel for good.
    func close() -> Bool {
        if !self.hasSentClose {
            self.hasSentClose = unsafe ssh_channel_close(self.pointer) == SSH_OK
        }
        return self.hasSentClose
    }

    private func step(_ status: CInt) -> Connection.Step {
        switch status {
        case SSH_OK: .done
        case SSH_AGAIN: .again
        default: .failed
        }
    }
}
