// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Parses, checks and compiles a long runbook.
struct CheckBenchmark {
    private let text: String
    private let steps: Int

    init(steps: Int) {
        self.text = GeneratedRunbook.trivial(steps: steps)
        self.steps = steps
    }

    func measure() throws -> Measurement.Figures {
        let measurement = Measurement.begin()
        _ = try GeneratedRunbook.compile(self.text)
        return measurement.end(self.steps, unit: "steps", rate: "steps_s")
    }
}
