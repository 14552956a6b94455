// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import PracticeCluster

/// What is refused before anything is started.
@Suite struct RefusalTests {
    @Test func `all that is missing is named at once, with the packages to install`() async throws {
        var options = Lab.options
        options.programs.java = "/nowhere/java"
        options.programs.sshd = "no-such-sshd"
        options.programs.jars = "/nowhere/jars"
        let error = await #expect(throws: PracticeClusterError.self) {
            try await PracticeCluster.up(options)
        }
        #expect(error?.code == .programMissing)
        #expect(
            error?.message
                == "the practice cluster needs the program '/nowhere/java' and the program 'no-such-sshd' and "
                + "'/nowhere/jars/zookeeper.jar'; install with: apt-get install --no-install-recommends "
                + "default-jre-headless openssh-server zookeeper"
        )
        #expect(!Files.exists(options.folder))
    }

    @Test func `a folder with something in it is neither taken nor removed`() async throws {
        let options = Lab.options
        try Files.makeFolder(options.folder)
        try Files.write(options.folder + "/thesis.txt", "years of work\n")
        for attempt in 0..<2 {
            let error = await #expect(throws: PracticeClusterError.self) {
                if attempt == 0 {
                    _ = try await PracticeCluster.up(options)
                } else {
                    _ = try await PracticeCluster.down(folder: options.folder)
                }
            }
            #expect(error?.code == (attempt == 0 ? .folderTaken : .notALab))
        }
        #expect(Files.names(in: options.folder) == ["thesis.txt"])
        #expect(throws: PracticeClusterError.self) { try PracticeCluster.open(options.folder) }
        try Files.remove(options.folder)
    }

    @Test func `a file where the folder should be is refused`() async throws {
        let options = Lab.options
        try Files.write(options.folder, "")
        let error = await #expect(throws: PracticeClusterError.self) { try await PracticeCluster.up(options) }
        #expect(error?.message == "'\(options.folder)' is not a folder; choose another one")
        try Files.remove(options.folder)
    }

    @Test func `there is nothing to open where there is no lab`() throws {
        let folder = Lab.newFolder
        let error = #expect(throws: PracticeClusterError.self) { try PracticeCluster.open(folder) }
        #expect(
            error?.message
                == "there is no practice cluster in '\(folder)'; start one with 'selfheal lab up --folder \(folder)'"
        )
    }

    @Test(arguments: [
        ("relative/folder", 3, 3, "is not an absolute path"),
        ("/tmp/two words", 3, 3, "choose another one"),
        ("/tmp/../etc", 3, 3, "choose another one"),
        ("/tmp/lab", 4, 3, "ask for 3 or 5 members"),
        ("/tmp/lab", 3, 10, "ask for 0 to 9"),
    ])
    func `an impossible wish is refused`(folder: String, members: Int, brokers: Int, reason: String) async throws {
        var options = LabOptions(folder: folder, standInCommand: Lab.standIn)
        options.members = members
        options.brokers = brokers
        let error = await #expect(throws: PracticeClusterError.self) { try await PracticeCluster.up(options) }
        #expect(error?.code == .badOption)
        #expect(error?.message.contains(reason) == true)
    }

    @Test func `a pid that was used again is not taken for the process that had it`() throws {
        let own = try #require(ProcessTable.entry(of: ProcessTable.ownPID)).identity
        #expect(own.state == .running(pid: own.pid))
        let earlier = ProcessIdentity(pid: own.pid, startTime: own.startTime - 1)
        #expect(earlier.state == .down)
        #expect(!earlier.send(0))
    }
}
