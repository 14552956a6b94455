// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibcurl

/// One libcurl easy handle, what the transfer on it borrows, and what it has received so far.
///
/// Confined to the thread that drives it; libcurl calls back on that thread only. Handles are used again, since that
/// spares their setup; connections live in the multi handle and are not affected.
@safe final class EasyHandle {
    /// Most bytes of header lines, or of a mail server's replies, for one transfer.
    static let headerLimit = 64 << 10

    let pointer: UnsafeMutableRawPointer
    /// The pointer as a number, to find the handle that libcurl speaks of.
    let id: UInt
    private let errorText: UnsafeMutablePointer<CChar>
    private var lists: [CurlList] = []
    /// The first option that libcurl refused.
    ///
    /// Checked before anything is sent: an ignored option could be the one that demands encryption.
    private var setup = CURLE_OK

    private(set) var transfer: Transfer?
    var received = Reception()
    /// What is left to hand to libcurl of a mail.
    var unsent: ArraySlice<UInt8> = []

    /// What the other side sent.
    struct Reception {
        var headers: [HTTPHeader] = []
        var headerBytes = 0
        var body: [UInt8] = []
        var bodyLimit = 0
        var dialogue = MailDialogue()
        /// The version of TLS that the two sides agreed on.
        var agreedProtocol: String?
        /// Which limit was exceeded, if one was; libcurl itself only knows that a callback said no.
        var excess: String?
    }

    init?() {
        guard let pointer = unsafe curl_easy_init() else { return nil }
        unsafe self.pointer = unsafe pointer
        self.id = UInt(bitPattern: pointer)
        unsafe self.errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe self.errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        unsafe curl_easy_cleanup(self.pointer)
        unsafe self.errorText.deallocate()
    }

    /// Sets every option of one transfer, or returns `false` if libcurl refuses one of them.
    func prepare(_ transfer: Transfer) -> Bool {
        self.forget()
        self.transfer = transfer
        self.prepareAny(transfer)
        switch transfer.work {
        case .request(let request, let proxyUse): self.prepare(request, proxyUse: proxyUse)
        case .mail(let mail): self.prepare(mail, of: transfer)
        case .handshake(let handshake, let isProving): self.prepare(handshake, proving: isProving)
        }
        return self.setup == CURLE_OK
    }

    /// Lets go of everything that belongs to one transfer; the handle must not be under way.
    func forget() {
        unsafe curl_easy_reset(self.pointer)
        self.lists = []
        unsafe self.errorText[0] = 0
        self.setup = CURLE_OK
        self.transfer = nil
        self.received = Reception()
        self.unsent = []
    }

    private func prepareAny(_ transfer: Transfer) {
        unsafe self.check(clibcurl_set_pointer(self.pointer, CURLOPT_ERRORBUFFER, self.errorText))
        self.set(CURLOPT_PROTOCOLS_STR, "http,https,smtp,smtps")
        self.set(CURLOPT_NOSIGNAL, 1)
        // Without this, letting go of a transfer whose name is still being resolved waits for the resolver.
        self.set(CURLOPT_QUICK_EXIT, 1)
        self.set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        self.set(CURLOPT_TIMEOUT_MS, (transfer.deadline - .now).wholeMilliseconds)
        self.prepareCallbacks()
    }
}

// What the two protocols' preparation is written with.
extension EasyHandle {
    func set(_ option: CURLoption, _ value: Int) {
        unsafe self.check(clibcurl_set_long(self.pointer, option, value))
    }

    func set(_ option: CURLoption, _ value: String) {
        unsafe self.check(clibcurl_set_string(self.pointer, option, value))
    }

    func setOffset(_ option: CURLoption, _ value: Int) {
        unsafe self.check(clibcurl_set_offset(self.pointer, option, curl_off_t(value)))
    }

    /// Sets a list that lives until the transfer is over.
    func set(_ option: CURLoption, _ lines: [String]) {
        guard let list = CurlList(lines) else { return self.check(CURLE_OUT_OF_MEMORY) }
        self.lists.append(list)
        unsafe self.check(clibcurl_set_list(self.pointer, option, list.pointer))
    }

    /// Trusts the authorities in one file and no others; Debian's libcurl would add the system's folder.
    func trust(_ authorities: String?) {
        guard let authorities else { return }
        self.set(CURLOPT_CAINFO, authorities)
        unsafe self.check(clibcurl_set_string(self.pointer, CURLOPT_CAPATH, nil))
    }

    /// Sends a copy of these bytes as the body.
    func setBody(_ bytes: [UInt8]) {
        self.setOffset(CURLOPT_POSTFIELDSIZE_LARGE, bytes.count)
        // Of an empty body there is no address, and a null pointer would make libcurl ask the read callback instead.
        guard !bytes.isEmpty else { return self.set(CURLOPT_COPYPOSTFIELDS, "") }
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe self.check(clibcurl_set_pointer(self.pointer, CURLOPT_COPYPOSTFIELDS, bytes.baseAddress))
        }
    }

    /// Offers these bytes through the read callback.
    func setUpload(_ bytes: [UInt8]) {
        self.unsent = bytes[...]
        self.set(CURLOPT_UPLOAD, 1)
        self.setOffset(CURLOPT_INFILESIZE_LARGE, bytes.count)
    }

    func check(_ code: CURLcode) {
        if self.setup == CURLE_OK { self.setup = code }
    }
}

/// Owns one of libcurl's lists of strings.
@safe private final class CurlList {
    let pointer: UnsafeMutablePointer<curl_slist>?

    init?(_ lines: [String]) {
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines {
            guard let longer = unsafe curl_slist_append(list, line) else {
                unsafe curl_slist_free_all(list)
                return nil
            }
            unsafe list = unsafe longer
        }
        unsafe self.pointer = unsafe list
    }

    deinit {
        unsafe curl_slist_free_all(self.pointer)
    }
}

// What a finished transfer is judged by.
extension EasyHandle {
    func outcome(of result: CURLcode) -> Transfer.Outcome {
        guard let transfer else { preconditionFailure("a handle under way has a transfer") }
        if case .handshake(_, let isProving) = transfer.work,
            let end = self.handshakeEnd(of: result, proving: isProving, text: self.text(for: result))
        {
            return .success(Answer(status: 0, handshake: end))
        }
        if result == CURLE_OK { return .success(self.answer) }
        // We abort what is overdue when libcurl itself would still wait.
        let isOverdue = result == CURLE_ABORTED_BY_CALLBACK && transfer.isOverdue
        let failure = CurlFailure(
            result: isOverdue ? CURLE_OPERATION_TIMEDOUT : result,
            text: self.text(for: result),
            systemError: CInt(truncatingIfNeeded: self.number(CURLINFO_OS_ERRNO)),
            excess: self.received.excess,
            reply: self.received.dialogue.latest,
            transfer: transfer
        )
        return .failure(TransferError(failure))
    }

    var answer: Answer {
        Answer(
            status: self.number(CURLINFO_RESPONSE_CODE),
            headers: self.received.headers,
            body: self.received.body,
            dialogue: self.received.dialogue
        )
    }

    func setupFailure() -> TransferError {
        TransferError(
            .other,
            "libcurl refuses to prepare the transfer: \(unsafe String(cString: curl_easy_strerror(self.setup)))",
            host: self.transfer?.target.origin ?? ""
        )
    }

    private func text(for result: CURLcode) -> String {
        unsafe String(cString: self.errorText[0] != 0 ? UnsafePointer(self.errorText) : curl_easy_strerror(result))
    }

    private func number(_ name: CURLINFO) -> Int {
        var value = 0
        _ = unsafe clibcurl_get_long(self.pointer, name, &value)
        return value
    }
}
