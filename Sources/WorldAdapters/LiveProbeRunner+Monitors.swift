// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunPlan
import RunPorts
package import RunVocabulary

/// Looks at nodes by their monitors, which are probes with a rule of what counts as healthy.
extension LiveProbeRunner {
    package func observe(_ nodes: [NodeName], in inventory: Inventory) async -> [ProbeReport] {
        await self.each(nodes) { target in
            guard let node = inventory[target], !node.allMonitors.isEmpty else {
                return ["problem": .string("\(target) has no monitor in the inventory")]
            }
            let monitors = node.allMonitors
            guard monitors.count > 1 else {
                return await self.look(at: node, by: monitors[0], in: inventory)
            }
            let words = await withTaskGroup(of: (Int, [String: Fact]).self) { group in
                for (index, monitor) in monitors.enumerated() {
                    group.addTask { (index, await self.look(at: node, by: monitor, in: inventory)) }
                }
                return await group.reduce(into: [[String: Fact]](repeating: [:], count: monitors.count)) {
                    $0[$1.0] = $1.1
                }
            }
            return NodeMonitor.merged(zip(monitors, words).map { (monitor: $0, facts: $1) })
        }
    }

    package func look(at target: NodeName, by name: String, in inventory: Inventory) async -> ProbeReport {
        guard let node = inventory[target], let monitor = node.allMonitors.first(where: { $0.name == name }) else {
            return ProbeReport(target: target, facts: ["problem": .string("\(target) has no such monitor any more")])
        }
        return ProbeReport(target: target, facts: await self.look(at: node, by: monitor, in: inventory))
    }

    private func look(at node: Node, by monitor: NodeMonitor, in inventory: Inventory) async -> [String: Fact] {
        guard let question = monitor.question(about: node) else {
            return ["problem": .string("what the monitor '\(monitor.title)' asks cannot be told from the inventory")]
        }
        let timeout = monitor.timeout ?? self.observationTimeout
        let facts =
            if case .kafka(let ask) = question {
                await self.askKafka(ask, of: node, in: inventory, timeout)
            } else {
                await self.ask(question, of: node, timeout)
            }
        return monitor.judged(facts, about: node, asking: question)
    }
}
