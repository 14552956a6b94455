// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CurlTransfer
import RunPlan
import RunVocabulary

/// Handshakes, and what certificates say.
extension LiveProbeRunner {
    func askTLS(_ asked: TLSQuestion<String>, of node: Node?, _ timeout: Milliseconds) async -> [String: Fact] {
        guard let transfer = self.transfer else {
            return ["problem": .string("TLS cannot be asked from here")]
        }
        let place: HostAndPort
        if let address = asked.address {
            guard let known = HostAndPort(address) else {
                return ["problem": .string("'\(address)' is no host with a port")]
            }
            place = known
        } else {
            guard let node, let name = asked.port, let port = node.port(named: name).flatMap({ UInt16(exactly: $0) }),
                let known = HostAndPort(host: node.host, port: port)
            else {
                return ["problem": .string("there is no port '\(asked.port ?? "")' to ask")]
            }
            place = known
        }
        let handshake = TLSHandshake(
            address: place.host,
            port: place.port,
            name: asked.name,
            timeout: timeout.duration,
            trustedAuthorities: self.trustedAuthorities
        )
        let start = ContinuousClock.now
        do throws(TransferError) {
            var facts = Self.facts(try await transfer.shakeHands(handshake), now: SystemWallClock().now)
            facts["latency"] = .span(Milliseconds(ContinuousClock.now - start))
            return facts
        } catch {
            switch error.code {
            case .refused: return ["answered": .bool(false), "problem": .string("connection refused")]
            default: return ["problem": .string(error.message)]
            }
        }
    }

    static func facts(_ outcome: TLSHandshake.Outcome, now: Instant) -> [String: Fact] {
        switch outcome {
        // Whoever sends an alert speaks TLS, and lives; why it sent one is for a person to read.
        case .alerted(let text):
            return ["answered": .bool(true), "problem": .string("the server ended the handshake: \(text)")]
        case .noTLS(let text): return ["answered": .bool(false), "problem": .string("not TLS: \(text)")]
        case .met(let peer, let distrust):
            var facts: [String: Fact] = [
                "answered": .bool(true), "trusted": .bool(distrust == nil), "problem": .string(distrust ?? ""),
                "names": .strings(peer.names),
            ]
            facts["subject"] = peer.subject.map { .string($0) }
            facts["issuer"] = peer.issuer.map { .string($0) }
            facts["protocol"] = peer.version.map { .string($0) }
            if let end = peer.notAfter {
                facts["not_after"] = .moment(Instant(milliseconds: end * 1_000))
                facts["days_left"] = .int(Self.wholeDays(end * 1_000 - now.milliseconds))
            }
            return facts
        }
    }

    /// Rounded down, so that a certificate which is over by an hour has -1 days left.
    private static func wholeDays(_ milliseconds: Int64) -> Int64 {
        let day: Int64 = 86_400_000
        let (days, rest) = milliseconds.quotientAndRemainder(dividingBy: day)
        return rest < 0 ? days - 1 : days
    }
}
