// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CurlTransfer
package import RunCore
import RunPorts
package import RunVocabulary
import Synchronization

/// Sends the requests of runs by libcurl.
package final class CurlRequestRunner: RequestRunner {
    /// Longest time for a connection; a request that cannot even connect was not sent.
    private static let connectLimit = Milliseconds.seconds(10)
    /// Name under which a repeated request is recognised by the other side.
    package static let keyHeader = "Idempotency-Key"

    private let transfer: CurlTransfer
    private let underWay: Mutex<[EffectID: Task<CommandReport, Never>]> = Mutex([:])
    private let stopped: Mutex<Set<EffectID>> = Mutex([])

    package init(transfer: CurlTransfer) {
        self.transfer = transfer
    }

    package func send(_ act: Act) async -> CommandReport {
        await self.perform(act, isRepeated: false)
    }

    package func inquire(_ act: Act) async -> CommandReport {
        switch act.repeating {
        case .never:
            return CommandReport(
                .inDoubt(reason: "it was being sent when the engine ended, and a request leaves no receipt")
            )
        case .guarded, .safe: return await self.perform(act, isRepeated: true)
        }
    }

    package func stop(_ effect: EffectID) async -> Bool {
        let task = self.underWay.withLock { $0[effect] }
        guard let task else {
            return false
        }
        self.stopped.withLock { _ = $0.insert(effect) }
        task.cancel()
        return true
    }

    /// What was sent in an earlier life already (*repeated*) is not made unsent by a failure to send it now.
    private func perform(_ act: Act, isRepeated: Bool) async -> CommandReport {
        guard case .request(let request) = act.command else {
            return CommandReport(.notSent(reason: "it is no request"))
        }
        let http = Self.http(request, of: act)
        let task = Task { [transfer = self.transfer] in
            do throws(TransferError) {
                return Self.report(try await transfer.perform(http))
            } catch {
                return Self.report(error, of: act, isRepeated: isRepeated)
            }
        }
        self.underWay.withLock { $0[act.effect] = task }
        let report = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        self.underWay.withLock { $0[act.effect] = nil }
        let wasStopped = self.stopped.withLock { $0.remove(act.effect) != nil }
        return wasStopped ? Self.stopped(report) : report
    }

    private static func http(_ request: Act.Request, of act: Act) -> HTTPRequest {
        var headers = request.headers.map { HTTPHeader($0.name, $0.value) }
        if act.repeating == .guarded {
            headers.append(HTTPHeader(self.keyHeader, act.effect.text))
        }
        return HTTPRequest(
            method: request.method,
            url: request.url,
            headers: headers,
            body: request.body.map { Array($0.value.utf8) },
            timeout: .milliseconds(act.timeout.count),
            connectTimeout: .milliseconds(min(act.timeout, self.connectLimit).count)
        )
    }

    private static func report(_ response: HTTPResponse) -> CommandReport {
        let kept = response.body.prefix(CommandReport.outputLimit)
        return CommandReport(
            .exited(status: response.status),
            standardOutput: String(decoding: kept, as: UTF8.self),
            isOutputCut: kept.count < response.body.count
        )
    }

    private static func report(_ error: TransferError, of act: Act, isRepeated: Bool) -> CommandReport {
        // Where sending it again does no harm, nobody has to find out whether it arrived.
        guard act.effectClass.changesTheWorld, act.repeating != .safe else {
            if error.code == .timedOut {
                return CommandReport(.timedOut)
            }
            return CommandReport(.exited(status: 0), standardError: error.message)
        }
        guard error.requestMayHaveArrived || isRepeated else {
            return CommandReport(.notSent(reason: error.message))
        }
        return CommandReport(.inDoubt(reason: error.message))
    }

    /// What is said of a request that was stopped; an answer that came before is the truth about it.
    private static func stopped(_ report: CommandReport) -> CommandReport {
        switch report.ending {
        case .notSent, .timedOut, .exited(status: 0): CommandReport(.stopped)
        case .exited, .signalled, .stopped, .inDoubt: report
        }
    }
}
