// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// Walks several lists of steps at the same time.
package struct ParallelAction: Hashable, Sendable, Codable {
    package struct Branch: Hashable, Sendable, Codable {
        package var name: String
        package var body: RegionID

        package init(name: String, body: RegionID) {
            self.name = name
            self.body = body
        }
    }

    /// How many branches must succeed for the step to succeed.
    package enum Join: Hashable, Sendable, Codable {
        case all
        case any
        case number(Int)

        package func needed(of total: Int) -> Int {
            switch self {
            case .all: total
            case .any: 1
            case .number(let number): number
            }
        }
    }

    /// In the order of the file.
    package var branches: [Branch]
    package var join: Join

    package init(branches: [Branch], join: Join) {
        self.branches = branches
        self.join = join
    }
}

/// The lists of one runbook: the main one, and those at its end.
package struct RunbookRegions: Hashable, Sendable, Codable {
    package var main: RegionID
    package var onFailure: RegionID?
    /// Whether what happened is undone before `on_failure` is walked.
    package var undoes: Bool
    package var finally: RegionID?
    package var deadline: Milliseconds?

    package init(
        main: RegionID,
        onFailure: RegionID? = nil,
        undoes: Bool = false,
        finally: RegionID? = nil,
        deadline: Milliseconds? = nil
    ) {
        self.main = main
        self.onFailure = onFailure
        self.undoes = undoes
        self.finally = finally
        self.deadline = deadline
    }
}

/// Another runbook, walked as one step of this one.
///
/// It is compiled into the plan of the runbook that calls it, so that a run is pinned to both.
package struct CallAction: Hashable, Sendable, Codable {
    package var runbook: String
    /// What is given to it, each value in the words of the caller.
    package var arguments: [NamedExpression]
    /// What it declares.
    package var parameters: [PlanParameter]
    /// What the configuration decides in it; nothing when it reads none.
    package var settings: [PlanSetting]?
    package var selections: [Selection]
    /// How old a fact may be in there.
    package var fresh: Milliseconds
    package var regions: RunbookRegions

    package init(
        runbook: String,
        arguments: [NamedExpression],
        parameters: [PlanParameter],
        selections: [Selection],
        fresh: Milliseconds,
        regions: RunbookRegions,
        settings: [PlanSetting]? = nil
    ) {
        self.runbook = runbook
        self.arguments = arguments
        self.parameters = parameters
        self.settings = settings
        self.selections = selections
        self.fresh = fresh
        self.regions = regions
    }
}

extension PlanAction {
    /// The lists of steps inside it, in the order of the file.
    package var regions: [RegionID] {
        switch self {
        case .forEach(let action): [action.body]
        case .parallel(let action): action.branches.map(\.body)
        case .call(let action):
            [action.regions.main] + [action.regions.onFailure, action.regions.finally].compactMap { $0 }
        case .probe, .wait, .run, .request, .approve, .notify, .choose, .set, .pause, .finish: []
        }
    }
}

extension PlanState {
    /// The lists of steps inside it, that of its undo last.
    package var regions: [RegionID] {
        self.action.regions + (self.undo.map { [$0] } ?? [])
    }
}

extension Plan {
    package var runbookRegions: RunbookRegions {
        RunbookRegions(
            main: Plan.main,
            onFailure: self.onFailure,
            undoes: self.undoesOnFailure ?? false,
            finally: self.finally,
            deadline: self.deadline
        )
    }
}
