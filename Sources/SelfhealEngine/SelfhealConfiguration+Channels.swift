// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CurlTransfer
import Notifications
import RunVocabulary
import SelfhealConfiguration
import WorldAdapters

extension SelfhealConfiguration {
    /// The channels of the configuration, ready to deliver.
    func directory(over transfer: CurlTransfer) throws(EngineError) -> ChannelDirectory {
        var channels: [String: ChannelConfiguration] = [:]
        for channel in self.channels {
            channels[channel.name] = ChannelConfiguration(channel.kind)
        }
        do {
            return try ChannelDirectory(channels, transfer: transfer) { SystemWallClock().now.milliseconds }
        } catch {
            let problems = error.problems.map { "channel '\($0.channel)': \($0.message)" }
            throw EngineError(problems.joined(separator: "\n"))
        }
    }
}

extension ChannelConfiguration {
    fileprivate init(_ kind: Channel.Kind) {
        switch kind {
        case .smtp(let mail):
            self = .smtp(
                SMTP(
                    server: mail.server,
                    requireTLS: MailEnvelope.TLSRequirement(mail.encryption),
                    credentials: mail.credentials.map {
                        MailEnvelope.Credentials(user: $0.user, password: $0.password)
                    },
                    from: mail.from,
                    to: mail.to,
                    trustedAuthorities: mail.trustedAuthorities
                )
            )
        case .webhook(let webhook):
            self = .webhook(
                Webhook(
                    url: webhook.url,
                    headers: webhook.headers.map { ($0.name, $0.value) },
                    signingKey: webhook.signingKey,
                    trustedAuthorities: webhook.trustedAuthorities
                )
            )
        case .slack(let url): self = .slack(Slack(url: url))
        case .file(let path): self = .file(path: path)
        case .console: self = .file(path: "/dev/stderr")
        }
    }
}

extension MailEnvelope.TLSRequirement {
    fileprivate init(_ encryption: Channel.Mail.Encryption) {
        switch encryption {
        case .required: self = .required
        case .opportunistic: self = .opportunistic
        case .never: self = .never
        }
    }
}
