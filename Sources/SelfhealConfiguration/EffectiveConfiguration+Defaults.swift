// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPlan
import RunVocabulary

/// What nobody wrote, and is so nevertheless.
extension EffectiveConfiguration {
    mutating func addDefaults(of configuration: SelfhealConfiguration) {
        let watch = configuration.watch
        let seconds = { (length: Milliseconds) in JSON.string(length.description) }
        let number = { (value: Int) in JSON.int(Int64(value)) }
        let defaults: [(path: [String], value: JSON)] = [
            (["cluster", "name"], .string(configuration.inventory.clusterName)),
            (["monitoring", "interval"], seconds(watch.every)), (["monitoring", "timeout"], seconds(watch.timeout)),
            (["monitoring", "down_after"], number(watch.downAfter)),
            (["monitoring", "up_after"], number(watch.upAfter)),
            (["watch", "ask", "timeout"], seconds(watch.askFor)), (["watch", "cooldown"], seconds(watch.cooldown)),
            (["watch", "concurrent_runs"], number(watch.concurrentRuns)),
            (["watch", "panic_threshold"], number(watch.panicThreshold)),
            (["watch", "limit", "runs"], number(watch.limit)),
            (["watch", "limit", "within"], seconds(watch.limitWindow)),
            (["watch", "brake", "ask_after"], number(watch.startsBeforeAsking)),
            (["watch", "brake", "refuse_after"], number(watch.startsBeforeRefusing)),
            (["watch", "brake", "within"], seconds(watch.brakeWindow)),
            (["store", "folder"], .string(configuration.storeFolder)),
            (["security", "requester_may_approve"], .bool(configuration.requesterMayApprove)),
            (["security", "speak_for_others"], .bool(configuration.allowsSpeakingForOthers)),
        ]
        for (path, value) in defaults {
            self.root.add(.scalar(value, .default), at: path[...])
        }
        for (list, port, portName) in [("zookeeper_nodes", 2_181, "client"), ("kafka_brokers", 9_092, "broker")] {
            self.root.changeElements(at: ["cluster", list]) { node in
                if node["ports"]?[portName] == nil {
                    node.add(.scalar(number(port), .default), at: ["port"])
                }
                if portName == "client" {
                    node.add(.scalar(.bool(true), .default), at: ["voter"])
                }
            }
        }
    }
}

extension EffectiveConfiguration.Value {
    package subscript(_ key: String) -> Self? {
        guard case .mapping(let members) = self else {
            return nil
        }
        return members.first { $0.key == key }?.value
    }

    /// Adds a value where there is none, neither under this name of the key nor under another.
    fileprivate mutating func add(_ value: Self, at path: ArraySlice<String>) {
        guard let key = path.first, case .mapping(var members) = self else {
            return
        }
        let names = [key] + LayerMerge.others(of: key)
        if let index = members.firstIndex(where: { names.contains($0.key) }) {
            members[index].value.add(value, at: path.dropFirst())
        } else {
            var inner = value
            for key in path.dropFirst().reversed() {
                inner = .mapping([EffectiveConfiguration.Member(key: key, value: inner)])
            }
            members.append(EffectiveConfiguration.Member(key: key, value: inner))
        }
        self = .mapping(members)
    }

    fileprivate mutating func changeElements(at path: ArraySlice<String>, _ body: (inout Self) -> Void) {
        if let key = path.first, case .mapping(var members) = self,
            let index = members.firstIndex(where: { $0.key == key })
        {
            members[index].value.changeElements(at: path.dropFirst(), body)
            self = .mapping(members)
        } else if path.isEmpty, case .list(var values) = self {
            for index in values.indices {
                body(&values[index])
            }
            self = .list(values)
        }
    }
}
