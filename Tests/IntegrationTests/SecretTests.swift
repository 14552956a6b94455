// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

extension IntegrationTests {
    /// A secret that is easy to recognise goes through a real run that goes wrong, and is then looked for everywhere.
    @Suite(.lab) struct SecretTests {
        private let lab: SharedLab

        init() throws {
            self.lab = try #require(SharedLab.current)
        }

        /// With bytes that each encoding changes.
        private static let secret = "pl4nted/s3cret+\(UUID().uuidString.prefix(8))?=end"

        /// The secret as it is, in base64 whatever stands before it, in hexadecimal digits, and percent-encoded.
        private static let forms: [[UInt8]] = {
            let bytes = Array(Self.secret.utf8)
            var forms = [bytes]
            for format in ["%02x", "%02X"] {
                forms.append(Array(bytes.map { String(format: format, $0) }.joined().utf8))
            }
            for skipped in 0..<3 {
                let whole = bytes.dropFirst(skipped)
                let encoded = Data(whole.prefix(whole.count / 3 * 3)).base64EncodedString()
                forms.append(Array(encoded.utf8))
                forms.append(
                    Array(encoded.replacing("+", with: "-").replacing("/", with: "_").utf8)
                )
            }
            let percent = Self.secret.addingPercentEncoding(withAllowedCharacters: .urlUnreserved) ?? ""
            return forms + [
                Array(percent.utf8),
                Array(
                    percent.replacing("%2F", with: "%2f").replacing("%2B", with: "%2b").replacing("%3F", with: "%3f")
                        .replacing("%3D", with: "%3d").utf8
                ),
            ]
        }()

        private static func finds(_ bytes: [UInt8]) -> Bool {
            let data = Data(bytes)
            return Self.forms.contains { data.range(of: Data($0)) != nil }
        }

        /// The files below a folder in which it stands, and how many were looked through.
        private static func search(_ folder: String) throws -> (found: [String], looked: Int) {
            var (found, looked) = ([String](), 0)
            let files = try #require(FileManager.default.enumerator(atPath: folder))
            for case let name as String in files {
                let path = "\(folder)/\(name)"
                var status = stat()
                guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                    continue
                }
                looked += 1
                if Self.finds([UInt8](FileManager.default.contents(atPath: path) ?? Data()))
                    || Self.finds(Array(name.utf8))
                {
                    found.append(path)
                }
            }
            return (found, looked)
        }

        /// The processes in whose arguments it stands.
        private static func processes() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
                pid_t(name) != nil
                    && Self.finds([UInt8](FileManager.default.contents(atPath: "/proc/\(name)/cmdline") ?? Data()))
            }
        }

        private final class Received: Sendable {
            let bodies: Mutex<[String]> = Mutex([])
        }

        private func steps(_ marker: String) -> String {
            """
              - id: holds
                run:
                  targets: brokers
                  effect: changes
                  script: "echo $$ >>\(marker).began; until [ -e \(marker).go ]; do sleep 0.05; done; test \\"$TOKEN\\""
                  env: { TOKEN: "${{ parameters.token }}" }
                timeout: 2m
              - id: tells
                run:
                  targets: brokers
                  effect: changes
                  script: >-
                    echo "it is $TOKEN"; printf '%s' "x$TOKEN" | base64 -w 0; printf '%s' "$TOKEN" | od -An -v -tx1 | tr -d ' \\n';
                    echo "$TOKEN" >&2; exit 3
                  env: { TOKEN: "${{ parameters.token }}" }
                timeout: 1m
                if_failed: never_repeated
              - id: never_repeated
                run:
                  targets: "[brokers[0]]"
                  effect: changes
                  repeat: never
                  script: "echo \\"$TOKEN\\"; echo \\"no: $TOKEN\\" >&2; exit 4"
                  env: { TOKEN: "Bearer ${{ parameters.token }}" }
                timeout: 1m
                if_failed: here
              - id: here
                run:
                  local: true
                  effect: changes
                  script: "printf '%s' \\"$TOKEN\\"; sleep 0.2; echo \\"$TOKEN\\" >&2; exit 5"
                  env: { TOKEN: "${{ parameters.token }}" }
                timeout: 1m
                if_failed: asks
              - id: asks
                request:
                  method: POST
                  url: "http://127.0.0.1:PORT/login"
                  effect: changes
                  headers: { Authorization: "Bearer ${{ parameters.token }}" }
                  body: "token=${{ parameters.token }}"
                timeout: 1m
                if_failed: tell
              - id: tell
                notify:
                  channels: [oncall]
                  severity: critical
                  message: "${{ run.reason }}: ${{ steps.tells.results[0].stdout }} ${{ steps.never_repeated.results[0].stderr }}"
              - id: over
                finish: { outcome: failed, message: "${{ run.reason }}" }
            """
        }

        @Test(arguments: ["file", "environment"])
        func `a planted secret is found nowhere but where it was sent`(place: String) async throws {
            let received = Received()
            let server = try ScriptedServer { connection, _ in
                if let request = connection.request() {
                    received.bodies.withLock { $0.append(request.text) }
                    connection.answer("403 Forbidden", body: "no good: \(Self.secret)")
                }
            }
            defer { server.stop() }
            let marker = "\(self.lab.folder)/planted-\(place)"
            let file = "/tmp/selfheal-planted-\(UUID().uuidString.prefix(8))"
            try Data("\(Self.secret)\n".utf8).write(to: URL(filePath: file))
            defer { try? FileManager.default.removeItem(atPath: file) }
            let configuration = try self.lab.configuration("planted-\(place)")
            let runbook = try self.lab.runbook(
                "planted_\(place)",
                self.steps(marker).replacing("PORT", with: "\(server.port)"),
                head: "parameters: { token: { type: secret } }"
            )
            let given =
                place == "file" ? ["--param-file", "token=\(file)"] : ["--param", "token=${PLANTED_TOKEN}"]
            let environment = place == "file" ? [:] : ["PLANTED_TOKEN": Self.secret]
            let run = try Running(["run", runbook, "--config", configuration] + given, environment: environment)
            let end = ContinuousClock.now + Selfheal.patience
            let began = "\(marker).began"
            while (try? String(contentsOfFile: began, encoding: .utf8))?.isEmpty ?? true {
                try #require(ContinuousClock.now < end)
                try await Task.sleep(for: .milliseconds(10))
            }
            // While a command that has it runs: on no command line, ours or the hosts'.
            #expect(try Self.processes() == [])
            #expect(FileManager.default.createFile(atPath: "\(marker).go", contents: nil))
            let outcome = try await run.end()
            #expect(outcome.status == 1, "\(outcome)")
            #expect(outcome.complaint.contains("exit status 3: <secret>"), "\(outcome)")

            // It did arrive, or all this would show nothing.
            let sent = received.bodies.withLock { $0 }
            #expect(sent.count == 1 && sent.allSatisfy { $0.contains(Self.secret) })

            // What is looked for would be found.
            for form in Self.forms {
                #expect(Self.finds(Array("before".utf8) + form + Array("after".utf8)))
            }
            let planned = place == "file" ? ["--param", "token=${file:\(file)}"] : given
            var outputs = [outcome.output, outcome.complaint]
            for words in [
                ["show"], ["show", "--brief"], ["show", "--format", "json"], ["runs"], ["runs", "--format", "json"],
                ["doctor"], ["doctor", "--format", "json"], ["plan", runbook] + planned,
                ["plan", runbook, "--format", "json"] + planned,
            ] {
                let said = try await Selfheal.run(words + ["--config", configuration], environment: environment)
                #expect(!said.output.isEmpty, "\(words): \(said)")
                outputs += [said.output, said.complaint]
            }
            for output in outputs {
                #expect(!Self.finds(Array(output.utf8)), "\(output)")
            }
            #expect(outputs.contains { $0.contains("it is <secret>") })

            // Store with its log, hosts with their receipts and logs, notices: all lie below this folder.
            let (found, looked) = try Self.search(self.lab.folder)
            #expect(found == [])
            #expect(looked > 20)
            let files = try #require(FileManager.default.enumerator(atPath: self.lab.folder))
            let receipts = files.compactMap { $0 as? String }
            #expect(receipts.contains { $0.contains(".selfheal/effects/") && $0.hasSuffix("/status") })
            #expect(receipts.contains { $0.hasSuffix("selfheal.db-wal") || $0.hasSuffix("selfheal.db") })
        }
    }
}

extension CharacterSet {
    /// What no encoder for addresses changes.
    fileprivate static let urlUnreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    )
}
