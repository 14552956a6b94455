// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunReplay
import RunSimulator
import RunVocabulary

/// One engine, or several after one another, in a world that a seed draws.
struct Trial: Hashable, Sendable, CustomStringConvertible {
    var seed: UInt64
    /// The jobs before which the engine ends, counted from the beginning of each life.
    var crashes: [Int] = []
    /// What people say arrives twice.
    var duplicates = false
    /// Jobs that are ready run in any order, and some answers are late.
    var reorders = false
    /// At a crash part of what was not flushed is on the disk all the same.
    var tears = false
    /// After so many records somebody cancels the run.
    var cancelsAfter: Int?

    /// The same with less bad luck, the greatest reduction first.
    var simpler: [Trial] {
        var simpler: [Trial] = []
        for index in self.crashes.indices {
            var trial = self
            trial.crashes.remove(at: index)
            simpler.append(trial)
        }
        let flags: [WritableKeyPath<Trial, Bool>] = [\.duplicates, \.reorders, \.tears]
        for flag in flags where self[keyPath: flag] {
            var trial = self
            trial[keyPath: flag] = false
            simpler.append(trial)
        }
        if self.cancelsAfter != nil {
            var trial = self
            trial.cancelsAfter = nil
            simpler.append(trial)
        }
        for (index, crash) in self.crashes.enumerated() {
            for sooner in Set([crash / 2, crash - 1]).sorted() where sooner >= 1 && sooner < crash {
                var trial = self
                trial.crashes[index] = sooner
                simpler.append(trial)
            }
        }
        return simpler
    }

    var description: String {
        var words = ["seed \(self.seed)"]
        words += self.crashes.enumerated().map { "life \($0 + 1) ends before job \($1)" }
        words += self.duplicates ? ["words come twice"] : []
        words += self.reorders ? ["answers in any order"] : []
        words += self.tears ? ["torn tail"] : []
        words += self.cancelsAfter.map { ["cancelled after record \($0)"] } ?? []
        return words.joined(separator: ", ")
    }
}

/// What an engine is planted with, to see whether it would be noticed.
enum PlantedFault: String, Hashable, Sendable, CaseIterable {
    /// The journal answers before the disk has it.
    case sendBeforeDurable
    case dropBegan
    case swallowCancel
    case loseWake
    /// What became of a command is found out by sending it again.
    case sendInsteadOfAsking
    /// Whatever a command said, it went well.
    case everythingWentWell
    /// A connection that broke is taken for a command that never left.
    case brokenMeansNotSent
    /// The last record of an earlier life is not read.
    case forgetLastRecord
}

/// How a trial came out.
struct Verdict: Sendable {
    /// What must never be, and was.
    var violations: [String] = []
    var transcript: [String] = []
    var jobs: [Int] = []
    var outcome: RunOutcome?
    var records = 0
    var sent = 0
}

extension Trial {
    /// What a seed makes of it: up to two crashes somewhere in so many jobs, and any of the other mishaps.
    static func drawn(seed: UInt64, jobs: UInt64) -> Trial {
        var generator = SplitMix64(seed: seed)
        var trial = Trial(seed: seed)
        let crashes = generator.number(below: 3)
        trial.crashes = (0..<crashes).map { _ in Int(generator.number(below: jobs)) + 1 }
        trial.duplicates = generator.number(below: 2) == 0
        trial.reorders = generator.number(below: 2) == 0
        trial.tears = generator.number(below: 2) == 0
        trial.cancelsAfter = generator.number(below: 4) == 0 ? Int(generator.number(below: 40)) + 1 : nil
        return trial
    }
}
