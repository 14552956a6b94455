// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The last line of a program's output, word by word.
struct AnswerLine {
    let words: [String]
    let line: String

    var answer: ReceiptAnswer {
        switch self.word(1) {
        case "opened": .opened
        case "never": self.never
        case "running": self.running
        case "done": self.done
        case "refused": self.refused
        case "doubt": self.doubt
        case "swept": self.swept
        case "stored": self.stored
        default: self.unreadable
        }
    }

    private var unreadable: ReceiptAnswer {
        .doubt(.unreadable("unexpected line '\(self.line.prefix(80))'"))
    }

    private func word(_ index: Int) -> String? {
        self.words.indices.contains(index) ? self.words[index] : nil
    }

    /// The free text from the word at `index` on.
    private func text(from index: Int) -> String {
        self.words.dropFirst(index).joined(separator: " ")
    }

    private var never: ReceiptAnswer {
        guard let word = self.word(2) else {
            return self.unreadable
        }
        return .never(sealed: word != "no")
    }

    private var running: ReceiptAnswer {
        guard let word = self.word(2), let age = Int64(word) else {
            return self.unreadable
        }
        return .running(for: .centiseconds(max(age, 0)))
    }

    private var done: ReceiptAnswer {
        guard let status = self.word(2).flatMap(Int32.init),
            let cause = self.word(3).flatMap(ReceiptEnding.Cause.init(rawValue:))
        else {
            return self.unreadable
        }
        return .done(ReceiptEnding(status: status, cause: cause))
    }

    private var refused: ReceiptAnswer {
        switch self.word(2) {
        case "term":
            guard let term = self.word(3).flatMap(UInt64.init) else {
                return self.unreadable
            }
            return .refused(.olderTerm(current: term))
        case "budget": return .refused(.budgetSpent)
        case "sealed": return .refused(.sealed(because: self.text(from: 3)))
        case "store": return .refused(.anotherStore(found: self.incarnation))
        case "shell": return .refused(.unsupportedShell(self.text(from: 3)))
        case "host": return .refused(.unsupportedHost(self.text(from: 3)))
        case "unwritable": return .refused(.storeUnwritable(self.text(from: 3)))
        case "directory": return .refused(.noWorkingDirectory(self.text(from: 3)))
        default: return self.unreadable
        }
    }

    private var doubt: ReceiptAnswer {
        switch self.word(2) {
        case "rebooted": .doubt(.restarted(recordedStatus: self.word(3).flatMap(Int32.init)))
        case "store": .doubt(.anotherStore(found: self.incarnation))
        case "receipt": .doubt(.receiptVanished)
        case "lost": .doubt(.endNotRecorded)
        case "stuck", "alive": .doubt(.notConfirmedGone)
        case "torn", "abandoned": .doubt(.damaged)
        case "swept": .doubt(.maybeSwept)
        default: self.unreadable
        }
    }

    private var stored: ReceiptAnswer {
        .stored(runs: self.words.dropFirst(2).compactMap { try? ReceiptID($0) })
    }

    private var swept: ReceiptAnswer {
        guard let removed = self.word(2).flatMap(Int.init), let kept = self.word(3).flatMap(Int.init) else {
            return self.unreadable
        }
        return .swept(removed: removed, kept: kept)
    }

    private var incarnation: StoreIncarnation? {
        self.word(3).flatMap { try? StoreIncarnation($0) }
    }
}
