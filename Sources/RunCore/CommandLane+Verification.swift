// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary

/// What the verifier reads.
extension CommandLane {
    /// Reasons are left out: they are for readers.
    func mix(into fingerprint: inout StateFingerprint) {
        fingerprint.mix(self.target?.text ?? "")
        fingerprint.mix(UInt64(self.attempt) << 32 | UInt64(self.unsent))
        fingerprint.mix(self.isInquiring)
        fingerprint.mix(self.isStopping)
        fingerprint.mix(self.report)
        switch self.phase {
        case .idle: fingerprint.mix(0)
        case .checking: fingerprint.mix(1)
        case .acting(let act, let hasBegun):
            fingerprint.mix(hasBegun ? 2 : 3)
            fingerprint.mix(UInt64(act.attempt))
        case .proving(let proof, _):
            fingerprint.mix(4)
            fingerprint.mix(proof.doubt != nil)
        case .betweenProofs(let proof, _):
            fingerprint.mix(5)
            fingerprint.mix(proof.doubt != nil)
            fingerprint.mix(proof.isKnown)
        case .resting: fingerprint.mix(6)
        case .undecided(_, let doubt):
            fingerprint.mix(7)
            fingerprint.mix(doubt.mayStillRun)
        case .over(let outcome, _):
            fingerprint.mix(8)
            fingerprint.mix(outcome.rawValue)
        case .queued: fingerprint.mix(9)
        case .leftAlone: fingerprint.mix(10)
        }
    }

    /// When the proof of what was done is given up, while it rests between two looks.
    var givesUpAt: Instant? {
        if case .betweenProofs(let proof, _) = self.phase { proof.until } else { nil }
    }
}
