// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
package import RunVocabulary

/// An event as the journal keeps it.
///
/// Kinds and field names are spelled out here and are never changed or reused: a journal outlives the engine that wrote it.
package struct EventRecord: Hashable, Sendable {
    package var kind: String
    package var at: Instant
    /// JSON text.
    package var body: [UInt8]

    package init(kind: String, at: Instant, body: [UInt8]) {
        self.kind = kind
        self.at = at
        self.body = body
    }
}

extension RunEvent {
    private enum Kind: String {
        case started = "run.started"
        case refused = "run.refused"
        case resumed = "run.resumed"
        case observed = "facts.observed"
        case probed = "probe.finished"
        case began = "effect.began"
        case ended = "effect.ended"
        case voted = "gate.voted"
        case told = "notice.told"
        case clockReached = "clock.reached"
        case cancelRequested = "run.cancel_requested"
        case settled = "effect.settled"
        case triggerCleared = "run.trigger_cleared"
    }

    // MARK: Writing

    package var record: EventRecord {
        var writer = JSONWriter(reservingCapacity: 160)
        writer.beginObject()
        let kind = self.write(to: &writer)
        writer.endObject()
        return EventRecord(kind: kind.rawValue, at: self.moment, body: writer.bytes)
    }

    private func write(to writer: inout JSONWriter) -> Kind {
        switch self {
        case .started: return .started
        case .refused(let reason, _):
            writer.field("reason", reason)
            return .refused
        case .resumed: return .resumed
        case .clockReached: return .clockReached
        case .observed(let request, let reports, _):
            Self.write(request, reports, to: &writer)
            return .observed
        case .probed(let request, let reports, _):
            Self.write(request, reports, to: &writer)
            return .probed
        case .began(let effect, _):
            writer.field("effect", effect.text)
            return .began
        case .ended(let effect, let report, _):
            writer.field("effect", effect.text)
            report.write(to: &writer)
            return .ended
        case .voted(let step, let vote, _):
            writer.field("step", step.text)
            vote.write(to: &writer)
            return .voted
        case .told(let notice, let deliveries, _):
            writer.field("notice", notice.text)
            Self.write(deliveries, to: &writer)
            return .told
        case .cancelRequested(let person, let because, _):
            writer.field("by", person.text)
            writer.field("because", because)
            return .cancelRequested
        case .settled(let step, let settlement, _):
            writer.field("step", step.text)
            if let target = settlement.target {
                writer.field("target", target.text)
            }
            writer.field("happened", settlement.happened)
            writer.field("by", settlement.by.text)
            writer.field("because", settlement.because)
            return .settled
        case .triggerCleared(let what, _):
            writer.field("what", what)
            return .triggerCleared
        }
    }

    private static func write(_ request: RequestID, _ reports: [ProbeReport], to writer: inout JSONWriter) {
        writer.field("request", request.number)
        writer.key(literal: "reports")
        writer.beginArray()
        for report in reports {
            writer.beginObject()
            if let target = report.target {
                writer.field("target", target.text)
            }
            writer.key(literal: "facts")
            writer.beginObject()
            for (name, fact) in report.facts.sorted(by: { $0.key < $1.key }) {
                writer.key(name)
                fact.write(to: &writer)
            }
            writer.endObject()
            writer.endObject()
        }
        writer.endArray()
    }

    private static func write(_ deliveries: [Delivery], to writer: inout JSONWriter) {
        writer.key(literal: "deliveries")
        writer.beginArray()
        for delivery in deliveries {
            writer.beginObject()
            writer.field("channel", delivery.channel)
            if let failure = delivery.failure {
                writer.field("failure", failure)
            }
            writer.endObject()
        }
        writer.endArray()
    }

    // MARK: Reading

    /// Reads an event back.
    ///
    /// - Throws: ``ReplayError`` when the kind is not known or the body is not what this kind has.
    package init(_ record: EventRecord) throws(ReplayError) {
        guard let kind = Kind(rawValue: record.kind) else {
            throw ReplayError("this version knows no event of the kind '\(record.kind)'")
        }
        let body: JSON
        do {
            body = try JSON(parsing: record.body)
        } catch {
            throw ReplayError("the event is damaged: \(error)")
        }
        let reader = RecordReader(body: body, kind: record.kind)
        let at = record.at
        switch kind {
        case .started: self = .started(at: at)
        case .refused: self = .refused(reason: try reader.text("reason"), at: at)
        case .resumed: self = .resumed(at: at)
        case .clockReached: self = .clockReached(at: at)
        case .observed: self = .observed(try reader.request(), reports: try reader.reports(), at: at)
        case .probed: self = .probed(try reader.request(), reports: try reader.reports(), at: at)
        case .began: self = .began(EffectID(try reader.text("effect")), at: at)
        case .ended: self = .ended(EffectID(try reader.text("effect")), try CommandReport(reader), at: at)
        case .voted: self = .voted(StepKey(try reader.text("step")), try Vote(reader), at: at)
        case .told: self = .told(NoticeID(try reader.text("notice")), deliveries: try reader.deliveries(), at: at)
        case .cancelRequested:
            self = .cancelRequested(
                by: PersonName(try reader.text("by")),
                because: try reader.text("because"),
                at: at
            )
        case .settled: self = .settled(StepKey(try reader.text("step")), try Settlement(reader), at: at)
        case .triggerCleared: self = .triggerCleared(what: try reader.text("what"), at: at)
        }
    }
}

/// Takes typed fields out of a record's body.
struct RecordReader {
    let body: JSON
    let kind: String

    func text(_ name: String) throws(ReplayError) -> String {
        guard let text = self.body[name]?.stringValue else {
            throw ReplayError("an event '\(self.kind)' has no text '\(name)'")
        }
        return text
    }

    func optionalText(_ name: String) -> String? {
        self.body[name]?.stringValue
    }

    func bool(_ name: String) throws(ReplayError) -> Bool {
        guard let bool = self.body[name]?.boolValue else {
            throw ReplayError("an event '\(self.kind)' has no '\(name)'")
        }
        return bool
    }

    func number(_ name: String) throws(ReplayError) -> Int {
        guard let number = self.body[name]?.intValue else {
            throw ReplayError("an event '\(self.kind)' has no number '\(name)'")
        }
        return Int(number)
    }

    func list(_ name: String) throws(ReplayError) -> [JSON] {
        guard let list = self.body[name]?.arrayValue else {
            throw ReplayError("an event '\(self.kind)' has no list '\(name)'")
        }
        return list
    }

    func request() throws(ReplayError) -> RequestID {
        RequestID(try self.number("request"))
    }

    func reports() throws(ReplayError) -> [ProbeReport] {
        var reports: [ProbeReport] = []
        for json in try self.list("reports") {
            let reader = RecordReader(body: json, kind: self.kind)
            var facts: [String: Fact] = [:]
            for member in json["facts"]?.members ?? [] {
                guard let fact = Fact(json: member.value) else {
                    throw ReplayError("an event '\(self.kind)' has a fact '\(member.name)' that is none")
                }
                facts[member.name] = fact
            }
            reports.append(ProbeReport(target: reader.optionalText("target").map { NodeName($0) }, facts: facts))
        }
        return reports
    }

    func deliveries() throws(ReplayError) -> [Delivery] {
        var deliveries: [Delivery] = []
        for json in try self.list("deliveries") {
            let reader = RecordReader(body: json, kind: self.kind)
            deliveries.append(
                Delivery(channel: try reader.text("channel"), failure: reader.optionalText("failure"))
            )
        }
        return deliveries
    }
}

extension CommandReport {
    fileprivate func write(to writer: inout JSONWriter) {
        switch self.ending {
        case .exited(let status):
            writer.field("ending", "exited")
            writer.field("status", status)
        case .signalled(let name):
            writer.field("ending", "signalled")
            writer.field("signal", name)
        case .timedOut: writer.field("ending", "timed_out")
        case .stopped: writer.field("ending", "stopped")
        case .notSent(let reason):
            writer.field("ending", "not_sent")
            writer.field("reason", reason)
        case .inDoubt(let reason, let mayStillRun):
            writer.field("ending", "in_doubt")
            writer.field("reason", reason)
            writer.field("may_still_run", mayStillRun)
        }
        if !self.standardOutput.isEmpty {
            writer.field("stdout", self.standardOutput)
        }
        if !self.standardError.isEmpty {
            writer.field("stderr", self.standardError)
        }
        if self.isOutputCut {
            writer.field("cut", true)
        }
    }

    fileprivate init(_ reader: RecordReader) throws(ReplayError) {
        let ending: Ending
        switch try reader.text("ending") {
        case "exited": ending = .exited(status: try reader.number("status"))
        case "signalled": ending = .signalled(name: try reader.text("signal"))
        case "timed_out": ending = .timedOut
        case "stopped": ending = .stopped
        case "not_sent": ending = .notSent(reason: try reader.text("reason"))
        case "in_doubt":
            // Records of older engines do not say: the worse is taken for true.
            let mayStillRun = reader.body["may_still_run"]?.boolValue ?? true
            ending = .inDoubt(reason: try reader.text("reason"), mayStillRun: mayStillRun)
        case let other: throw ReplayError("a command cannot have ended by '\(other)'")
        }
        self.init(
            ending,
            standardOutput: reader.optionalText("stdout") ?? "",
            standardError: reader.optionalText("stderr") ?? "",
            isOutputCut: reader.body["cut"]?.boolValue ?? false
        )
    }
}

extension Vote {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.field("person", self.person.text)
        writer.key(literal: "roles")
        writer.beginArray()
        for role in self.roles {
            writer.value(role)
        }
        writer.endArray()
        writer.field("decision", self.decision.rawValue)
        writer.field("digest", self.digest)
        writer.field("comment", self.comment)
    }

    fileprivate init(_ reader: RecordReader) throws(ReplayError) {
        guard let decision = Decision(rawValue: try reader.text("decision")) else {
            throw ReplayError("a vote is granted or denied")
        }
        self.init(
            person: PersonName(try reader.text("person")),
            roles: try reader.list("roles").compactMap(\.stringValue),
            decision: decision,
            digest: try reader.text("digest"),
            comment: try reader.text("comment")
        )
    }
}

extension Settlement {
    fileprivate init(_ reader: RecordReader) throws(ReplayError) {
        self.init(
            target: reader.optionalText("target").map { NodeName($0) },
            happened: try reader.bool("happened"),
            by: PersonName(try reader.text("by")),
            because: try reader.text("because")
        )
    }
}

extension Fact {
    fileprivate func write(to writer: inout JSONWriter) {
        switch self {
        case .bool(let bool): writer.value(bool)
        case .int(let int): writer.value(int)
        case .string(let string): writer.value(string)
        case .strings(let strings):
            writer.beginArray()
            for string in strings {
                writer.value(string)
            }
            writer.endArray()
        case .span(let span):
            writer.beginObject()
            writer.field("ms", span.count)
            writer.endObject()
        case .unknown(let reason):
            writer.beginObject()
            writer.field("unknown", reason)
            writer.endObject()
        case .double(let double):
            writer.beginObject()
            writer.field("double", double)
            writer.endObject()
        case .moment(let moment):
            writer.beginObject()
            writer.field("at", moment.milliseconds)
            writer.endObject()
        case .samples(let samples):
            writer.beginObject()
            writer.key(literal: "samples")
            writer.beginArray()
            for sample in samples {
                sample.write(to: &writer)
            }
            writer.endArray()
            writer.endObject()
        }
    }

    fileprivate init?(json: JSON) {
        switch json {
        case .bool(let bool): self = .bool(bool)
        case .int(let int): self = .int(int)
        case .string(let string): self = .string(string)
        case .array(let elements): self = .strings(elements.compactMap(\.stringValue))
        case .object:
            if let reason = json["unknown"]?.stringValue {
                self = .unknown(reason)
            } else if let count = json["ms"]?.intValue {
                self = .span(Milliseconds(count))
            } else if let double = json["double"].flatMap(Self.double) {
                self = .double(double)
            } else if let moment = json["at"]?.intValue {
                self = .moment(Instant(milliseconds: moment))
            } else if let samples = json["samples"]?.arrayValue {
                self = .samples(samples.compactMap(Sample.init))
            } else {
                return nil
            }
        case .null, .double: return nil
        }
    }

    /// What JSON cannot say as a number is the text that the writer makes of it.
    fileprivate static func double(_ json: JSON) -> Double? {
        switch json.stringValue {
        case "NaN": .nan
        case "Infinity": .infinity
        case "-Infinity": -.infinity
        case .some: nil
        case nil: json.doubleValue
        }
    }
}

extension Fact.Sample {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key(literal: "labels")
        writer.beginObject()
        for (name, value) in self.labels.sorted(by: { $0.key < $1.key }) {
            writer.key(name)
            writer.value(value)
        }
        writer.endObject()
        writer.field("value", self.value)
        writer.endObject()
    }

    fileprivate init?(_ json: JSON) {
        guard let value = json["value"].flatMap(Fact.double), let labels = json["labels"]?.members else {
            return nil
        }
        self.init(
            labels: Dictionary(labels.map { ($0.name, $0.value.stringValue ?? "") }, uniquingKeysWith: { $1 }),
            value: value
        )
    }
}
