// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
package import RunbookSource
package import RunbookYAML

/// What a configuration says of one way to watch a node: a probe as in a runbook, and what must hold of its result.
package struct MonitorSyntax: Sendable {
    /// Nothing when it is wrong, which has been reported.
    package let probe: ProbeKindSyntax?
    package let healthy: ExpressionSyntax?
    /// The word of the probe, such as `http`, where it stands.
    package let method: Spanned<String>?

    /// Takes the probe and `healthy` from a mapping, whose other keys are somebody else's.
    package init(_ reader: inout MappingReader) {
        let words = RunbookParser.probes
        self.method = reader.pairs(of: words).first.map { Spanned($0.key.text, at: $0.key.span) }
        self.healthy = reader.expression("healthy")
        self.probe = RunbookParser(sink: reader.sink).requiredProbe(&reader)
    }
}
