// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunPlan
import RunVocabulary
package import SelfhealConfiguration

/// A place where a runbook asks for what the configuration does not have.
package struct Misfit: Hashable, Sendable {
    /// Nothing when it is the runbook as a whole, as with its `targets`.
    package var place: Place?
    /// The selection that it is about, if it is about one.
    package var selection: String?
    package var message: String
    package var help: String
    /// Whether it can turn out not to matter.
    package var isWarning = false
}

/// Compares a runbook with the configuration that it is to run with, before anything starts.
///
/// All of this would come out in the course of the run too, one at a time and at night.
package struct PlanFit {
    private let preview: PlanPreview
    private let binding: RunBinding
    private let people: [Person]
    private let channels: [String]

    package init(_ preview: PlanPreview, of binding: RunBinding, people: [Person], channels: [String]) {
        self.preview = preview
        self.binding = binding
        self.people = people
        self.channels = channels
    }

    /// In the order of the runbook.
    package var misfits: [Misfit] {
        self.binding.plan.selections.flatMap(self.misfits) + self.unknownClusters
            + self.preview.steps.flatMap(self.misfits)
    }

    // MARK: Nodes

    private func misfits(of selection: Selection) -> [Misfit] {
        let inventory = self.binding.inventory
        var misfits: [Misfit] = []
        for name in self.preview.unknownNodes(of: selection) {
            misfits.append(
                self.misfit(
                    of: selection,
                    "'\(selection.name)' names the node '\(name)', which is not there",
                    self.knownNodes
                )
            )
        }
        if let role = selection.role, !inventory.nodes.contains(where: { $0.roles.contains(role) }) {
            let known = Set(inventory.nodes.flatMap(\.roles)).sorted().joined(separator: ", ")
            let message = "'\(selection.name)' is empty: no node has the role '\(role)'"
            var misfit = self.misfit(of: selection, message, "roles of this configuration: \(known)")
            misfit.isWarning = true
            misfits.append(misfit)
        }
        return misfits
    }

    private func misfit(of selection: Selection, _ message: String, _ help: String) -> Misfit {
        Misfit(place: nil, selection: selection.name, message: message, help: help)
    }

    private var unknownClusters: [Misfit] {
        let known = (self.binding.inventory.clusters ?? []).map(\.key)
        let list = known.isEmpty ? "it has none" : "it has \(known.joined(separator: ", "))"
        return (self.binding.plan.clusters ?? []).filter { !known.contains($0.name) }.map { cluster in
            Misfit(
                place: cluster.place,
                message: "the configuration has no cluster '\(cluster.name)'",
                help: "write 'clusters: { \(cluster.name): { id: … } }' there; \(list)"
            )
        }
    }

    private var knownNodes: String {
        "nodes of this configuration: \(self.binding.inventory.nodes.map(\.name.text).joined(separator: ", "))"
    }

    private func misfits(of step: PlanPreview.Step) -> [Misfit] {
        let state = step.state
        var found: [(message: String, help: String)] = []
        if case .nodes(let nodes) = step.targets, nodes.isEmpty, state.when == nil, !self.isLoop(state) {
            found.append(
                ("'\(state.step)' has no target: the list is empty", "no targets are refused; see 'targets:' above")
            )
        }
        switch state.action {
        case .run(let action): found += self.problems(with: action, step)
        case .approve(let action):
            found += self.problems(withChannels: action.channels) + self.problems(with: action)
        case .notify(let action): found += self.problems(withChannels: action.channels)
        case .probe, .wait, .request, .choose, .parallel, .forEach, .call, .set, .pause, .finish: break
        }
        return found.map { Misfit(place: state.place, message: $0.message, help: $0.help) }
    }

    /// A loop over nothing does nothing, and that is fine.
    private func isLoop(_ state: PlanState) -> Bool {
        if case .forEach = state.action { true } else { false }
    }

    private typealias Problem = (message: String, help: String)

    private func problems(with action: RunAction, _ step: PlanPreview.Step) -> [Problem] {
        guard let targets = step.targets else {
            return []
        }
        let nodes = targets.candidates.compactMap { self.binding.inventory[$0] }
        // Of computed targets each may be left out, so only what fits none of them is surely wrong.
        let isCertain = if case .nodes = targets { true } else { false }
        func complain(_ without: [Node], _ message: (String) -> String, _ help: String) -> [Problem] {
            guard !without.isEmpty, isCertain || without.count == nodes.count else {
                return []
            }
            return [(message(without.map(\.name.text).joined(separator: ", ")), help)]
        }
        var problems = complain(
            nodes.filter { $0.ssh == nil },
            { "commands cannot be sent to \($0): the configuration does not say how" },
            "give it 'ssh:' with a user, a key and a pinned host key"
        )
        if case .service(let name, let verb) = action.command {
            let services = Set((nodes.flatMap(\.services) + self.binding.inventory.services).map(\.name)).sorted()
            let known =
                services.isEmpty ? "it has no 'services:'" : "services there: \(services.joined(separator: ", "))"
            problems += complain(
                nodes.filter { self.binding.inventory.command(of: name, verb, on: $0) == nil },
                { "there is no command to \(verb.rawValue) '\(name)' on \($0)" },
                "the configuration says how services are started; \(known)"
            )
        }
        return problems
    }

    // MARK: People

    private func problems(withChannels channels: [String]) -> [Problem] {
        channels.filter { !self.channels.contains($0) }.map { channel in
            let list =
                self.channels.isEmpty ? "it has none" : "channels there: \(self.channels.joined(separator: ", "))"
            return ("nobody can be told by '\(channel)': the configuration has no such channel", list)
        }
    }

    private func problems(with action: ApproveAction) -> [Problem] {
        let people = self.people
        var problems: [Problem] = []
        for approver in action.from where !people.contains(where: { $0.fits(approver) }) {
            switch approver {
            case .role(let role):
                let known = Set(people.flatMap(\.roles)).sorted().joined(separator: ", ")
                problems.append(
                    ("nobody has the role '\(role)'", "roles of 'people:': \(known.isEmpty ? "none" : known)")
                )
            case .person(let name):
                let known = people.map(\.name.text).joined(separator: ", ")
                problems.append(("'people:' has no '\(name)'", "people there: \(known.isEmpty ? "none" : known)"))
            }
        }
        let able = people.filter { person in action.from.contains { person.fits($0) } }.map(\.name)
        guard problems.isEmpty else {
            return problems
        }
        let others = able.filter { self.binding.requesterMayApprove || $0 != self.binding.requestedBy }
        guard others.count < action.needed else {
            return []
        }
        let who = action.from.map(\.text).joined(separator: ", ")
        let message = "\(action.needed) of \(who) must approve, and there are \(able.count)"
        guard able.count >= action.needed else {
            return [(message, "name more people with that role, or ask fewer of them")]
        }
        return [
            (
                "\(message) with \(self.binding.requestedBy), who starts the run and so may not approve it",
                "somebody else has to start it; 'security: { requester_may_approve: true }' allows it"
            )
        ]
    }
}
