// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Nodes as expressions see them: what the inventory says of them and what was last observed.
enum NodeValue {
    /// With some of its fields alone, for whoever knows that no other is asked for.
    static func value(of name: NodeName, in context: RunContext, only wanted: Set<String>? = nil) -> CELValue {
        guard let node = context.binding.inventory[name] else {
            return .unknown(CELUnknown("'\(name)' is not in the inventory"))
        }
        let names = wanted.map { wanted in ResultTypes.node.fields.map(\.name).filter { wanted.contains($0) } }
        let fields = (names ?? ResultTypes.node.fields.map(\.name)).map { field in
            CELRecord.Field(field, self.told(field, by: node) ?? self.observed(field, of: name, in: context))
        }
        return .record(CELRecord(ResultTypes.node.name, identity: name.text, fields: fields))
    }

    /// The node as the inventory alone has it.
    static func unobserved(_ node: Node) -> CELValue {
        let unknown = CELValue.unknown(CELUnknown("a monitor does not know what others observed"))
        let fields = ResultTypes.node.fields.map { field in
            CELRecord.Field(field.name, self.told(field.name, by: node) ?? unknown)
        }
        return .record(CELRecord(ResultTypes.node.name, identity: node.name.text, fields: fields))
    }

    /// What the inventory says.
    private static func told(_ field: String, by node: Node) -> CELValue? {
        switch field {
        case "name": .string(node.name.text)
        case "host": .string(node.host)
        case "id": node.id.map { .int(Int64($0)) } ?? .unknown(CELUnknown("\(node.name) has no id in the inventory"))
        case "datacenter": .string(node.datacenter)
        case "rack": .string(node.rack)
        case "data_dir": .string(node.dataFolder ?? "")
        case "log_dir": .string(node.logFolder ?? node.dataFolder ?? "")
        case "roles": .list(node.roles.map { .string($0) })
        case "voter": .bool(node.isVoter)
        case "labels":
            .map(CELMap(strings: node.labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        default: nil
        }
    }

    private static func observed(_ field: String, of name: NodeName, in context: RunContext) -> CELValue {
        guard let observation = context.observation(of: name) else {
            return .unknown(CELUnknown("\(name) has not been observed"))
        }
        guard field != "observed_at" else {
            return observation.asked.at.value
        }
        return observation.facts[field]?.value
            ?? .unknown(CELUnknown("\(name): '\(field)' was not observed\(self.cause(in: observation.facts))"))
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
        let node = target.map { self.value(of: $0, in: context) } ?? .null
        return self.result(type, of: target?.text ?? "the engine", node, facts: facts)
    }

    /// The same, where the target's own record is known.
    static func result(
        _ type: CELRecordType,
        of who: String,
        _ target: CELValue,
        facts: [String: Fact]
    ) -> CELValue {
        var fields: [String: CELValue] = [:]
        for field in type.fields {
            fields[field.name] =
                facts[field.name]?.value
                ?? .unknown(CELUnknown("\(who): '\(field.name)' is not known\(self.cause(in: facts))"))
        }
        fields["target"] = target
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
