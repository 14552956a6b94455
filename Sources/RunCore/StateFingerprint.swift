// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// 128 bits that tell apart what can behave differently from now on.
///
/// Two chains of multiply and rotate over the same words, with different constants. It is for searches within one process and is
/// never stored.
package struct StateFingerprint: Hashable, Sendable {
    package private(set) var low: UInt64 = 0x9e37_79b9_7f4a_7c15
    package private(set) var high: UInt64 = 0xc2b2_ae3d_27d4_eb4f

    package init() {}

    package mutating func mix(_ word: UInt64) {
        self.low = Self.stir((self.low ^ word) &* 0xff51_afd7_ed55_8ccd)
        self.high = Self.stir((self.high &+ word) &* 0xc4ce_b9fe_1a85_ec53)
    }

    private static func stir(_ word: UInt64) -> UInt64 {
        (word ^ (word >> 29)) &* 0x9fb2_1c65_1e98_df25
    }

    package mutating func mix(_ flag: Bool) {
        self.mix(flag ? 1 as UInt64 : 0)
    }

    package mutating func mix(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var position = 0
            while position + 8 <= bytes.count {
                let word = UnsafeRawBufferPointer(bytes).loadUnaligned(fromByteOffset: position, as: UInt64.self)
                self.mix(word)
                position += 8
            }
            var rest: UInt64 = 0
            while position < bytes.count {
                rest = rest << 8 | UInt64(bytes[position])
                position += 1
            }
            self.mix(rest)
            self.mix(UInt64(bytes.count))
        }
    }

    // MARK: Parts of a run

    mutating func mix(_ fact: Fact) {
        switch fact {
        case .bool(let bool): self.mix(bool ? 2 : 3)
        case .int(let int):
            self.mix(4)
            self.mix(UInt64(bitPattern: int))
        case .string(let string):
            self.mix(5)
            self.mix(string)
        case .span(let span):
            self.mix(6)
            self.mix(UInt64(bitPattern: span.count))
        case .strings(let strings):
            self.mix(7)
            for string in strings {
                self.mix(string)
            }
        case .unknown: self.mix(8)
        case .double(let double):
            self.mix(9)
            self.mix(double.bitPattern)
        case .moment(let moment):
            self.mix(10)
            self.mix(UInt64(bitPattern: moment.milliseconds))
        case .samples(let samples):
            self.mix(11)
            for sample in samples {
                for (name, value) in sample.labels.sorted(by: { $0.key < $1.key }) {
                    self.mix(name)
                    self.mix(value)
                }
                self.mix(sample.value.bitPattern)
            }
            self.mix(UInt64(samples.count))
        }
    }

    mutating func mix(_ facts: [String: Fact]) {
        for name in facts.keys.sorted() {
            self.mix(name)
            self.mix(facts[name] ?? .unknown(""))
        }
        self.mix(UInt64(facts.count))
    }

    mutating func mix(_ reports: [ProbeReport]) {
        for report in reports {
            self.mix(report.target?.text ?? "")
            self.mix(report.facts)
        }
        self.mix(UInt64(reports.count))
    }

    mutating func mix(_ report: CommandReport?) {
        guard let report else {
            self.mix(0)
            return
        }
        switch report.ending {
        case .exited(let status): self.mix(UInt64(bitPattern: Int64(status)) &+ 100)
        case .signalled: self.mix(1)
        case .timedOut: self.mix(2)
        case .stopped: self.mix(3)
        case .notSent: self.mix(4)
        case .inDoubt: self.mix(5)
        }
        self.mix(report.standardOutput)
        self.mix(report.standardError)
    }

    mutating func mix(_ order: ProbeOrder) {
        for target in order.targets {
            self.mix(target.text)
        }
    }

    mutating func mix(_ values: [CELValue], _ view: PlanRelevance) {
        for value in values {
            self.mix(value, view)
        }
        self.mix(UInt64(values.count))
    }

    /// Why something is unknown is left out: it decides nothing.
    mutating func mix(_ value: CELValue, _ view: PlanRelevance) {
        switch value {
        case .null: self.mix(10)
        case .bool(let bool): self.mix(bool ? 11 : 12)
        case .int(let int):
            self.mix(13)
            self.mix(UInt64(bitPattern: int))
        case .uint(let uint):
            self.mix(14)
            self.mix(uint)
        case .double(let double):
            self.mix(15)
            self.mix(double.bitPattern)
        case .string(let string):
            self.mix(16)
            self.mix(string)
        case .bytes(let bytes):
            self.mix(17)
            for byte in bytes {
                self.mix(UInt64(byte))
            }
            self.mix(UInt64(bytes.count))
        case .timestamp(let timestamp):
            self.mix(18)
            self.mix(String(describing: timestamp))
        case .duration(let duration):
            self.mix(19)
            self.mix(UInt64(bitPattern: duration.nanoseconds))
        case .list(let elements):
            self.mix(20)
            self.mix(elements, view)
        case .optional(let wrapped):
            self.mix(30)
            if let wrapped {
                self.mix(wrapped, view)
            }
        case .map(let map):
            self.mix(21)
            for entry in map.entries {
                self.mix(entry.key, view)
                self.mix(entry.value, view)
            }
        case .record(let record): self.mix(record, view)
        case .type(let name):
            self.mix(23)
            self.mix(name)
        case .unknown: self.mix(24)
        case .partialList(let list):
            self.mix(25)
            for element in list.elements {
                self.mix(element.isDefinite)
                self.mix(element.value, view)
            }
        case .interval(let interval):
            self.mix(26)
            self.mix(UInt64(bitPattern: interval.lowest))
            self.mix(UInt64(bitPattern: interval.highest))
        }
    }

    private mutating func mix(_ record: CELRecord, _ view: PlanRelevance) {
        self.mix(22)
        self.mix(record.identity ?? record.typeName)
        // A node is looked at anew wherever its name is read; what was known of it when a result came in matters if that is read.
        guard record.identity == nil || view.readsTargetFacts else {
            return
        }
        for field in record.fields where view.isRead(field: field.name) {
            self.mix(field.name)
            self.mix(field.value, view)
        }
    }
}
