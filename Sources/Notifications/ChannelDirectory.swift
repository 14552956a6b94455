// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CurlTransfer

/// What is wrong with one channel's configuration.
struct ChannelProblem: Error, Hashable, Sendable {
    let message: String

    init(_ message: String) {
        self.message = message
    }
}

/// The channels by their names, checked.
package struct ChannelDirectory: Sendable {
    /// Why a configuration was refused, channel by channel in the order of their names.
    package struct Invalid: Error, Hashable, Sendable, CustomStringConvertible {
        package struct Problem: Hashable, Sendable {
            package var channel: String
            package var message: String
        }

        package var problems: [Problem]

        package var description: String {
            self.problems.map { "channel '\($0.channel)': \($0.message)" }.joined(separator: "\n")
        }
    }

    struct Entry: Sendable {
        let channel: any Channel
        /// Places of this channel alone, so that a slow one delays no other.
        let places: DeliveryPlaces
    }

    private let entries: [String: Entry]

    /// Checks every channel and finds all problems at once; nothing is sent.
    ///
    /// `unixMilliseconds` is the wall clock, for the moment of sending that a webhook's signature covers.
    package init(
        _ configurations: [String: ChannelConfiguration],
        transfer: CurlTransfer,
        unixMilliseconds: @escaping @Sendable () -> Int64
    ) throws(Invalid) {
        var entries: [String: Entry] = [:]
        var problems: [Invalid.Problem] = []
        for (name, configuration) in configurations.sorted(by: { $0.key < $1.key }) {
            do throws(ChannelProblem) {
                let channel: any Channel =
                    switch configuration {
                    case .smtp(let smtp): try MailChannel(smtp, transfer: transfer)
                    case .webhook(let webhook):
                        try WebhookChannel(webhook, transfer: transfer, unixMilliseconds: unixMilliseconds)
                    case .slack(let slack): try SlackChannel(slack, transfer: transfer)
                    case .file(let path): try FileChannel(path: path)
                    }
                entries[name] = Entry(channel: channel, places: DeliveryPlaces())
            } catch {
                problems.append(Invalid.Problem(channel: name, message: error.message))
            }
        }
        guard problems.isEmpty else { throw Invalid(problems: problems) }
        self.entries = entries
    }

    /// For tests: channels that are not made from configuration.
    init(_ channels: [String: any Channel]) {
        self.entries = channels.mapValues { Entry(channel: $0, places: DeliveryPlaces()) }
    }

    package var names: [String] { self.entries.keys.sorted() }

    subscript(name: String) -> Entry? { self.entries[name] }
}
