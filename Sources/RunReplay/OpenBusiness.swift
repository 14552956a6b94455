// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunVocabulary

/// What a recorded run waits for, to tell whether each record answers something that was asked.
///
/// People may speak at any time; everything else in a journal is the consequence of a decision, and so shows whether the same was decided.
struct OpenBusiness {
    private var questions: Set<RequestID> = []
    private var notices: Set<NoticeID> = []
    /// Sent, but their beginnings are not recorded yet: these come next, in this order.
    private var toBegin: [EffectID] = []
    private var begun: Set<EffectID> = []

    /// Why the event cannot follow from what was decided; nothing when it can.
    func complaint(about event: RunEvent, wakeAt: Instant?) -> String? {
        switch event {
        case .started, .refused, .resumed: return nil
        case .began(let effect, _):
            guard self.toBegin.first == effect else {
                let instead = self.toBegin.first.map { "'\($0)' was to be sent" } ?? "nothing was to be sent"
                return "'\(effect)' was sent, and now \(instead)"
            }
        case .observed(let request, _, _), .probed(let request, _, _):
            guard self.questions.contains(request) else {
                return "question \(request.number) was answered, and now it is not asked"
            }
        case .ended(let effect, _, _):
            guard self.begun.contains(effect) else {
                return "'\(effect)' came to its end, and now it is not sent"
            }
        case .told(let notice, _, _):
            guard self.notices.contains(notice) else {
                return "the notice '\(notice)' was sent, and now it is not"
            }
        case .clockReached(let at):
            guard let wakeAt, wakeAt <= at else {
                return "the clock was looked at, and now nothing is to happen at that time"
            }
        case .voted, .cancelRequested, .settled, .triggerCleared: break
        }
        guard let forgotten = self.toBegin.first, !event.isBeginning else {
            return nil
        }
        return "nothing was sent, and now '\(forgotten)' is to be sent"
    }

    mutating func take(_ event: RunEvent, _ effects: [RunEffect]) {
        switch event {
        case .resumed:
            // What an engine had asked for and not written down went with it.
            self.questions = []
            self.notices = []
            self.toBegin = []
        case .began(let effect, _):
            self.toBegin.removeAll { $0 == effect }
            self.begun.insert(effect)
        case .ended(let effect, _, _): self.begun.remove(effect)
        case .observed(let request, _, _), .probed(let request, _, _): self.questions.remove(request)
        case .told(let notice, _, _): self.notices.remove(notice)
        case .started, .refused, .voted, .clockReached, .cancelRequested, .settled, .triggerCleared: break
        }
        for effect in effects {
            switch effect {
            case .observe(let request, _), .probe(let request, _): self.questions.insert(request)
            case .act(let act): self.toBegin.append(act.effect)
            case .inquire(let act): self.begun.insert(act.effect)
            case .tell(let notice): self.notices.insert(notice.id)
            case .stop, .openGate, .closeGate, .note, .finish: break
            }
        }
    }
}

extension RunEvent {
    fileprivate var isBeginning: Bool {
        switch self {
        case .began, .resumed: true
        default: false
        }
    }
}
