// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Refuses work that the store could not give back unchanged, before anything is queued.
enum WorkCheck {
    static func check(_ records: [JournalRecord], of run: String) throws(StoreError) {
        guard records.count <= JournalLimits.recordsPerAppend else {
            throw .invalid(
                "run \(run): \(records.count) records in one call; \(JournalLimits.recordsPerAppend) is the limit"
            )
        }
        let bytes = JournalWriter.Weight(records).bytes
        guard bytes <= JournalLimits.bytesPerAppend else {
            throw .invalid("run \(run): \(bytes) bytes in one call; \(JournalLimits.bytesPerAppend) is the limit")
        }
        for record in records {
            guard record.run == run else {
                throw .invalid("records of the runs \(run) and \(record.run) in one call; append them separately")
            }
            let name = "run \(run), record \(record.sequence)"
            try self.check("\(name): its kind", record.kind, upTo: JournalLimits.kindBytes)
            guard record.body.count <= JournalLimits.bodyBytes else {
                throw .invalid(
                    "\(name): its body has \(record.body.count) bytes; \(JournalLimits.bodyBytes) is the limit"
                )
            }
            try self.checkText("\(name): its body", record.body)
        }
    }

    static func check(_ row: RunRow) throws(StoreError) {
        let run = row.summary
        try self.check("a run's identifier", run.id, upTo: JournalLimits.identifierBytes)
        let name = "run \(run.id)"
        guard row.plan.count <= JournalLimits.planBytes, row.source.utf8.count <= JournalLimits.planBytes else {
            throw .invalid("\(name): plan or source is larger than \(JournalLimits.planBytes) bytes")
        }
        try self.checkText("\(name): its plan", row.plan)
        guard run.parameters.utf8.count <= JournalLimits.valueBytes else {
            throw .invalid("\(name): its parameters are larger than \(JournalLimits.valueBytes) bytes")
        }
        guard run.locks.allSatisfy({ !$0.isEmpty && !$0.utf8.contains(UInt8(ascii: "\n")) }) else {
            throw .invalid("\(name): a lock's name is empty or contains a line break")
        }
        for text in [run.runbook, run.title, run.planDigest, run.requestedBy, run.state, run.parameters, row.source] {
            try self.checkText(name, Array(text.utf8))
        }
    }

    static func check(_ update: RunUpdate, of run: String) throws(StoreError) {
        guard update.run == run else {
            throw .invalid("an update of run \(update.run) came with records of run \(run)")
        }
        try self.check("run \(run): its state", update.state, upTo: JournalLimits.kindBytes)
        if let outcome = update.outcome {
            try self.check("run \(run): its outcome", outcome, upTo: JournalLimits.kindBytes)
        }
    }

    static func check(setting key: String, _ value: String) throws(StoreError) {
        try self.check("a setting's key", key, upTo: JournalLimits.identifierBytes)
        guard value.utf8.count <= JournalLimits.valueBytes else {
            throw .invalid("setting '\(key)' is larger than \(JournalLimits.valueBytes) bytes")
        }
        try self.checkText("setting '\(key)'", Array(value.utf8))
    }

    static func check(_ alert: AlertRow) throws(StoreError) {
        try self.check("an alert's runbook", alert.runbook, upTo: JournalLimits.identifierBytes)
        try self.check("an alert's subject", alert.subject, upTo: JournalLimits.identifierBytes)
        guard alert.began.utf8.count <= JournalLimits.identifierBytes, alert.body.utf8.count <= JournalLimits.bodyBytes
        else {
            throw .invalid("an alert for '\(alert.runbook)' is too long")
        }
        try self.checkText("an alert's beginning", Array(alert.began.utf8))
        try self.checkText("an alert's body", Array(alert.body.utf8))
    }

    private static func check(_ name: String, _ text: String, upTo limit: Int) throws(StoreError) {
        guard (1...limit).contains(text.utf8.count) else {
            throw .invalid("\(name) must have 1 to \(limit) bytes, and has \(text.utf8.count)")
        }
    }

    /// SQLite's text ends at a zero byte in some of its functions, and must be UTF-8 to come back unchanged.
    private static func checkText(_ name: String, _ bytes: [UInt8]) throws(StoreError) {
        guard !bytes.contains(0), String(validating: bytes, as: UTF8.self) != nil else {
            throw .invalid("\(name) is not UTF-8 text, or contains a zero byte")
        }
    }
}
