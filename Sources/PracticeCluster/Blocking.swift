// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch

/// Where calls that block are made, so that they never hold up Swift's own threads.
///
/// A caller starts at most one such call for each host of the lab, of which there are at most
/// ``Blocking/callsLimit``.
enum Blocking {
    /// Five members and ``LabOptions/brokersLimit`` brokers, each with two services.
    static let callsLimit = 2 * (5 + LabOptions.brokersLimit)

    private static let queue = DispatchQueue(label: "selfheal.lab", attributes: .concurrent)

    static func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(PracticeClusterError) -> Value
    ) async throws(PracticeClusterError) -> Value {
        let result: Result<Value, PracticeClusterError> = await withCheckedContinuation { continuation in
            Self.queue.async {
                continuation.resume(returning: Result(catching: body))
            }
        }
        return try result.get()
    }
}
