// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Probes
import RunPlan
import RunVocabulary

/// Names, asked of name servers.
///
/// What the host's own files say (`/etc/hosts`) is not asked, and no search domain is appended: the name is whole.
extension LiveProbeRunner {
    func askDNS(_ asked: DNSQuestion<String>, _ timeout: Milliseconds) async -> [String: Fact] {
        let question: NameQuestion
        do throws(NameQuestion.Malformed) {
            question = try NameQuestion(name: asked.name, type: asked.type, id: .random(in: 0...UInt16.max))
        } catch {
            return ["problem": .string(error.message)]
        }
        let servers: [HostAndPort]
        if let server = asked.server {
            guard let known = HostAndPort(server) ?? HostAndPort(host: server, port: 53) else {
                return ["problem": .string("'\(server)' is no address of a name server")]
            }
            servers = [known]
        } else {
            servers = ResolverFile.servers(in: ResolverFile.read(self.resolverFile))
        }
        guard !servers.isEmpty else {
            return ["problem": .string("'\(self.resolverFile)' names no server; give the probe a 'server'")]
        }
        return await self.ask(question, named: asked, of: servers, timeout)
    }

    /// The first server that knows is believed; each of those that are left gets its share of the time that is left.
    private func ask(
        _ question: NameQuestion,
        named asked: DNSQuestion<String>,
        of servers: [HostAndPort],
        _ timeout: Milliseconds
    ) async -> [String: Fact] {
        let start = ContinuousClock.now
        var problems: [String] = []
        var hasAnswered = false
        var areAllClosed = true
        for (index, server) in servers.enumerated() {
            let share = (start + timeout.duration - .now) / (servers.count - index)
            guard share > .zero else { break }
            do throws(SocketFailure) {
                let reply = try await self.prober.resolve(question, at: server.host, port: server.port, timeout: share)
                areAllClosed = false
                switch reply {
                case .success(let answer) where answer.code == 0 || answer.code == 3:
                    return [
                        "answered": .bool(true), "addresses": .strings(answer.addresses),
                        "latency": .span(Milliseconds(ContinuousClock.now - start)),
                        "problem": .string(Self.problem(answer, asked)),
                    ]
                case .success(let answer):
                    hasAnswered = true
                    problems.append("\(server.host) cannot tell: \(Self.word(for: answer.code))")
                case .failure(let malformed): problems.append("\(server.host): \(malformed.message)")
                }
            } catch {
                areAllClosed = areAllClosed && error.outcome == .refused
                problems.append("\(server.host): \(error.outcome)")
            }
        }
        var facts: [String: Fact] = ["problem": .string(problems.joined(separator: "; "))]
        if hasAnswered || areAllClosed && problems.count == servers.count { facts["answered"] = .bool(hasAnswered) }
        return facts
    }

    private static func problem(_ answer: NameQuestion.Answer, _ asked: DNSQuestion<String>) -> String {
        if answer.code == 3 { return "there is no name '\(asked.name)'" }
        return answer.addresses.isEmpty ? "'\(asked.name)' has no address of type \(asked.type.rawValue)" : ""
    }

    private static func word(for code: UInt8) -> String {
        switch code {
        case 1: "it does not understand the question (FORMERR)"
        case 2: "it has failed (SERVFAIL)"
        case 4: "it does not do that (NOTIMP)"
        case 5: "it does not want to (REFUSED)"
        default: "code \(code)"
        }
    }
}

/// The servers that a system asks: `nameserver` in `/etc/resolv.conf`.
enum ResolverFile {
    /// As many as the system's own resolver asks.
    private static let serverLimit = 3
    private static let byteLimit = 65_536

    static func servers(in text: String) -> [HostAndPort] {
        var servers: [HostAndPort] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count >= 2, words[0] == "nameserver", let server = HostAndPort(host: String(words[1]), port: 53)
            else { continue }
            servers.append(server)
        }
        return Array(servers.prefix(self.serverLimit))
    }

    /// Nothing of a file that cannot be read.
    static func read(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Self.byteLimit)
        let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
