// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Probes

/// A small real cluster on this machine, to break and to heal.
///
/// Apache ZooKeeper servers, OpenSSH servers and stand-ins for Kafka brokers, each host on a loopback address of its
/// own, everything below one folder, as whichever user asks. Nothing of it outlives ``down(folder:progress:)``.
///
/// ```
///     up ──▶ healthy ──break──▶ broken ──heal──▶ healthy
///               └─────────────────┴────── down ──▶ nothing left
/// ```
///
/// The cluster is processes and files, not this value: any process may ``open(_:)`` it.
package struct PracticeCluster: Sendable {
    let layout: Layout
    /// As it was when the cluster was opened; only ``LabRecord/breaks`` changes afterwards.
    let record: LabRecord
    let prober: SocketProber

    init(layout: Layout, record: LabRecord) throws(PracticeClusterError) {
        self.layout = layout
        self.record = record
        do throws(ProbeError) {
            self.prober = try SocketProber()
        } catch {
            throw PracticeClusterError(
                .couldNotStart,
                "the thread that asks the members could not be started: \(error)"
            )
        }
    }

    package var folder: String { self.layout.folder }
    package var configurationPath: String { self.layout.configuration }
    package var sshConfigurationPath: String { self.layout.sshConfiguration }
    package var serviceCommandPath: String { self.layout.serviceCommand }
    package var identityPath: String { self.layout.identity }
    package var clusterID: String { self.record.clusterID }
    package var members: [LabRecord.Host] { self.record.members }
    package var brokers: [LabRecord.Host] { self.record.brokers }
    package var ports: LabOptions.Ports { self.record.ports }

    /// Finds the cluster that an earlier `up` built.
    package static func open(
        _ folder: String = LabOptions.defaultFolder
    ) throws(PracticeClusterError) -> PracticeCluster {
        let layout = Layout(folder: folder)
        try layout.requireMarker()
        return try PracticeCluster(layout: layout, record: LabRecord.read(from: layout))
    }

    /// What was broken and healed so far, in order.
    package func history() throws(PracticeClusterError) -> [Break] {
        try LabRecord.read(from: self.layout).breaks
    }

    /// Runs the service command as it would run on that host; the answer is its exit status and what it printed.
    @discardableResult
    package func service(
        _ service: Service,
        _ verb: String,
        on host: String
    ) async throws(PracticeClusterError) -> (exitStatus: Int32?, output: String) {
        let outcome = try await ChildProcess.run(
            [self.layout.serviceCommand, service.rawValue, verb],
            adding: ["SELFHEAL_LAB_HOST": host]
        )
        return (outcome.exitStatus, outcome.output)
    }

    /// The service command, where anything but success is an error.
    func require(_ service: Service, _ verb: String, on host: String) async throws(PracticeClusterError) {
        try await ChildProcess.succeed(
            [self.layout.serviceCommand, service.rawValue, verb],
            adding: ["SELFHEAL_LAB_HOST": host],
            doing: "'\(service.rawValue) \(verb)' on \(host)"
        )
    }

    /// The same for several hosts at once.
    func require(_ service: Service, _ verb: String, on hosts: [LabRecord.Host]) async throws(PracticeClusterError) {
        try await Concurrently.forEach(hosts) { (host) async throws(PracticeClusterError) in
            try await self.require(service, verb, on: host.name)
        }
    }

    func process(_ service: Service, on host: String) -> ProcessIdentity? {
        ProcessIdentity(pidFile: self.layout.host(host).pidFile(service))
    }

    func client(of member: LabRecord.Host) -> MemberClient {
        MemberClient(host: member, port: self.record.ports.client, prober: self.prober)
    }

    func member(_ name: String) throws(PracticeClusterError) -> LabRecord.Host {
        guard let member = self.members.first(where: { $0.name == name }) else {
            let names = self.members.map(\.name).joined(separator: ", ")
            throw PracticeClusterError(.unknownName, "there is no member '\(name)'; there are \(names)")
        }
        return member
    }
}

/// A task group with typed errors.
enum Concurrently {
    /// Runs the body for all elements at once and throws the first error in the order of the elements.
    static func forEach<Element: Sendable>(
        _ elements: [Element],
        _ body: @escaping @Sendable (Element) async throws(PracticeClusterError) -> Void
    ) async throws(PracticeClusterError) {
        _ = try await Self.map(elements, body)
    }

    /// The results are in the order of the elements.
    static func map<Element: Sendable, Value: Sendable>(
        _ elements: [Element],
        _ body: @escaping @Sendable (Element) async throws(PracticeClusterError) -> Value
    ) async throws(PracticeClusterError) -> [Value] {
        let results = await withTaskGroup(
            of: (Int, Result<Value, PracticeClusterError>).self,
            returning: [Result<Value, PracticeClusterError>].self
        ) { group in
            for (index, element) in elements.enumerated() {
                group.addTask {
                    do throws(PracticeClusterError) {
                        return (index, .success(try await body(element)))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            var results: [(Int, Result<Value, PracticeClusterError>)] = []
            for await result in group {
                results.append(result)
            }
            return results.sorted { $0.0 < $1.0 }.map(\.1)
        }
        var values: [Value] = []
        for result in results {
            values.append(try result.get())
        }
        return values
    }
}
