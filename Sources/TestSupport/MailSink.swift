// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A real mail server (aiosmtpd, from Debian's `python3-aiosmtpd`) that tells the test what it was given.
///
/// It parses each message with Python's own `email`, so a test learns what somebody else's software makes of our bytes.
/// The server ends with its standard input, and so never outlives the test.
package final class MailSink {
    /// One mail as the server saw it.
    package struct Mail: Decodable, Hashable, Sendable {
        package var from: String
        package var to: [String]
        /// As transferred, dots unstuffed.
        package var raw: String
        package var headers: [[String]]
        /// The decoded text.
        package var body: String
        /// Whether the connection was encrypted, and who logged in.
        package var tls: Bool
        package var login: String?
        /// What the parser complained about.
        package var defects: [String]

        package func header(_ name: String) -> String? {
            self.headers.first { $0[0].lowercased() == name.lowercased() }?[1]
        }
    }

    package struct Certificate: Sendable {
        package var certificate: String
        package var key: String

        /// Makes one for `localhost` and 127.0.0.1 that vouches for itself.
        package init(in folder: String) throws {
            self.certificate = "\(folder)/certificate.pem"
            self.key = "\(folder)/key.pem"
            let status = try runProgram(
                "/usr/bin/openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", self.key, "-out", self.certificate,
                ]
            )
            guard status == 0 else {
                throw CocoaError(.fileWriteUnknown)
            }
        }
    }

    package struct Unavailable: Error, CustomStringConvertible {
        package var description: String {
            "the mail sink did not start; apt-get install python3-aiosmtpd"
        }
    }

    package let port: UInt16
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var unread = Data()

    /// With a certificate the server demands STARTTLS, or speaks TLS from the first byte if that is `implicit`.
    package init(tls: Certificate? = nil, implicit: Bool = false, password: String? = nil) throws {
        self.process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        let options = [tls?.certificate ?? "", tls?.key ?? "", password ?? "", implicit ? "implicit" : ""]
        self.process.arguments = ["-c", Self.program] + options
        self.process.standardInput = self.input
        self.process.standardOutput = self.output
        try self.process.run()
        guard let line = Self.line(from: self.output, &self.unread), let port = UInt16(line) else {
            throw Unavailable()
        }
        self.port = port
    }

    /// Waits for the next mail.
    package func next() throws -> Mail {
        guard let line = Self.line(from: self.output, &self.unread) else { throw Unavailable() }
        return try JSONDecoder().decode(Mail.self, from: Data(line.utf8))
    }

    package func stop() {
        try? self.input.fileHandleForWriting.close()
        self.process.waitUntilExit()
    }

    private static func line(from pipe: Pipe, _ unread: inout Data) -> String? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unread = Data(unread[unread.index(after: end)...]) }
                return String(decoding: unread[..<end], as: UTF8.self)
            }
            let more = pipe.fileHandleForReading.availableData
            guard !more.isEmpty else { return nil }
            unread += more
        }
    }

    // Takes certificate, key, password and "implicit"; refuses recipients called "nobody", and everything from "spammer".
    private static let program = """
        import asyncio, email, email.policy, json, os, ssl, sys, threading, warnings
        warnings.simplefilter("ignore")
        from aiosmtpd.smtp import SMTP, AuthResult
        certificate, key, password, implicit = sys.argv[1:5]

        class Handler:
            async def handle_MAIL(self, server, session, envelope, address, options):
                if address.startswith("spammer"):
                    return "550 5.7.1 not from you"
                if address.startswith("hasty"):
                    return "451 4.7.1 try again later"
                envelope.mail_from = address
                return "250 OK"

            async def handle_RCPT(self, server, session, envelope, address, options):
                if address.startswith("nobody"):
                    return "550 5.1.1 no such mailbox"
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope):
                mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
                print(json.dumps({
                    "from": envelope.mail_from, "to": envelope.rcpt_tos,
                    "raw": envelope.content.decode("latin-1"),
                    "headers": [[name, str(value)] for name, value in mail.items()],
                    "body": mail.get_content() if mail.get_content_type() == "text/plain" else "",
                    "tls": server.transport.get_extra_info("sslcontext") is not None, "login": session.auth_data,
                    "defects": [type(d).__name__ for d in mail.defects],
                }), flush=True)
                return "250 2.0.0 kept as number one"

        def authenticate(server, session, envelope, mechanism, data):
            good = data.password == password.encode()
            return AuthResult(success=good, handled=False, auth_data=data.login.decode() if good else None)

        context = None
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate, key)

        async def main():
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: SMTP(
                Handler(), hostname="sink", loop=loop, tls_context=None if implicit else context,
                require_starttls=bool(certificate and not implicit),
                authenticator=authenticate if password else None, auth_required=bool(password),
                auth_require_tls=bool(certificate and not implicit)), "127.0.0.1", 0, ssl=context if implicit else None)
            print(server.sockets[0].getsockname()[1], flush=True)
            await asyncio.Event().wait()

        def leave():
            sys.stdin.read()
            os._exit(0)

        threading.Thread(target=leave, daemon=True).start()
        asyncio.run(main())
        """
}
