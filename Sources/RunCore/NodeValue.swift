// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Nodes as expressions see them: what the inventory says of them and what was last observed.
enum NodeValue {
    static func value(of name: NodeName, in context: RunContext) -> CELValue {
        guard let node = context.binding.inventory[name] else {
            return .unknown(CELUnknown("'\(name)' is not in the inventory"))
        }
        var fields: [String: CELValue] = [
            "name": .string(name.text),
            "host": .string(node.host),
            "id": node.id.map { .int(Int64($0)) } ?? .unknown(CELUnknown("\(name) has no id in the inventory")),
            "datacenter": .string(node.datacenter),
            "rack": .string(node.rack),
            "data_dir": .string(node.dataFolder ?? ""),
            "log_dir": .string(node.logFolder ?? node.dataFolder ?? ""),
            "roles": .list(node.roles.map { .string($0) }),
            "voter": .bool(node.isVoter),
            "labels": .map(CELMap(strings: node.labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
        ]
        self.addFacts(about: name, to: &fields, in: context)
        return .record(CELRecord(ResultTypes.node.name, identity: name.text, fields: self.list(fields)))
    }

    private static func addFacts(about name: NodeName, to fields: inout [String: CELValue], in context: RunContext) {
        guard let observation = context.observation(of: name) else {
            let unknown = CELValue.unknown(CELUnknown("\(name) has not been observed"))
            for field in ResultTypes.observedFieldNames {
                fields[field] = unknown
            }
            fields["observed_at"] = unknown
            return
        }
        for field in ResultTypes.observedFieldNames {
            fields[field] =
                observation.facts[field]?.value
                ?? .unknown(CELUnknown("\(name): '\(field)' was not observed\(self.cause(in: observation.facts))"))
        }
        fields["observed_at"] = observation.asked.at.value
    }

    /// Why a field is missing, as far as the report says.
    private static func cause(in facts: [String: Fact]) -> String {
        guard case .string(let problem) = facts["problem"], !problem.isEmpty else {
            return ""
        }
        return ": \(problem)"
    }

    /// The record of one target's result: what was asked for and not answered is unknown, with the reason.
    static func result(
        _ type: CELRecordType,
        target: NodeName?,
        facts: [String: Fact],
        in context: RunContext
    ) -> CELValue {
        var fields: [String: CELValue] = [:]
        let who = target?.text ?? "the engine"
        for field in type.fields {
            fields[field.name] =
                facts[field.name]?.value
                ?? .unknown(CELUnknown("\(who): '\(field.name)' is not known\(self.cause(in: facts))"))
        }
        fields["target"] = target.map { self.value(of: $0, in: context) } ?? .null
        return .record(CELRecord(type.name, fields: self.list(fields)))
    }

    private static func list(_ fields: [String: CELValue]) -> [CELRecord.Field] {
        fields.map { CELRecord.Field($0.key, $0.value) }
    }

    /// The nodes that a value is or holds.
    static func names(in value: CELValue) -> [NodeName] {
        switch value {
        case .record(let record):
            guard record.typeName == ResultTypes.node.name, let identity = record.identity else {
                return []
            }
            return [NodeName(identity)]
        case .list(let elements): return elements.flatMap { self.names(in: $0) }
        default: return []
        }
    }

    /// The same value with today's facts in place of those it was made with.
    static func refreshed(_ value: CELValue, in context: RunContext) -> CELValue {
        switch value {
        case .record(let record):
            guard record.typeName == ResultTypes.node.name, let identity = record.identity else {
                return value
            }
            return self.value(of: NodeName(identity), in: context)
        case .list(let elements): return .list(elements.map { self.refreshed($0, in: context) })
        default: return value
        }
    }
}
