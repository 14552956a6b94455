// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// Reads what is sent to us; whoever sends it is not trusted with more than a few bytes and levels.
package enum AlertReader {
    /// Why a message was not taken, for its sender.
    package struct Refusal: Error, Hashable, Sendable {
        package let message: String

        init(_ message: String) {
            self.message = message
        }
    }

    package static let depthLimit = 16
    package static let alertLimit = 1_000
    package static let labelLimit = 64
    package static let labelBytes = 4_096

    /// The alerts of a message of Alertmanager's webhook, version 4.
    package static func alertmanager(_ body: [UInt8]) throws(Refusal) -> [Alert] {
        let message = try self.object(body)
        guard message["version"]?.stringValue == "4" else {
            throw Refusal("this is no message of Alertmanager's webhook, version 4: 'version' is not \"4\"")
        }
        guard let alerts = message["alerts"]?.arrayValue else {
            throw Refusal("'alerts' is not there, or no list")
        }
        guard alerts.count <= self.alertLimit else {
            throw Refusal("\(alerts.count) alerts in one message; \(self.alertLimit) is the limit")
        }
        var result: [Alert] = []
        for (index, alert) in alerts.enumerated() {
            result.append(try self.alert(alert, "alerts[\(index)]"))
        }
        return result
    }

    private static func alert(_ alert: JSON, _ place: String) throws(Refusal) -> Alert {
        let isFiring: Bool
        switch alert["status"]?.stringValue {
        case "firing": isFiring = true
        case "resolved": isFiring = false
        default: throw Refusal("\(place): 'status' is neither \"firing\" nor \"resolved\"")
        }
        guard let members = alert["labels"]?.members else {
            throw Refusal("\(place): 'labels' is not there, or no object")
        }
        var labels: [String: String] = [:]
        for member in members {
            guard let value = member.value.stringValue else {
                throw Refusal("\(place): the label '\(member.name.prefix(60))' is no string")
            }
            labels[member.name] = value
        }
        try self.check(labels, place)
        guard let name = labels["alertname"], !name.isEmpty else {
            throw Refusal("\(place): there is no label 'alertname'")
        }
        let began = alert["startsAt"]?.stringValue ?? ""
        guard began.utf8.count <= 64 else {
            throw Refusal("\(place): 'startsAt' is no moment")
        }
        return Alert(kind: .alert, name: name, labels: labels, isFiring: isFiring, began: began)
    }

    /// What was posted to a webhook of ours: every text, number and truth value at the top is a label.
    ///
    /// `status: resolved` ends what the same labels began. The identifier tells one delivery from the next; the same one again is the
    /// same delivery.
    package static func webhook(_ name: String, _ body: [UInt8], identifier: String) throws(Refusal) -> Alert {
        var labels: [String: String] = [:]
        var isFiring = true
        for member in body.isEmpty ? [] : try self.object(body).members ?? [] {
            switch member.value {
            case .string(let text) where member.name == "status":
                isFiring = text != "resolved"
            case .string(let text): labels[member.name] = text
            case .int(let number): labels[member.name] = "\(number)"
            case .bool(let value): labels[member.name] = "\(value)"
            case .double(let number): labels[member.name] = "\(number)"
            case .null, .array, .object: break
            }
        }
        try self.check(labels, "the body")
        return Alert(kind: .webhook, name: name, labels: labels, isFiring: isFiring, began: identifier)
    }

    private static func object(_ body: [UInt8]) throws(Refusal) -> JSON {
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: body, limits: JSONLimits(depth: self.depthLimit))
        } catch {
            throw Refusal("the body is no JSON that we take: \(error)")
        }
        guard json.members != nil else {
            throw Refusal("the body is \(json.kindName), not an object")
        }
        return json
    }

    private static func check(_ labels: [String: String], _ place: String) throws(Refusal) {
        guard labels.count <= self.labelLimit else {
            throw Refusal("\(place): \(labels.count) labels; \(self.labelLimit) is the limit")
        }
        for (name, value) in labels.sorted(by: { $0.key < $1.key }) {
            guard name.utf8.count + value.utf8.count <= self.labelBytes else {
                throw Refusal(
                    "\(place): the label '\(name.prefix(60))' is longer than \(self.labelBytes) bytes"
                )
            }
            // The store keeps text, and text of ours has no zero byte.
            guard !name.utf8.contains(0), !value.utf8.contains(0) else {
                throw Refusal("\(place): the label '\(name.prefix(60).filter { $0 != "\0" })' contains a zero byte")
            }
        }
    }
}
